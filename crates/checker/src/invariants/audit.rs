//! The audit trail is a chain without a gap: nothing in it was altered, removed or cut off.

use aws_lc_rs::digest::{SHA256, digest};

use super::Scene;
use crate::{Finding, facts::Audit};

pub(super) fn look(scene: &Scene<'_>) -> Vec<Finding> {
    let say = |code, object: String, message: &str| vec![Finding::violation("I10", code, &object, message.to_owned())];
    let [head] = scene.facts.audit_head.as_slice() else {
        return say("audit-head", "audit trail".to_owned(), "its head is not there, or there are several");
    };
    let mut changes: Vec<&Audit> = scene.facts.audit.iter().filter(|change| change.audit_id > head.cut_id).collect();
    changes.sort_by_key(|change| change.audit_id);
    let (mut at, mut last) = (head.cut_id, head.cut_digest.clone());
    for change in changes {
        at += 1;
        if change.audit_id != at {
            return say("audit-gap", format!("change {at}"), "it was removed from the audit trail");
        }
        last = chained(&last, change);
        if change.digest.as_deref() != Some(&last) {
            return say("audit-altered", format!("change {at}"), "it is not what was written down");
        }
    }
    if at != head.audit_id || last != head.digest {
        return say(
            "audit-cut",
            format!("change {}", at + 1),
            "the audit trail ends before it, its head says otherwise",
        );
    }
    Vec::new()
}

/// SHA-256 of the JSON array of the digest before and the change.
fn chained(before: &str, change: &Audit) -> String {
    let Audit { audit_id, at, actor, source, action, object, before: was, after, digest: _ } = change;
    let text = serde_json::json!([before, audit_id, at, actor, source, action, object, was, after]).to_string();
    hex::encode(digest(&SHA256, text.as_bytes()))
}
