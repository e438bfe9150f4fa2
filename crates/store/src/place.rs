//! Placing: from verified files to version folders, many at once.

mod batch;
mod bring;
mod build;
mod reread;
mod split;
mod sync;

use std::sync::Arc;

use camino::Utf8PathBuf;
use patchwharf_model::{
    FileName, PackageId, Sha256,
    package::{Manifest, ProofStamp},
};
use patchwharf_trust::ManifestKey;

pub use bring::{Incoming, IncomingFile, Watch, Way};
pub(crate) use reread::{can_read_directly, sha256 as read_back};

use crate::{DiskError, FileCheck, Given, Location, ManifestError, Verified};

/// A version to be placed.
#[derive(Debug)]
pub struct NewVersion {
    /// Its manifest; written and signed as it is.
    pub manifest: Manifest,
    /// The content of `manifest.files`, one for one. Several versions may share a [`Verified`]: it is stored once.
    pub content: Vec<Content>,
}

/// Where the bytes of a file come from.
#[derive(Clone, Debug)]
pub enum Content {
    /// From a finished download.
    Fetched(Arc<Verified>),
    /// From a file that is already in this location: the same inode gets one more name.
    Existing(Existing),
    /// From a file of a folder that is not ours.
    Given(Arc<Given>),
}

/// A file that is in this location and was proved.
#[derive(Clone, Debug)]
pub struct Existing {
    /// Its package.
    pub package: PackageId,
    /// Its version.
    pub version: u64,
    /// Its name there.
    pub name: FileName,
    /// The stamp that its proof was made for.
    pub stamp: ProofStamp,
    /// Its content.
    pub sha256: Sha256,
}

/// A version that has its name, durably. Only now its row may say "staged".
#[derive(Debug)]
pub struct Placed {
    /// The package.
    pub package: PackageId,
    /// The version.
    pub version: u64,
    /// Its files, in the manifest's order. Store each stamp as the inode's proof (an upsert by device and inode: a
    /// linked file's older stamp gives way to this one).
    pub files: Vec<PlacedFile>,
}

/// A placed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedFile {
    /// Its name.
    pub name: FileName,
    /// Its content.
    pub sha256: Sha256,
    /// The stamp that holds from now on.
    pub stamp: ProofStamp,
    /// Whether its bytes are those of another file of the location (hard link or reflink): no second copy.
    pub same_data: bool,
}

/// Why a version was not placed. The others of the batch are not touched by it.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Manifest and content do not agree; a mistake of the caller or a changed catalogue.
    #[error("manifest of {package}/{version} does not agree with its files: {reason}")]
    Disagrees {
        /// The package.
        package: PackageId,
        /// The version.
        version: u64,
        /// In what.
        reason: String,
    },
    /// A file to be linked is not the one that was proved: verify it, then try again.
    #[error("{path} has changed since it was verified; verify it again")]
    Unproved {
        /// The file.
        path: Utf8PathBuf,
    },
    /// There is something at the version's place already; nothing was overwritten.
    #[error("{path} exists already; nothing was overwritten (`store reconcile` tells whose it is)")]
    Occupied {
        /// The version's folder.
        path: Utf8PathBuf,
    },
    /// The file that has the verified name is another one than the one that was hashed.
    #[error("{path} was exchanged or written to between its check and its placing; it was not placed")]
    Exchanged {
        /// The file.
        path: Utf8PathBuf,
    },
    /// An earlier placing of the same download failed, and an I/O error is final: download it again.
    #[error("{path} was thrown away after an error of the disk; download it again")]
    Spent {
        /// The file that it was for.
        path: Utf8PathBuf,
    },
    /// A version that was to be brought over is not whole where it is: it stays there, and nothing of it was taken.
    #[error("what lies in {path} is not what its rows and its manifest say")]
    Original {
        /// Its folder.
        path: Utf8PathBuf,
        /// The files that are not right.
        bad: Vec<FileCheck>,
        /// What is wrong with its manifest, if anything.
        manifest: Option<Box<ManifestError>>,
    },
    /// The disk gave back other bytes than were written and said to be durable: it is not to be trusted.
    #[error(
        "{path} was written and made durable, and the disk gives back other bytes: expected SHA-256 {expected}, found \
         {found}. Look at the kernel's log and at that disk"
    )]
    ReadBack {
        /// The copy.
        path: Utf8PathBuf,
        /// What was written.
        expected: Sha256,
        /// What came back.
        found: Sha256,
    },
    /// Neither a hard link nor shared blocks reach from the old place to the new one.
    #[error("{path} cannot share its data with the new place: they are different file systems; copy it instead")]
    CannotLink {
        /// The file at the old place.
        path: Utf8PathBuf,
    },
    /// The job was asked to stop before this version was brought over.
    #[error("{path} was not brought over: the job was asked to stop")]
    Stopped {
        /// Its folder at the old place.
        path: Utf8PathBuf,
    },
    /// The manifest cannot be written as JSON.
    #[error("cannot write the manifest of {package}/{version}")]
    Manifest {
        /// The package.
        package: PackageId,
        /// The version.
        version: u64,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A call failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl Location {
    /// Places versions: builds them aside, makes files and folders durable, renames without replacing, makes the
    /// parents durable. One result for each, in order; a version that fails leaves nothing behind.
    #[must_use]
    pub fn place(&self, versions: Vec<NewVersion>, key: &ManifestKey) -> Vec<Result<Placed, PlaceError>> {
        let mut results = Vec::with_capacity(versions.len());
        for batch in split::split(versions, |version| version.content.len()) {
            results.extend(batch::place(self, batch, key));
        }
        results
    }
}
