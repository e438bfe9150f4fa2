//! The one-deleter protocol: mark the rows, (the caller drains and unlinks), remove the rows.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use jiff::Timestamp;
use patchwharf_model::{JobId, LocationId, PackageId, PolicyId, UpdateId, package::VersionState};

use super::proof::{self, Inode};
use crate::{
    Db, Result, Write, derived,
    sql::{IntoValue, args, record, rows},
};

record!(
    struct Marked {
        package_id: PackageId,
    }
);
record!(
    struct MarkedVersion {
        package_id: PackageId,
        version: u64,
    }
);

/// Removes inactive packages that are left without a version.
pub(super) async fn drop_empty(w: &mut Write<'_>, packages: impl Iterator<Item = PackageId>) -> Result<()> {
    const WHAT: &str = "remove packages that are left without a version";
    const DROP: &str = "DELETE FROM package WHERE active = 0 \
         AND package_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1)) AND NOT EXISTS \
         (SELECT 1 FROM package_version AS v WHERE v.package_id = package.package_id)";
    w.run(WHAT, DROP, vec![rows(WHAT, packages.map(|id| (id,)))?]).await?;
    Ok(())
}

record!(
    /// A version whose folder may go.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct DueVersion {
        /// The package.
        pub package_id: PackageId,
        /// The version.
        pub version: u64,
        /// `Retired` (mark it deleting first) or `Deleting`.
        pub state: VersionState,
        /// Where its folder is.
        pub location_id: LocationId,
        /// That location's folder.
        pub location_path: Utf8PathBuf,
        /// Bytes of its files.
        pub size_bytes: u64,
    }
);

record!(
    /// A policy that needs a package.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Needed {
        /// The package.
        pub package_id: PackageId,
        /// Its update.
        pub update_id: UpdateId,
        /// The policy.
        pub policy_id: PolicyId,
        /// Its name.
        pub policy: String,
    }
);

/// Which policies need these packages.
///
/// # Errors
/// When the database fails.
pub async fn needed_by(db: &Db, packages: &[PackageId]) -> Result<Vec<Needed>> {
    const WHAT: &str = "find the policies that need packages";
    const NEEDED: &str = "SELECT s.package_id, s.update_id, s.policy_id, p.name AS policy FROM policy_update AS s \
         JOIN policy AS p ON p.policy_id = s.policy_id \
         WHERE s.package_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1)) ORDER BY p.name, s.update_id";
    db.all(WHAT, NEEDED, vec![rows(WHAT, packages.iter().map(|id| (id,)))?]).await
}

/// Marks whole packages as being deleted: inactive, nothing current, all versions `Deleting`, policies' switches stay
/// on with "package missing". The caller holds the locks: `(package, token)`; others are left out and returned. `why`
/// says for the audit trail what called a package unused.
///
/// # Errors
/// When the database fails.
pub async fn mark_packages_deleting(
    w: &mut Write<'_>,
    job: JobId,
    packages: &[(PackageId, i64)],
    why: impl Fn(PackageId) -> Option<String>,
) -> Result<Vec<PackageId>> {
    const WHAT: &str = "mark packages as being deleted";
    const MARK: &str = "UPDATE package SET active = 0, current_version = NULL, token = token + 1 \
         FROM (SELECT CAST(value ->> 0 AS TEXT) AS id, CAST(value ->> 1 AS BIGINT) AS held FROM json_each($2)) AS j \
         WHERE package.package_id = j.id AND package.token = j.held AND package.lock_job || '' = $1 RETURNING package_id";
    const VERSIONS: &str = "UPDATE package_version SET state = 'deleting', since = $1, job_id = $2, reason = '' \
         WHERE package_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($3)) AND state <> 'deleting'";
    const SWITCHES: &str = "UPDATE policy_update SET package_id = NULL, version = NULL, files_digest = NULL \
         WHERE package_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1))";
    const PENDING: &str = "UPDATE policy_update SET pending_package = NULL, pending_version = NULL \
         WHERE pending_package IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1))";
    let now = w.now();
    let marked: Vec<Marked> = w.all(WHAT, MARK, vec![job.into_value(), rows(WHAT, packages)?]).await?;
    let marked: BTreeSet<PackageId> = marked.into_iter().map(|row| row.package_id).collect();
    let batch = rows(WHAT, marked.iter().map(|id| (id,)))?;
    w.run(WHAT, VERSIONS, vec![now.into_value(), job.into_value(), batch.clone()]).await?;
    w.run(WHAT, SWITCHES, vec![batch.clone()]).await?;
    w.run(WHAT, PENDING, vec![batch]).await?;
    derived::packages(w, marked.iter().copied()).await?;
    for id in &marked {
        w.audit("package.delete", format!("package {id}"), why(*id), Some("deleting".into()));
    }
    Ok(packages.iter().map(|p| p.0).filter(|id| !marked.contains(id)).collect())
}

