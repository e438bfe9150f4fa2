//! What an administrator changes.

use patchwharf_model::{PolicyId, UpdateId};

use super::OnRevision;
use crate::{
    DbError, Result, Write, derived,
    error::refuse_constraint,
    sql::{IntoValue, args, record, rows},
};

record!(
    struct Held {
        update_id: UpdateId,
    }
);

record!(
    struct Plain {
        name: String,
        on_revision: OnRevision,
    }
);

async fn one(w: &mut Write<'_>, what: &'static str, id: PolicyId) -> Result<Plain> {
    const ONE: &str = "SELECT name, on_revision FROM policy WHERE policy_id = $1";
    w.first(what, ONE, args![id]).await?.ok_or_else(|| DbError::not_found("policy", id))
}

pub(super) async fn touch(w: &mut Write<'_>, what: &'static str, ids: &[PolicyId]) -> Result<()> {
    const TOUCH: &str = "UPDATE policy SET changed_at = $1 \
         WHERE policy_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($2))";
    let now = w.now();
    w.run(what, TOUCH, vec![now.into_value(), rows(what, ids.iter().map(|id| (id,)))?]).await?;
    Ok(())
}

/// Adds switches that are on, each pointing at its update's current package, if there is one.
async fn bind(w: &mut Write<'_>, what: &'static str, id: PolicyId, updates: &[UpdateId]) -> Result<u64> {
    const BIND: &str = "INSERT INTO policy_update (policy_id, update_id, enabled, package_id, version, files_digest) \
         SELECT $1, i.update_id, 1, v.package_id, v.version, v.files_digest \
         FROM (SELECT DISTINCT CAST(value ->> 0 AS TEXT) AS id FROM json_each($2)) AS j \
         JOIN software_update AS i ON i.update_id = j.id \
         LEFT JOIN package AS p ON p.update_id = i.update_id AND p.active = 1 \
         LEFT JOIN package_version AS v ON v.package_id = p.package_id AND v.version = p.current_version \
         AND v.unproved = 0 WHERE true ON CONFLICT DO NOTHING";
    const UNKNOWN: &str = "SELECT CAST(j.value ->> 0 AS TEXT) AS update_id FROM json_each($1) AS j WHERE NOT EXISTS \
         (SELECT 1 FROM software_update AS i WHERE i.update_id = CAST(j.value ->> 0 AS TEXT))";
    let batch = rows(what, updates.iter().map(|u| (u,)))?;
    if let Some(unknown) = w.first::<Held>(what, UNKNOWN, vec![batch.clone()]).await? {
        return Err(DbError::not_found("update", unknown.update_id));
    }
    let added = w.run(what, BIND, vec![id.into_value(), batch.clone()]).await?;
    derived::updates(w, batch).await?;
    Ok(added)
}

/// Makes a policy over updates, on or off, bound to their current packages where there are any.
///
/// # Errors
/// `Refused` when the name is in use; `NotFound` when an update does not exist.
pub async fn create(
    w: &mut Write<'_>,
    name: &str,
    enabled: bool,
    on_revision: OnRevision,
    updates: &[UpdateId],
) -> Result<PolicyId> {
    const WHAT: &str = "make a policy";
    const INSERT: &str = "INSERT INTO policy (policy_id, name, enabled, on_revision, created_at, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $5)";
    let (id, now) = (PolicyId::new(), w.now());
    let done = w.run(WHAT, INSERT, args![id, name, enabled, on_revision.as_str(), now]).await;
    refuse_constraint(done, || format!("the name {name:?} is used by another policy"))?;
    bind(w, WHAT, id, updates).await?;
    let state = if enabled { "on" } else { "off" };
    w.audit("policy.create", format!("policy {id}"), None, Some(format!("{name}: {} updates, {state}", updates.len())));
    Ok(id)
}

