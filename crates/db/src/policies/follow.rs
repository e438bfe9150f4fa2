//! Switches that follow the package of their update.

use patchwharf_model::{PackageId, PolicyId, UpdateId};

use super::change::touch;
use crate::{
    Result, Write,
    packages::Repointed,
    sql::{record, rows},
};

record!(
    struct Follower {
        policy_id: PolicyId,
        policy: String,
        update_id: UpdateId,
        package_id: PackageId,
        version: u64,
        files_digest: String,
        pending: bool,
    }
);

/// Points the switches of these packages' updates at versions that have just become current, by each policy's rule:
/// the same content, or none before, always follows; revised content waits where the policy asks. What is unproved is
/// followed by nobody.
pub(crate) async fn follow(
    w: &mut Write<'_>,
    versions: impl Iterator<Item = (PackageId, u64)>,
) -> Result<Vec<Repointed>> {
    const WHAT: &str = "point policies at new packages";
    const FIND: &str = "SELECT s.policy_id, o.name AS policy, s.update_id, v.package_id, v.version, v.files_digest, \
         CASE WHEN o.on_revision = 'ask' AND s.files_digest IS NOT NULL AND s.files_digest <> v.files_digest \
         THEN 1 ELSE 0 END AS pending FROM json_each($1) AS j \
         JOIN package AS p ON p.package_id = CAST(j.value ->> 0 AS TEXT) AND p.active = 1 \
         JOIN package_version AS v ON v.package_id = p.package_id AND v.version = CAST(j.value ->> 1 AS BIGINT) \
         AND v.unproved = 0 \
         JOIN policy_update AS s ON s.update_id = p.update_id JOIN policy AS o ON o.policy_id = s.policy_id \
         ORDER BY o.name, s.update_id";
    const POINT: &str = "UPDATE policy_update SET package_id = j.package, version = j.number, files_digest = j.content, \
         pending_package = NULL, pending_version = NULL FROM (SELECT CAST(value ->> 0 AS TEXT) AS policy, \
         CAST(value ->> 1 AS TEXT) AS id, CAST(value ->> 2 AS TEXT) AS package, CAST(value ->> 3 AS BIGINT) AS number, \
         CAST(value ->> 4 AS TEXT) AS content FROM json_each($1)) AS j \
         WHERE policy_update.policy_id = j.policy AND policy_update.update_id = j.id";
    const WAIT: &str = "UPDATE policy_update SET pending_package = j.package, pending_version = j.number \
         FROM (SELECT CAST(value ->> 0 AS TEXT) AS policy, CAST(value ->> 1 AS TEXT) AS id, \
         CAST(value ->> 2 AS TEXT) AS package, CAST(value ->> 3 AS BIGINT) AS number FROM json_each($1)) AS j \
         WHERE policy_update.policy_id = j.policy AND policy_update.update_id = j.id";
    let followers: Vec<Follower> = w.all(WHAT, FIND, vec![rows(WHAT, versions)?]).await?;
    for (statement, pending) in [(POINT, false), (WAIT, true)] {
        let lines = followers.iter().filter(|f| f.pending == pending);
        let lines: Vec<_> =
            lines.map(|f| (f.policy_id, f.update_id, f.package_id, f.version, &f.files_digest)).collect();
        if !lines.is_empty() {
            w.run(WHAT, statement, vec![rows(WHAT, lines)?]).await?;
        }
    }
    let ids: std::collections::BTreeSet<PolicyId> = followers.iter().map(|f| f.policy_id).collect();
    if !ids.is_empty() {
        touch(w, WHAT, &ids.into_iter().collect::<Vec<_>>()).await?;
    }
    let mut repointed = Vec::new();
    for f in followers {
        let action = if f.pending { "policy.pending" } else { "policy.follow" };
        let after = format!("update {} at package {} version {}", f.update_id, f.package_id, f.version);
        w.audit(action, format!("policy {}", f.policy_id), None, Some(after));
        repointed.push(Repointed {
            policy_id: f.policy_id,
            policy: f.policy,
            update_id: f.update_id,
            package_id: f.package_id,
            version: f.version,
            pending: f.pending,
        });
    }
    Ok(repointed)
}