/// Marks retired or unfinished versions as being deleted (never the current one). Returns those that are `Deleting`
/// now.
///
/// # Errors
/// When the database fails.
pub async fn mark_versions_deleting(
    w: &mut Write<'_>,
    job: Option<JobId>,
    versions: &[(PackageId, u64)],
) -> Result<Vec<(PackageId, u64)>> {
    const WHAT: &str = "mark versions as being deleted";
    const MARK: &str = "UPDATE package_version SET state = 'deleting', since = $1, \
         job_id = COALESCE($2, job_id) WHERE state NOT IN ('deleting') AND (package_id, version) IN \
         (SELECT CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT) FROM json_each($3)) \
         AND NOT EXISTS (SELECT 1 FROM package AS p WHERE p.package_id = package_version.package_id \
         AND p.current_version = package_version.version) AND NOT EXISTS (SELECT 1 FROM policy_update AS s \
         WHERE s.package_id = package_version.package_id AND s.version = package_version.version)";
    const READ: &str = "SELECT package_id, version FROM package_version WHERE state || '' = 'deleting' \
         AND (package_id, version) IN \
         (SELECT CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT) FROM json_each($1)) ORDER BY package_id, version";
    let now = w.now();
    let batch = rows(WHAT, versions)?;
    w.run(WHAT, MARK, vec![now.into_value(), job.into_value(), batch.clone()]).await?;
    let marked: Vec<MarkedVersion> = w.all(WHAT, READ, vec![batch]).await?;
    derived::packages(w, versions.iter().map(|v| v.0)).await?;
    Ok(marked.into_iter().map(|row| (row.package_id, row.version)).collect())
}

/// Retires versions until `after` (never the current one).
///
/// # Errors
/// When the database fails.
pub async fn retire(w: &mut Write<'_>, versions: &[(PackageId, u64)], after: Timestamp) -> Result<u64> {
    const WHAT: &str = "retire versions";
    const RETIRE: &str = "UPDATE package_version SET state = 'retired', since = $1, retire_after = $2, reason = '', \
         next_try_at = NULL WHERE state NOT IN ('retired', 'deleting') AND (package_id, version) IN \
         (SELECT CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT) FROM json_each($3)) \
         AND NOT EXISTS (SELECT 1 FROM package AS p WHERE p.package_id = package_version.package_id \
         AND p.current_version = package_version.version)";
    let now = w.now();
    let retired = w.run(WHAT, RETIRE, vec![now.into_value(), after.into_value(), rows(WHAT, versions)?]).await?;
    derived::packages(w, versions.iter().map(|v| v.0)).await?;
    Ok(retired)
}

/// Versions to unlink: retired ones whose grace is over, and all that are `Deleting` (a crash left them).
///
/// # Errors
/// When the database fails.
pub async fn due_for_unlink(db: &Db, now: Timestamp, limit: u32) -> Result<Vec<DueVersion>> {
    const DUE: &str = "SELECT v.package_id, v.version, v.state, v.location_id, l.path AS location_path, v.size_bytes \
         FROM package_version AS v JOIN location AS l ON l.location_id = v.location_id \
         WHERE (v.state = 'deleting' OR (v.state = 'retired' AND v.retire_after <= $1)) \
         AND NOT EXISTS (SELECT 1 FROM policy_update AS s WHERE s.package_id = v.package_id AND s.version = v.version) \
         ORDER BY v.package_id, v.version LIMIT $2";
    db.all("find versions to unlink", DUE, args![now, limit]).await
}