/// Turns a policy on or off. Returns whether that changed anything.
///
/// # Errors
/// `NotFound`.
pub async fn set_enabled(w: &mut Write<'_>, id: PolicyId, enabled: bool) -> Result<bool> {
    const WHAT: &str = "turn a policy on or off";
    const SET: &str = "UPDATE policy SET enabled = $2, changed_at = $3 WHERE policy_id = $1 AND enabled <> $2";
    let (_, now) = (one(w, WHAT, id).await?, w.now());
    let changed = w.run(WHAT, SET, args![id, enabled, now]).await? > 0;
    if changed {
        let (action, before) = if enabled { ("policy.enable", "off") } else { ("policy.disable", "on") };
        let after = if enabled { "on" } else { "off" };
        w.audit(action, format!("policy {id}"), Some(before.into()), Some(after.into()));
    }
    Ok(changed)
}

/// Turns switches on or off: these updates, or all with `None`. Returns how many changed.
///
/// # Errors
/// `NotFound`.
pub async fn set_switches(w: &mut Write<'_>, id: PolicyId, updates: Option<&[UpdateId]>, enabled: bool) -> Result<u64> {
    const WHAT: &str = "turn switches of a policy on or off";
    const ALL: &str = "UPDATE policy_update SET enabled = $2 WHERE policy_id = $1 AND enabled <> $2";
    const THESE: &str = "UPDATE policy_update SET enabled = $2 WHERE policy_id = $1 AND enabled <> $2 \
         AND update_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($3))";
    one(w, WHAT, id).await?;
    let changed = match updates {
        None => w.run(WHAT, ALL, args![id, enabled]).await?,
        Some(updates) => {
            let batch = rows(WHAT, updates.iter().map(|u| (u,)))?;
            w.run(WHAT, THESE, vec![id.into_value(), enabled.into_value(), batch]).await?
        }
    };
    if changed > 0 {
        touch(w, WHAT, &[id]).await?;
        let after = format!("{changed} switches {}", if enabled { "on" } else { "off" });
        w.audit("policy.switch", format!("policy {id}"), None, Some(after));
    }
    Ok(changed)
}

/// Changes what it does when content is revised.
///
/// # Errors
/// `NotFound`.
pub async fn set_on_revision(w: &mut Write<'_>, id: PolicyId, on_revision: OnRevision) -> Result<()> {
    const WHAT: &str = "change what a policy does on a revision";
    const SET: &str = "UPDATE policy SET on_revision = $2 WHERE policy_id = $1";
    let before = one(w, WHAT, id).await?;
    w.run(WHAT, SET, args![id, on_revision.as_str()]).await?;
    touch(w, WHAT, &[id]).await?;
    let (before, after) = (before.on_revision.as_str().to_owned(), on_revision.as_str().to_owned());
    w.audit("policy.on-revision", format!("policy {id}"), Some(before), Some(after));
    Ok(())
}

/// Adds updates; those that it holds are left as they are. Returns how many were added.
///
/// # Errors
/// `NotFound`.
pub async fn add_updates(w: &mut Write<'_>, id: PolicyId, updates: &[UpdateId]) -> Result<u64> {
    const WHAT: &str = "add updates to a policy";
    one(w, WHAT, id).await?;
    let added = bind(w, WHAT, id, updates).await?;
    if added > 0 {
        touch(w, WHAT, &[id]).await?;
        w.audit("policy.add", format!("policy {id}"), None, Some(format!("{added} updates")));
    }
    Ok(added)
}

/// Takes updates out. Returns how many went.
///
/// # Errors
/// `NotFound`.
pub async fn remove_updates(w: &mut Write<'_>, id: PolicyId, updates: &[UpdateId]) -> Result<u64> {
    const WHAT: &str = "take updates out of a policy";
    const REMOVE: &str = "DELETE FROM policy_update WHERE policy_id = $1 \
         AND update_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($2))";
    one(w, WHAT, id).await?;
    let batch = rows(WHAT, updates.iter().map(|u| (u,)))?;
    let gone = w.run(WHAT, REMOVE, vec![id.into_value(), batch.clone()]).await?;
    if gone > 0 {
        touch(w, WHAT, &[id]).await?;
        derived::updates(w, batch).await?;
        w.audit("policy.remove", format!("policy {id}"), Some(format!("{gone} updates")), None);
    }
    Ok(gone)
}

