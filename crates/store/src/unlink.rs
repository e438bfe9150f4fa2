//! The disk half of the one deleter.

use camino::Utf8PathBuf;
use patchwharf_model::{FileName, PackageId, Timestamp, package::ProofStamp};

use crate::{DiskError, Location, OpenError};

/// A version to be removed.
#[derive(Clone, Debug)]
pub struct ToUnlink {
    /// The package.
    pub package: PackageId,
    /// The version.
    pub version: u64,
    /// The files that its rows or its manifest name, each with its proof's stamp where there is one.
    pub files: Vec<(FileName, Option<ProofStamp>)>,
}

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unlinked {
    /// Files that went.
    pub files: u64,
    /// Bytes that became free (a file that has other names frees none).
    pub freed_bytes: u64,
    /// Foreign things that were found in the folder and set aside, where they lie now.
    pub quarantined: Vec<Utf8PathBuf>,
    /// Inodes that live on under other names: the stamp that their proof was made for and the one that holds now.
    pub restamped: Vec<(ProofStamp, ProofStamp)>,
}

/// Why a version was not removed; it stays "deleting" and is tried again.
#[derive(Debug, thiserror::Error)]
pub enum UnlinkError {
    /// The location is no longer what was opened.
    #[error("nothing was deleted: the package location is not what it was")]
    Location(#[from] OpenError),
    /// A link or mount point in place of a folder. Not followed.
    #[error("nothing was deleted: {path} is a link or a mount point; remove it by hand and try again")]
    NotOurs {
        /// Where.
        path: Utf8PathBuf,
    },
    /// A call failed; what is left is tried again.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl Location {
    /// Removes versions: only files that are named, never through links or onto other mounts; what nobody named goes to
    /// quarantine. Parents are made durable. Doing it again is no error. One result for each, in order.
    #[must_use]
    pub fn unlink(&self, versions: &[ToUnlink], now: Timestamp) -> Vec<Result<Unlinked, UnlinkError>> {
        let _ = (versions, now);
        unimplemented!()
    }
}
