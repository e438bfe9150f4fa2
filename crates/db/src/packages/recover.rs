//! What resuming and reconciling need: files still wanted, retries that are due, versions that a restored database lost.

use jiff::Timestamp;
use patchwharf_model::{JobId, LocationId, PackageId, Sha256, UpdateId, update::VendorDigest};

use super::StagedFile;
use crate::{Db, Result, Write, sql::record};

record!(
    /// A version that is to be tried again.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Retry {
        /// Its update.
        pub update_id: UpdateId,
        /// Whether it is current, and damaged; else it was never whole.
        pub is_current: bool,
    }
);

/// A version on disk that the database does not know.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// Its package.
    pub package_id: PackageId,
    /// Its number.
    pub version: u64,
    /// Its update.
    pub update_id: UpdateId,
    /// Where its folder is.
    pub location_id: LocationId,
    /// Whether some file is pinned by SHA-1 only.
    pub weak: bool,
    /// Of the update revision that it was made from; none: not the current one.
    pub files_digest: Option<Sha256>,
    /// Its files with their proofs.
    pub files: Vec<StagedFile>,
    /// What the vendor pins and where it publishes each of `files`, one for one.
    pub vendor: Vec<(VendorDigest, Option<String>)>,
}

/// The contents that unfinished versions wait for: their files on the way are kept.
///
/// # Errors
/// When the database fails.
pub async fn wanted_contents(db: &Db) -> Result<Vec<VendorDigest>> {
    let _ = db;
    todo!()
}

/// Versions whose time to be tried again has come.
///
/// # Errors
/// When the database fails.
pub async fn due_for_retry(db: &Db, now: Timestamp, limit: u32) -> Result<Vec<Retry>> {
    let _ = (db, now, limit);
    todo!()
}

/// Takes a version back that the database has lost: its package is made where it is not there, and becomes its update's
/// package in place of an older one. False: the package is locked by a job, nothing was changed.
///
/// # Errors
/// When the database fails.
pub async fn adopt(w: &mut Write<'_>, job: Option<JobId>, retire_after: Timestamp, version: &Adopted) -> Result<bool> {
    let _ = (w, job, retire_after, version);
    todo!()
}