/// Deletes a policy.
///
/// # Errors
/// `NotFound`.
pub async fn delete(w: &mut Write<'_>, id: PolicyId) -> Result<()> {
    const WHAT: &str = "delete a policy";
    const HELD: &str = "DELETE FROM policy_update WHERE policy_id = $1 RETURNING update_id";
    let before = one(w, WHAT, id).await?;
    let held: Vec<Held> = w.all(WHAT, HELD, args![id]).await?;
    w.run(WHAT, "DELETE FROM policy WHERE policy_id = $1", args![id]).await?;
    derived::updates(w, rows(WHAT, held.iter().map(|h| (h.update_id,)))?).await?;
    let before = format!("{}: {} updates", before.name, held.len());
    w.audit("policy.delete", format!("policy {id}"), Some(before), None);
    Ok(())
}

/// Recreates a policy: the same name, state and switches under a new id, each bound to its update's package of now.
///
/// # Errors
/// `NotFound`.
pub async fn recreate(w: &mut Write<'_>, id: PolicyId) -> Result<PolicyId> {
    const WHAT: &str = "recreate a policy";
    const MAKE: &str = "INSERT INTO policy (policy_id, name, enabled, on_revision, created_at, changed_at) \
         SELECT $2, $4, enabled, on_revision, $3, $3 FROM policy WHERE policy_id = $1";
    const BIND: &str = "INSERT INTO policy_update (policy_id, update_id, enabled, package_id, version, files_digest) \
         SELECT $2, s.update_id, s.enabled, v.package_id, v.version, v.files_digest FROM policy_update AS s \
         LEFT JOIN package AS p ON p.update_id = s.update_id AND p.active = 1 \
         LEFT JOIN package_version AS v ON v.package_id = p.package_id AND v.version = p.current_version \
         AND v.unproved = 0 WHERE s.policy_id = $1";
    let (before, new, now) = (one(w, WHAT, id).await?, PolicyId::new(), w.now());
    // The name is unique: the new one takes it when the old one has gone.
    w.run(WHAT, MAKE, args![id, new, now, format!("{new}")]).await?;
    w.run(WHAT, BIND, args![id, new]).await?;
    w.run(WHAT, "DELETE FROM policy_update WHERE policy_id = $1", args![id]).await?;
    w.run(WHAT, "DELETE FROM policy WHERE policy_id = $1", args![id]).await?;
    w.run(WHAT, "UPDATE policy SET name = $2 WHERE policy_id = $1", args![new, &before.name]).await?;
    w.audit("policy.recreate", format!("policy {new}"), Some(format!("policy {id}")), Some(before.name));
    Ok(new)
}

/// Accepts new content that waits: these updates, or all with `None`. Returns how many switched.
///
/// # Errors
/// `NotFound`.
pub async fn accept(w: &mut Write<'_>, id: PolicyId, updates: Option<&[UpdateId]>) -> Result<u64> {
    const WHAT: &str = "accept revised content in a policy";
    const ALL: &str = "UPDATE policy_update SET package_id = v.package_id, version = v.version, \
         files_digest = v.files_digest, pending_package = NULL, pending_version = NULL FROM package_version AS v \
         WHERE policy_update.policy_id = $1 AND v.package_id = policy_update.pending_package \
         AND v.version = policy_update.pending_version";
    const THESE: &str = "UPDATE policy_update SET package_id = v.package_id, version = v.version, \
         files_digest = v.files_digest, pending_package = NULL, pending_version = NULL FROM package_version AS v \
         WHERE policy_update.policy_id = $1 AND v.package_id = policy_update.pending_package \
         AND v.version = policy_update.pending_version \
         AND policy_update.update_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($2))";
    one(w, WHAT, id).await?;
    let switched = match updates {
        None => w.run(WHAT, ALL, args![id]).await?,
        Some(updates) => {
            let batch = rows(WHAT, updates.iter().map(|u| (u,)))?;
            w.run(WHAT, THESE, vec![id.into_value(), batch]).await?
        }
    };
    if switched > 0 {
        touch(w, WHAT, &[id]).await?;
        w.audit("policy.accept", format!("policy {id}"), None, Some(format!("{switched} updates")));
    }
    Ok(switched)
}
