//! A file on its way: `.staging/<digest>/`.

use std::sync::Arc;

use patchwharf_model::{Sha256, update::VendorDigest};
use patchwharf_trust::FileDigests;
use serde::{Deserialize, Serialize};

use crate::{DiskError, Location};

/// What a file must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Expected {
    /// The vendor's digest: names the folder in `.staging`.
    pub digest: VendorDigest,
    /// Its length in bytes, as the vendor pins it.
    pub size_bytes: u64,
    /// The SHA-256 that an earlier download computed, where the vendor gives SHA-1 only.
    pub pinned: Option<Sha256>,
}

/// Where the bytes come from; kept beside them so that a later process can go on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The URL.
    pub url: String,
    /// What `If-Range` needs: a strong ETag, else Last-Modified.
    pub validator: Option<String>,
}

/// Why a download did not become a verified file.
#[derive(Debug, thiserror::Error)]
pub enum PartialError {
    /// Another download of the same file is running.
    #[error("file {name} is being downloaded already")]
    Busy {
        /// Its name in `.staging`.
        name: String,
    },
    /// The vendor sends more than its catalogue says. What was written is thrown away.
    #[error("the file is longer than the {expected} bytes that the catalogue names; it was not kept")]
    TooLong {
        /// Length that the catalogue names, in bytes.
        expected: u64,
    },
    /// The bytes ended early. They are kept, to be resumed.
    #[error("the file ends after {found} of {expected} bytes")]
    TooShort {
        /// Bytes that came.
        found: u64,
        /// Length that the catalogue names, in bytes.
        expected: u64,
    },
    /// Right length, wrong content. Thrown away.
    #[error("the file's SHA-256 is {found}, expected {expected}; it was not kept")]
    WrongSha256 {
        /// What the catalogue or the first download pins.
        expected: Sha256,
        /// What came.
        found: Sha256,
    },
    /// Right length, wrong content by the vendor's SHA-1. Thrown away.
    #[error("the file's SHA-1 is not {expected}; its SHA-256 is {found}; it was not kept")]
    WrongSha1 {
        /// What the catalogue pins.
        expected: patchwharf_model::Sha1,
        /// SHA-256 of what came.
        found: Sha256,
    },
    /// A call failed; the file was thrown away.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// A file that is being written. Dropping it keeps what can be resumed.
#[derive(Debug)]
pub struct Partial {
    location: Arc<Location>,
}

/// A file whose bytes have the right length and digest. Place it, or drop it (its bytes stay in `.staging` when they
/// are many, and are taken up by the next [`Partial::open`]).
#[derive(Debug)]
pub struct Verified {
    digests: FileDigests,
}

impl Partial {
    /// Starts or resumes the download of a file; only one at a time.
    ///
    /// # Errors
    /// [`PartialError::Busy`], or when the disk fails.
    pub fn open(location: &Arc<Location>, expected: Expected) -> Result<Self, PartialError> {
        let _ = (location, expected);
        unimplemented!()
    }

    /// Bytes already there: where to resume. 0: start anew.
    #[must_use]
    pub fn have_bytes(&self) -> u64 {
        0
    }

    /// Where those bytes came from.
    #[must_use]
    pub fn source(&self) -> Option<&Source> {
        let _ = &self.location;
        None
    }

    /// A response begins: its body is the file from byte `at` on. `at` is 0 or [`Self::have_bytes`]; with 0 the bytes
    /// that were there are dropped.
    ///
    /// # Errors
    /// When the disk fails; the file was thrown away.
    pub fn begin(&mut self, source: Source, at: u64) -> Result<(), PartialError> {
        let _ = (source, at);
        unimplemented!()
    }

    /// Takes the next bytes in. Pieces of 256 KiB and more are best.
    ///
    /// # Errors
    /// [`PartialError::TooLong`] at the first byte too many; else when the disk fails. The file was thrown away.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), PartialError> {
        let _ = bytes;
        unimplemented!()
    }

    /// The body is at its end: compares length and digest. Nothing is durable yet; that comes with placing.
    ///
    /// # Errors
    /// [`PartialError::TooShort`] (kept, open it again to resume), a wrong digest or a failed disk (thrown away).
    pub fn finish(self) -> Result<Verified, PartialError> {
        unimplemented!()
    }

    /// Throws the file away.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn discard(self) -> Result<(), PartialError> {
        unimplemented!()
    }
}

impl Verified {
    /// Length and digests; the SHA-1 only where the vendor gives nothing better.
    #[must_use]
    pub fn digests(&self) -> &FileDigests {
        &self.digests
    }
}
