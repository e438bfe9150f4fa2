//! The switch to versions that are whole on disk.

use std::collections::HashMap;

use jiff::Timestamp;
use patchwharf_model::{FileName, JobId, LocationId, PackageId, PolicyId, Sha256, UpdateId, package::ProofStamp};

use super::{Proof, proof};
use crate::{
    DbError, Result, Write, derived, policies,
    sql::{IntoValue, record, rows},
};

record!(
    struct Raised {
        package_id: PackageId,
        token: i64,
    }
);

record!(
    struct Placed {
        package_id: PackageId,
        location_id: LocationId,
    }
);

const COMMIT: &str = "switch packages to staged versions";

/// Compares and raises the tokens of all packages of the batch, replaced ones too. Returns what may go on.
async fn raise_tokens<'v>(
    w: &mut Write<'_>,
    job: JobId,
    versions: &'v [StagedVersion],
) -> Result<(Vec<&'v StagedVersion>, HashMap<PackageId, i64>)> {
    const RAISE: &str = "UPDATE package SET token = token + 1 FROM (SELECT CAST(value ->> 0 AS TEXT) AS id, \
         CAST(value ->> 1 AS BIGINT) AS held FROM json_each($2)) AS j \
         WHERE package.package_id = j.id AND package.token = j.held AND package.lock_job || '' = $1 \
         RETURNING package_id, token";
    let shown = versions.iter().flat_map(|v| {
        std::iter::once((v.package_id, v.token)).chain(v.replaces.iter().map(|r| (r.package_id, r.token)))
    });
    let raised: Vec<Raised> = w.all(COMMIT, RAISE, vec![job.into_value(), rows(COMMIT, shown)?]).await?;
    let raised: HashMap<PackageId, i64> = raised.into_iter().map(|row| (row.package_id, row.token)).collect();
    let held = |v: &&StagedVersion| {
        raised.contains_key(&v.package_id) && v.replaces.is_none_or(|r| raised.contains_key(&r.package_id))
    };
    Ok((versions.iter().filter(held).collect(), raised))
}

/// Every other version of these packages, and all of replaced ones, retires.
async fn retire_others(w: &mut Write<'_>, versions: &[&StagedVersion], retire_after: Timestamp) -> Result<()> {
    const RETIRE: &str = "UPDATE package_version SET state = 'retired', since = $1, retire_after = $2, reason = '', \
         next_try_at = NULL FROM (SELECT CAST(value ->> 0 AS TEXT) AS id, CAST(value ->> 1 AS BIGINT) AS kept \
         FROM json_each($3)) AS j WHERE package_version.package_id = j.id AND package_version.version <> j.kept \
         AND package_version.state NOT IN ('retired', 'deleting')";
    let now = w.now();
    let kept = versions.iter().flat_map(|v| {
        let kept = (v.package_id, crate::sql::saturate(v.version));
        std::iter::once(kept).chain(v.replaces.iter().map(|r| (r.package_id, -1)))
    });
    w.run(COMMIT, RETIRE, vec![now.into_value(), retire_after.into_value(), rows(COMMIT, kept)?]).await?;
    Ok(())
}

