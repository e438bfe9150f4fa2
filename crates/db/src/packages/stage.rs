//! From nothing to a staged version.

mod commit;

use std::collections::{BTreeSet, HashMap};

use patchwharf_model::{
    FileName, JobId, LocationId, PackageId, Sha256, UpdateId, package::VersionState, update::VendorDigest,
};

use super::{Proof, delete, proof};
use crate::{
    DbError, Result, Write, derived,
    sql::{IntoValue, json, record, rows},
};

pub use commit::{Committed, CommittedVersion, Replaces, Repointed, StagedFile, StagedVersion, commit_staged};

record!(
    struct VersionId {
        package_id: PackageId,
        version: u64,
    }
);

fn in_order(updates: &[UpdateId], found: Vec<PackageRef>) -> Result<Vec<PackageRef>> {
    let found: HashMap<UpdateId, PackageRef> = found.into_iter().map(|row| (row.update_id, row)).collect();
    let one = |id: &UpdateId| found.get(id).cloned().ok_or_else(|| DbError::not_found("update", id));
    updates.iter().map(one).collect()
}

record!(
    /// An update's package.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PackageRef {
        /// The update.
        pub update_id: UpdateId,
        /// Its package.
        pub package_id: PackageId,
        /// The fencing token now. Writers take theirs from [`super::lock`].
        pub token: i64,
        /// The version that is served.
        pub current_version: Option<u64>,
    }
);

/// A version to make.
#[derive(Clone, Debug)]
pub struct NewVersion {
    /// The package.
    pub package_id: PackageId,
    /// Where its folder will be.
    pub location_id: LocationId,
    /// `Wanted` or `Staging`.
    pub state: VersionState,
    /// Whether some file is pinned by SHA-1 only.
    pub weak: bool,
    /// Bytes of all files.
    pub size_bytes: u64,
    /// Of the update revision that it is made from.
    pub files_digest: Sha256,
    /// Its files.
    pub files: Vec<NewFile>,
}

/// A file of a version to make.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// Name in the folder.
    pub name: FileName,
    /// Length.
    pub size_bytes: u64,
    /// None: the vendor gives SHA-1 only and the bytes were never here.
    pub sha256: Option<Sha256>,
    /// What the vendor pins.
    pub vendor_digest: VendorDigest,
    /// None: a person must fetch it.
    pub url: Option<String>,
}

/// The active packages of these updates, made where there is none. Same order as given.
///
/// # Errors
/// `NotFound` when an update does not exist.
pub async fn ensure(w: &mut Write<'_>, updates: &[UpdateId]) -> Result<Vec<PackageRef>> {
    const WHAT: &str = "make packages";
    const MAKE: &str = "INSERT INTO package (package_id, update_id, active, next_version, token, since, size_bytes, \
         proved_at, created_at) SELECT CAST(j.value ->> 1 AS TEXT), i.update_id, 1, 1, 1, $1, 0, 0, $1 \
         FROM json_each($2) AS j JOIN software_update AS i ON i.update_id = CAST(j.value ->> 0 AS TEXT) \
         WHERE NOT EXISTS (SELECT 1 FROM package AS p WHERE p.update_id = i.update_id AND p.active = 1) \
         ON CONFLICT DO NOTHING";
    const READ: &str = "SELECT update_id, package_id, token, current_version FROM package WHERE active = 1 \
         AND update_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1))";
    let now = w.now();
    let ids: BTreeSet<UpdateId> = updates.iter().copied().collect();
    let batch = rows(WHAT, ids.iter().map(|id| (id, PackageId::new())))?;
    w.run(WHAT, MAKE, vec![now.into_value(), batch.clone()]).await?;
    let found: Vec<PackageRef> = w.all(WHAT, READ, vec![batch]).await?;
    in_order(updates, found)
}

/// New, inactive packages for these updates (complete refresh, recreate): they become active when their first version
/// is committed with [`Replaces`]. Same order as given.
///
/// # Errors
/// `NotFound` when an update does not exist.
pub async fn create_replacements(w: &mut Write<'_>, updates: &[UpdateId]) -> Result<Vec<PackageRef>> {
    const WHAT: &str = "make packages that take the place of others";
    const MAKE: &str = "INSERT INTO package (package_id, update_id, active, next_version, token, since, size_bytes, \
         proved_at, created_at) SELECT CAST(j.value ->> 1 AS TEXT), i.update_id, 0, 1, 1, $1, 0, 0, $1 \
         FROM json_each($2) AS j JOIN software_update AS i ON i.update_id = CAST(j.value ->> 0 AS TEXT) WHERE true";
    const READ: &str = "SELECT update_id, package_id, token, current_version FROM package \
         WHERE package_id IN (SELECT CAST(value ->> 1 AS TEXT) FROM json_each($1))";
    let now = w.now();
    let ids: BTreeSet<UpdateId> = updates.iter().copied().collect();
    let batch = rows(WHAT, ids.iter().map(|id| (id, PackageId::new())))?;
    w.run(WHAT, MAKE, vec![now.into_value(), batch.clone()]).await?;
    let found: Vec<PackageRef> = w.all(WHAT, READ, vec![batch]).await?;
    in_order(updates, found)
}

