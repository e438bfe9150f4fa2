//! From nothing to a staged version.

use jiff::Timestamp;
use patchwharf_model::{
    FileName, JobId, LocationId, PackageId, PolicyId, Sha256, UpdateId, package::ProofStamp, package::VersionState,
    update::VendorDigest,
};

use crate::{Result, Write, sql::record};

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

/// A version whose files are on disk, renamed into place and fsynced.
#[derive(Clone, Debug)]
pub struct StagedVersion {
    /// The package.
    pub package_id: PackageId,
    /// The version, as [`new_versions`] gave it.
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

/// The active packages of these updates, made where there is none. Same order as given.
///
/// # Errors
/// `NotFound` when an update does not exist.
pub async fn ensure(w: &mut Write<'_>, updates: &[UpdateId]) -> Result<Vec<PackageRef>> {
    let _ = (w, updates);
    todo!()
}

/// New, inactive packages for these updates (complete refresh, recreate): they become active when their first version
/// is committed with [`Replaces`]. Same order as given.
///
/// # Errors
/// `NotFound` when an update does not exist.
pub async fn create_replacements(w: &mut Write<'_>, updates: &[UpdateId]) -> Result<Vec<PackageRef>> {
    let _ = (w, updates);
    todo!()
}

/// Makes version rows with their files. Returns the numbers, same order as given: never used before, at most one new
/// version per package in a call.
///
/// # Errors
/// When the database fails.
pub async fn new_versions(w: &mut Write<'_>, job: JobId, versions: &[NewVersion]) -> Result<Vec<u64>> {
    let _ = (w, job, versions);
    todo!()
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
    let _ = (w, job, retire_after, versions);
    todo!()
}

/// Removes rows of versions that never became whole and whose folders are gone (cancelled, failed for good, crashed).
/// Current, staged and retired versions are never touched. Returns how many went.
///
/// # Errors
/// When the database fails.
pub async fn discard_versions(w: &mut Write<'_>, versions: &[(PackageId, u64)]) -> Result<u64> {
    let _ = (w, versions);
    todo!()
}