/// States, files and proofs. Returns the packages that share an inode with one of the files.
async fn write_versions(w: &mut Write<'_>, job: JobId, versions: &[&StagedVersion]) -> Result<Vec<PackageId>> {
    const VERSIONS: &str = "UPDATE package_version SET state = 'staged', since = $2, job_id = $1, reason = '', \
         weak = j.is_weak, next_try_at = NULL, retire_after = NULL FROM (SELECT CAST(value ->> 0 AS TEXT) AS id, \
         CAST(value ->> 1 AS BIGINT) AS number, CAST(value ->> 2 AS BIGINT) AS is_weak FROM json_each($3)) AS j \
         WHERE package_version.package_id = j.id AND package_version.version = j.number \
         RETURNING package_id, location_id";
    // What was made of the same digests that nobody vouches for is no better than they are.
    const INHERIT: &str = "UPDATE package_version SET unproved = 1 FROM (SELECT CAST(value ->> 0 AS TEXT) AS id, \
         CAST(value ->> 1 AS BIGINT) AS number FROM json_each($1)) AS j \
         WHERE package_version.package_id = j.id AND package_version.version = j.number \
         AND EXISTS (SELECT 1 FROM package_version AS o JOIN package AS q ON q.package_id = o.package_id \
         JOIN package AS p ON p.update_id = q.update_id WHERE o.unproved = 1 AND p.package_id = package_version.package_id \
         AND o.files_digest = package_version.files_digest)";
    const FILES: &str = "UPDATE package_file SET state = 'staged', reason = '', looked_at = NULL, size_bytes = j.length, \
         sha256 = j.content, dev = j.device, inode = j.number FROM (SELECT CAST(value ->> 0 AS TEXT) AS id, \
         CAST(value ->> 1 AS BIGINT) AS version, CAST(value ->> 2 AS TEXT) AS name, \
         CAST(value ->> 3 AS BIGINT) AS length, CAST(value ->> 4 AS TEXT) AS content, \
         CAST(value ->> 5 AS BIGINT) AS device, CAST(value ->> 6 AS BIGINT) AS number FROM json_each($1)) AS j \
         WHERE package_file.package_id = j.id AND package_file.version = j.version AND package_file.name = j.name";
    let now = w.now();
    let version_rows = rows(COMMIT, versions.iter().map(|v| (v.package_id, v.version, i64::from(v.weak))))?;
    let inheriting = rows(COMMIT, versions.iter().map(|v| (v.package_id, v.version)))?;
    let placed: Vec<Placed> = w.all(COMMIT, VERSIONS, vec![job.into_value(), now.into_value(), version_rows]).await?;
    w.run(COMMIT, INHERIT, vec![inheriting]).await?;
    let placed: HashMap<PackageId, LocationId> = placed.into_iter().map(|r| (r.package_id, r.location_id)).collect();
    let (mut file_rows, mut proofs) = (Vec::new(), Vec::new());
    for v in versions {
        let location = placed.get(&v.package_id);
        let location = *location.ok_or_else(|| DbError::not_found("version of package", v.package_id))?;
        for f in &v.files {
            let (dev, inode) = (f.stamp.dev.cast_signed(), f.stamp.inode.cast_signed());
            file_rows.push((v.package_id, v.version, &f.name, f.size_bytes, f.sha256, dev, inode));
            proofs.push((location, Proof { stamp: f.stamp, sha256: f.sha256, verified_at: f.verified_at }));
        }
    }
    w.run(COMMIT, FILES, vec![rows(COMMIT, file_rows)?]).await?;
    proof::put(w, COMMIT, Some(job), &proofs).await
}

/// Replaced packages step back, then the new ones become active and current.
async fn switch(w: &mut Write<'_>, versions: &[&StagedVersion]) -> Result<()> {
    const STEP_BACK: &str = "UPDATE package SET active = 0, current_version = NULL \
         WHERE package_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1))";
    const SWITCH: &str = "UPDATE package SET current_version = j.number, active = CASE WHEN EXISTS (SELECT 1 \
         FROM package AS o WHERE o.update_id = package.update_id AND o.active = 1 \
         AND o.package_id <> package.package_id) THEN package.active ELSE 1 END \
         FROM (SELECT CAST(value ->> 0 AS TEXT) AS id, CAST(value ->> 1 AS BIGINT) AS number FROM json_each($1)) AS j \
         WHERE package.package_id = j.id";
    let replaced: Vec<_> = versions.iter().filter_map(|v| v.replaces.map(|r| (r.package_id,))).collect();
    if !replaced.is_empty() {
        w.run(COMMIT, STEP_BACK, vec![rows(COMMIT, replaced)?]).await?;
    }
    w.run(COMMIT, SWITCH, vec![rows(COMMIT, versions.iter().map(|v| (v.package_id, v.version)))?]).await?;
    Ok(())
}