/// Whether a version is on its way out: retired or being deleted, and no policy points at it.
///
/// # Errors
/// When the database fails.
pub async fn is_ending(db: &Db, (package, version): (PackageId, u64)) -> Result<bool> {
    const ENDING: &str = "SELECT v.state AS text FROM package_version AS v WHERE v.package_id = $1 AND v.version = $2 \
         AND v.state || '' IN ('retired', 'deleting') AND NOT EXISTS \
         (SELECT 1 FROM policy_update AS s WHERE s.package_id = v.package_id AND s.version = v.version)";
    let ending: Option<crate::sql::Text> =
        db.first("see whether a version is needed", ENDING, args![package, version]).await?;
    Ok(ending.is_some())
}

/// The versions of these packages that are being deleted.
///
/// # Errors
/// When the database fails.
pub async fn deleting(db: &Db, packages: &[PackageId]) -> Result<Vec<DueVersion>> {
    const WHAT: &str = "find versions of packages to unlink";
    const DELETING: &str = "SELECT v.package_id, v.version, v.state, v.location_id, l.path AS location_path, v.size_bytes \
         FROM json_each($1) AS j CROSS JOIN package_version AS v JOIN location AS l ON l.location_id = v.location_id \
         WHERE v.package_id = CAST(j.value ->> 0 AS TEXT) AND v.state || '' = 'deleting' \
         ORDER BY v.package_id, v.version";
    db.all(WHAT, DELETING, vec![rows(WHAT, packages.iter().map(|id| (id,)))?]).await
}

/// Inodes of versions. `CROSS JOIN` keeps SQLite to this order: by itself it begins with everything that is being deleted,
/// and reads the batch anew for each.
const INODES: &str = "SELECT DISTINCT v.location_id, f.dev, f.inode FROM json_each($1) AS j \
     CROSS JOIN package_version AS v CROSS JOIN package_file AS f WHERE v.package_id = CAST(j.value ->> 0 AS TEXT) \
     AND v.version = CAST(j.value ->> 1 AS BIGINT) AND v.state || '' = 'deleting' \
     AND f.package_id = v.package_id AND f.version = v.version AND f.inode IS NOT NULL";

/// Removes rows of versions in state `Deleting` whose folders are gone, their proofs that nothing else uses, and
/// inactive packages that are left without a version. One of which an original is still recorded stays. Returns how
/// many versions went.
///
/// # Errors
/// When the database fails.
pub async fn remove_versions(w: &mut Write<'_>, versions: &[(PackageId, u64)]) -> Result<u64> {
    const WHAT: &str = "remove the rows of deleted versions";
    const VERSIONS: &str = "DELETE FROM package_version WHERE state || '' = 'deleting' AND (package_id, version) IN \
         (SELECT CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT) FROM json_each($1)) \
         AND NOT EXISTS (SELECT 1 FROM original AS o WHERE o.package_id = package_version.package_id \
         AND o.version = package_version.version)";
    let batch = rows(WHAT, versions)?;
    let inodes: Vec<Inode> = w.all(WHAT, INODES, vec![batch.clone()]).await?;
    let gone = w.run(WHAT, VERSIONS, vec![batch]).await?;
    proof::drop_unused(w, WHAT, &inodes).await?;
    drop_empty(w, versions.iter().map(|v| v.0)).await?;
    derived::packages(w, versions.iter().map(|v| v.0)).await?;
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connection::Sql, plan};

    /// Reading the whole batch for each version that is being deleted made eleven thousand packages take a minute.
    #[tokio::test]
    async fn a_batch_is_forgotten_without_reading_it_for_everything_that_is_being_deleted() {
        let (db, _folder) = plan::database().await;
        let explain = Sql::Built(format!("EXPLAIN QUERY PLAN {INODES}"));
        let steps = plan::steps(&db, explain, Vec::new()).await;
        assert!(steps.first().is_some_and(|step| step.starts_with("SCAN j")), "{steps:#?}");
        assert!(!steps.iter().any(|step| step.contains("package_version_state")), "{steps:#?}");
    }
}
