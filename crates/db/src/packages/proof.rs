//! Proof stamps: what the file system said of an inode when its bytes were hashed.

use jiff::Timestamp;
use patchwharf_model::{JobId, LocationId, PackageId, Sha256, package::ProofStamp};

use crate::{Db, Result, Write, sql::record};

/// A proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The stamp.
    pub stamp: ProofStamp,
    /// Identity of the content.
    pub sha256: Sha256,
    /// When its bytes were hashed.
    pub verified_at: Timestamp,
}

record!(
    /// A file of a current version whose proof is old or lacking.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct StaleFile {
        /// The package.
        pub package_id: PackageId,
        /// The version.
        pub version: u64,
        /// The file.
        pub name: String,
    }
);

/// Proofs of inodes of a location, in no order; inodes without one are left out.
///
/// # Errors
/// When the database fails.
pub async fn proofs(db: &Db, location: LocationId, inodes: &[(u64, u64)]) -> Result<Vec<Proof>> {
    let _ = (db, location, inodes);
    todo!()
}

/// Stores proofs in bulk (after our own link or unlink changed ctime, or after hashing).
///
/// # Errors
/// When the database fails.
pub async fn put_proofs(w: &mut Write<'_>, location: LocationId, job: Option<JobId>, proofs: &[Proof]) -> Result<()> {
    let _ = (w, location, job, proofs);
    todo!()
}

/// Files of current versions whose proof is older than `before` or lacking, oldest first: for verification by schedule.
///
/// # Errors
/// When the database fails.
pub async fn stale_files(db: &Db, before: Timestamp, limit: u32) -> Result<Vec<StaleFile>> {
    let _ = (db, before, limit);
    todo!()
}