/// Makes version rows with their files. Returns the numbers, same order as given: never used before, at most one new
/// version per package in a call.
///
/// # Errors
/// When the database fails.
pub async fn new_versions(w: &mut Write<'_>, job: JobId, versions: &[NewVersion]) -> Result<Vec<u64>> {
    const WHAT: &str = "make package versions";
    const NUMBERS: &str = "UPDATE package SET next_version = next_version + 1 WHERE package_id IN \
         (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1)) RETURNING package_id, next_version - 1 AS version";
    const VERSIONS: &str = "INSERT INTO package_version (job_id, since, package_id, version, location_id, state, weak, \
         size_bytes, files_digest) SELECT $1, $2, CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT), \
         CAST(value ->> 2 AS TEXT), CAST(value ->> 3 AS TEXT), CAST(value ->> 4 AS BIGINT), \
         CAST(value ->> 5 AS BIGINT), CAST(value ->> 6 AS TEXT) FROM json_each($3)";
    const FILES: &str = "INSERT INTO package_file (state, package_id, version, name, size_bytes, sha256, vendor_digest, \
         url) SELECT 'wanted', CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT), CAST(value ->> 2 AS TEXT), \
         CAST(value ->> 3 AS BIGINT), CAST(value ->> 4 AS TEXT), CAST(value ->> 5 AS TEXT), CAST(value ->> 6 AS TEXT) \
         FROM json_each($1)";
    let now = w.now();
    let packages = rows(WHAT, versions.iter().map(|v| (v.package_id,)))?;
    let numbers: Vec<VersionId> = w.all(WHAT, NUMBERS, vec![packages]).await?;
    let numbers: HashMap<PackageId, u64> = numbers.into_iter().map(|row| (row.package_id, row.version)).collect();
    let (mut made, mut version_rows, mut file_rows) = (Vec::new(), Vec::new(), Vec::new());
    for v in versions {
        let number = numbers.get(&v.package_id).ok_or_else(|| DbError::not_found("package", v.package_id))?;
        made.push(*number);
        let state = v.state.as_str();
        let weak = i64::from(v.weak);
        version_rows.push((v.package_id, number, v.location_id, state, weak, v.size_bytes, v.files_digest));
        for f in &v.files {
            let digest = json(&f.vendor_digest);
            file_rows.push((v.package_id, number, &f.name, f.size_bytes, f.sha256, digest, &f.url));
        }
    }
    w.run(WHAT, VERSIONS, vec![job.into_value(), now.into_value(), rows(WHAT, version_rows)?]).await?;
    w.run(WHAT, FILES, vec![rows(WHAT, file_rows)?]).await?;
    derived::packages(w, versions.iter().map(|v| v.package_id)).await?;
    Ok(made)
}

/// Removes rows of versions that never became whole and whose folders are gone (cancelled, failed for good, crashed).
/// Current, staged and retired versions are never touched. Returns how many went.
///
/// # Errors
/// When the database fails.
pub async fn discard_versions(w: &mut Write<'_>, versions: &[(PackageId, u64)]) -> Result<u64> {
    const WHAT: &str = "remove versions that never became whole";
    const DISCARD: &str = "DELETE FROM package_version WHERE state || '' IN ('wanted', 'staging', 'unreachable', \
         'vendor-changed') AND (package_id, version) IN \
         (SELECT CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT) FROM json_each($1)) \
         AND NOT EXISTS (SELECT 1 FROM package AS p WHERE p.package_id = package_version.package_id \
         AND p.current_version = package_version.version)";
    let gone = w.run(WHAT, DISCARD, vec![rows(WHAT, versions)?]).await?;
    delete::drop_empty(w, versions.iter().map(|v| v.0)).await?;
    derived::packages(w, versions.iter().map(|v| v.0)).await?;
    Ok(gone)
}
