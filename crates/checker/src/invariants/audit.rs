//! The audit trail is a chain without a gap: nothing in it was altered, removed or cut off, what servers have signed of it fits,
//! and it has what the server of the data folder remembers.

use aws_lc_rs::digest::{SHA256, digest};

use super::Scene;
use crate::{
    Finding,
    facts::{Audit, AuditHead, AuditSeal},
    heads::{Heads, Place},
    manifest,
};

pub(super) fn look(scene: &Scene<'_>) -> Vec<Finding> {
    match broken(scene) {
        Some((code, object, message)) => vec![Finding::violation("I10", code, object, message)],
        None => Vec::new(),
    }
}

type Broken = (&'static str, String, &'static str);

fn broken(scene: &Scene<'_>) -> Option<Broken> {
    let [head] = scene.facts.audit_head.as_slice() else {
        return Some(("audit-head", "audit trail".to_owned(), "its head is not there, or there are several"));
    };
    let mut changes: Vec<&Audit> = scene.facts.audit.iter().filter(|change| change.audit_id > head.cut_id).collect();
    changes.sort_by_key(|change| change.audit_id);
    chain(head, &changes)
        .or_else(|| scene.facts.audit_seals.iter().find_map(|seal| sealed(scene, head, &changes, seal)))
        .or_else(|| match scene.heads {
            Ok(heads) => heads.as_ref().and_then(|heads| remembered(scene, head, &changes, heads)),
            Err(_) => {
                let what = "what the server remembers of the audit trail cannot be read";
                Some(("audit-heads", "audit.heads in the data folder".to_owned(), what))
            }
        })
}

fn chain(head: &AuditHead, changes: &[&Audit]) -> Option<Broken> {
    let (mut at, mut last) = (head.cut_id, head.cut_digest.clone());
    for change in changes {
        at += 1;
        if change.audit_id != at {
            return Some(("audit-gap", format!("change {at}"), "it was removed from the audit trail"));
        }
        last = chained(&last, change);
        if change.digest.as_deref() != Some(&last) {
            return Some(("audit-altered", format!("change {at}"), "it is not what was written down"));
        }
    }
    let ends = at == head.audit_id && last == head.digest;
    let what = "the audit trail ends before it, its head says otherwise";
    (!ends).then(|| ("audit-cut", format!("change {}", at + 1), what))
}

/// What a server has signed is there, and a server that is known has signed it.
fn sealed(scene: &Scene<'_>, head: &AuditHead, changes: &[&Audit], seal: &AuditSeal) -> Option<Broken> {
    if seal.audit_id <= head.cut_id {
        return None;
    }
    let AuditSeal { audit_id, digest, at, key, signature } = seal;
    let object = format!("change {audit_id}");
    if !has(head, changes, *audit_id, digest) {
        return Some((
            "audit-seal",
            object,
            "its seal is of another change: the trail was written anew, or cut off before it",
        ));
    }
    let text = format!("patchwharf audit trail\n{audit_id}\n{digest}\n{at}\n");
    let is_known = scene.keys.is_empty() || scene.keys.iter().any(|known| known.0 == *key);
    let is_good = is_known && manifest::has_signed(key, &text, signature);
    (!is_good).then_some(("audit-seal", object, "its seal has no signature of a server that is known"))
}

/// The trail has the newest head that the server has seen, and begins where that server has cut it. What several servers use may
/// have been cut by another: the trail tells of it, and nothing is gone that is young.
fn remembered(scene: &Scene<'_>, head: &AuditHead, changes: &[&Audit], heads: &Heads) -> Option<Broken> {
    if let Some(seen) = heads.heads.last()
        && seen.change >= head.cut_id
        && !has(head, changes, seen.change, &seen.digest)
    {
        let what = "the server has seen it, and it is not there any more: the end of the trail was cut off or written anew, or an \
             older copy of the database is in its place (then `patchwharf audit accept`)";
        return Some(("audit-forgotten", format!("change {}", seen.change), what));
    }
    let here = Place { change: head.cut_id, digest: head.cut_digest.clone() };
    if here == heads.cut || heads.cutting.as_ref() == Some(&here) || here.change < heads.cut.change {
        return None;
    }
    let since = scene.now_us.saturating_sub(heads.young_seconds.saturating_mul(1_000_000));
    let is_young = heads.heads.iter().any(|seen| seen.change < here.change && seen.at_us > since);
    let told = format!(" up to {}:{}", here.change, here.digest);
    let is_told = changes
        .iter()
        .any(|change| change.action == "audit.cut" && change.before.as_ref().is_some_and(|text| text.ends_with(&told)));
    let may = scene.is_shared && !is_young && is_told;
    let what = "the audit trail begins after it, and the server has not cut it there: its beginning was removed";
    (!may).then(|| ("audit-beginning", format!("change {}", here.change), what))
}

fn has(head: &AuditHead, changes: &[&Audit], audit_id: i64, digest: &str) -> bool {
    if audit_id == head.cut_id {
        return head.cut_digest == digest;
    }
    let found = changes.binary_search_by_key(&audit_id, |change| change.audit_id);
    found.is_ok_and(|at| changes[at].digest.as_deref() == Some(digest))
}

/// SHA-256 of the JSON array of the digest before and the change.
fn chained(before: &str, change: &Audit) -> String {
    let Audit { audit_id, at, actor, source, action, object, before: was, after, digest: _ } = change;
    let text = serde_json::json!([before, audit_id, at, actor, source, action, object, was, after]).to_string();
    hex::encode(digest(&SHA256, text.as_bytes()))
}
