//! The one-deleter protocol: mark the rows, (the caller drains and unlinks), remove the rows.

use camino::Utf8PathBuf;
use jiff::Timestamp;
use patchwharf_model::{JobId, LocationId, PackageId, PolicyId, UpdateId, package::VersionState};

use crate::{Db, Result, Write, sql::record};

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
    let _ = (db, packages);
    todo!()
}

/// Marks whole packages as being deleted: inactive, nothing current, all versions `Deleting`, policies' switches stay
/// on with "package missing". The caller holds the locks: `(package, token)`; others are left out and returned.
///
/// # Errors
/// When the database fails.
pub async fn mark_packages_deleting(
    w: &mut Write<'_>,
    job: JobId,
    packages: &[(PackageId, i64)],
) -> Result<Vec<PackageId>> {
    let _ = (w, job, packages);
    todo!()
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
    let _ = (w, job, versions);
    todo!()
}

/// Retires versions until `after` (never the current one).
///
/// # Errors
/// When the database fails.
pub async fn retire(w: &mut Write<'_>, versions: &[(PackageId, u64)], after: Timestamp) -> Result<u64> {
    let _ = (w, versions, after);
    todo!()
}

/// Versions to unlink: retired ones whose grace is over, and all that are `Deleting` (a crash left them).
///
/// # Errors
/// When the database fails.
pub async fn due_for_unlink(db: &Db, now: Timestamp, limit: u32) -> Result<Vec<DueVersion>> {
    let _ = (db, now, limit);
    todo!()
}

/// Removes rows of versions in state `Deleting` whose folders are gone, their proofs that nothing else uses, and
/// inactive packages that are left without a version. Returns how many versions went.
///
/// # Errors
/// When the database fails.
pub async fn remove_versions(w: &mut Write<'_>, versions: &[(PackageId, u64)]) -> Result<u64> {
    let _ = (w, versions);
    todo!()
}