/// A version whose files are on disk, renamed into place and fsynced.
#[derive(Clone, Debug)]
pub struct StagedVersion {
    /// The package.
    pub package_id: PackageId,
    /// The version, as `new_versions` gave it.
    pub version: u64,
    /// The fencing token that the caller holds.
    pub token: i64,
    /// Whether some file is pinned by SHA-1 only.
    pub weak: bool,
    /// All files with their proof.
    pub files: Vec<StagedFile>,
    /// Complete refresh and recreate: the package whose place this one takes.
    pub replaces: Option<Replaces>,
}

/// The package whose place a new one takes: it becomes inactive and its versions retire.
#[derive(Clone, Copy, Debug)]
pub struct Replaces {
    /// The old package.
    pub package_id: PackageId,
    /// Its fencing token, held by the same job.
    pub token: i64,
}

/// A file on disk.
#[derive(Clone, Debug)]
pub struct StagedFile {
    /// Its name.
    pub name: FileName,
    /// Length.
    pub size_bytes: u64,
    /// Identity of its content.
    pub sha256: Sha256,
    /// What the file system said of it after it was hashed and last linked.
    pub stamp: ProofStamp,
    /// When its bytes were hashed.
    pub verified_at: Timestamp,
}

/// What a commit did.
#[derive(Clone, Debug, Default)]
pub struct Committed {
    /// Versions that are current now, with the packages' new tokens.
    pub versions: Vec<CommittedVersion>,
    /// Packages whose token or lock was another's by now: nothing was changed on them.
    pub lost: Vec<PackageId>,
    /// Policies that follow, to be logged.
    pub repointed: Vec<Repointed>,
}

/// One committed version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedVersion {
    /// The package.
    pub package_id: PackageId,
    /// The version that is current now.
    pub version: u64,
    /// The token after this change.
    pub token: i64,
}

/// A policy's switch that points at a new version now, or waits for the administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repointed {
    /// The policy.
    pub policy_id: PolicyId,
    /// Its name.
    pub policy: String,
    /// The update.
    pub update_id: UpdateId,
    /// The package that it points at (or that is pending).
    pub package_id: PackageId,
    /// Its version.
    pub version: u64,
    /// True: the vendor revised the content and the policy asks; it stays on what it had.
    pub pending: bool,
}

/// Switches packages to versions that are whole on disk, in one transaction for the batch: states, files, proofs,
/// current versions, old versions retired until `retire_after`, policies repointed by their rule, derived columns.
/// Packages whose token is no longer the caller's are left out and named in `lost`.
///
/// # Errors
/// When the database fails; then nothing was changed.
pub async fn commit_staged(
    w: &mut Write<'_>,
    job: JobId,
    retire_after: Timestamp,
    versions: &[StagedVersion],
) -> Result<Committed> {
    let (kept, raised) = raise_tokens(w, job, versions).await?;
    let lost: Vec<PackageId> =
        versions.iter().map(|v| v.package_id).filter(|id| !kept.iter().any(|v| v.package_id == *id)).collect();
    if kept.is_empty() {
        return Ok(Committed { lost, ..Committed::default() });
    }
    retire_others(w, &kept, retire_after).await?;
    let sharers = write_versions(w, job, &kept).await?;
    switch(w, &kept).await?;
    let repointed = policies::follow(w, kept.iter().map(|v| (v.package_id, v.version))).await?;
    let replaced = kept.iter().filter_map(|v| v.replaces.map(|r| r.package_id));
    derived::packages(w, kept.iter().map(|v| v.package_id).chain(replaced).chain(sharers)).await?;
    let mut done = Vec::new();
    for v in &kept {
        let token = raised.get(&v.package_id).copied().unwrap_or_default();
        done.push(CommittedVersion { package_id: v.package_id, version: v.version, token });
        let before = v.replaces.map(|r| format!("package {}", r.package_id));
        w.audit("package.switch", format!("package {}", v.package_id), before, Some(format!("version {}", v.version)));
    }
    Ok(Committed { versions: done, lost, repointed })
}
