//! Lists of policies and their switches.

use patchwharf_model::PolicyId;

use super::{Policy, PolicyUpdate};
use crate::{Db, DbError, Result, sql::args};

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT p.policy_id, p.name, p.enabled, p.on_revision, p.created_at, p.changed_at, ",
            "(SELECT COUNT(*) FROM policy_update AS s WHERE s.policy_id = p.policy_id) AS updates, ",
            "(SELECT COUNT(*) FROM policy_update AS s WHERE s.policy_id = p.policy_id ",
            "AND s.package_id IS NULL) AS missing, ",
            "(SELECT COUNT(*) FROM policy_update AS s WHERE s.policy_id = p.policy_id ",
            "AND s.pending_package IS NOT NULL) AS pending, ",
            "(SELECT COUNT(*) FROM policy_update AS s JOIN update_revision AS r ON r.update_id = s.update_id ",
            "JOIN feed AS f ON f.feed_id = r.feed_id JOIN bulletin AS b ON b.bulletin_id = r.bulletin_id ",
            "WHERE s.policy_id = p.policy_id AND (b.enabled = 0 OR r.withdrawn = 1) AND r.from_gen <= f.current_generation ",
            "AND (r.to_gen IS NULL OR r.to_gen > f.current_generation)) AS withdrawn FROM policy AS p",
            $condition
        )
    };
}

/// All policies by name.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db) -> Result<Vec<Policy>> {
    db.all("list policies", select!(" ORDER BY p.name"), args![]).await
}

/// A policy by id or name.
///
/// # Errors
/// `NotFound`.
pub async fn show(db: &Db, name_or_id: &str) -> Result<Policy> {
    const SHOW: &str =
        select!(" WHERE p.policy_id = $2 OR p.name = $1 ORDER BY CASE WHEN p.policy_id = $2 THEN 0 ELSE 1 END");
    let found = db.first("show a policy", SHOW, args![name_or_id, name_or_id.to_lowercase()]).await?;
    found.ok_or_else(|| DbError::not_found("policy", name_or_id))
}

/// The switches of a policy, by bulletin and update key.
///
/// # Errors
/// When the database fails.
pub async fn switches(db: &Db, id: PolicyId) -> Result<Vec<PolicyUpdate>> {
    const SWITCHES: &str = "SELECT s.policy_id, s.update_id, i.update_key, COALESCE(r.title, '') AS title, \
         r.bulletin_id, b.name AS bulletin, CASE WHEN r.withdrawn = 1 THEN 0 ELSE b.enabled END AS offered, s.enabled, s.package_id, s.version, v.state, \
         v.weak, f.accept_sha1, s.files_digest, s.pending_package, s.pending_version FROM policy_update AS s \
         JOIN software_update AS i ON i.update_id = s.update_id JOIN feed AS f ON f.feed_id = i.feed_id \
         LEFT JOIN update_revision AS r ON r.update_id = s.update_id AND r.from_gen <= f.current_generation \
         AND (r.to_gen IS NULL OR r.to_gen > f.current_generation) \
         LEFT JOIN bulletin AS b ON b.bulletin_id = r.bulletin_id \
         LEFT JOIN package_version AS v ON v.package_id = s.package_id AND v.version = s.version \
         WHERE s.policy_id = $1 ORDER BY b.name, i.update_key";
    db.all("list the switches of a policy", SWITCHES, args![id]).await
}
