//! Why a download did not become a verified file.

use patchwharf_model::{Sha1, Sha256};

use crate::DiskError;

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
        expected: Sha1,
        /// SHA-256 of what came.
        found: Sha256,
    },
    /// A response begins at a byte that does not fit to what is there.
    #[error("the response begins at byte {at}, but {have} bytes are there; nothing was written")]
    Gap {
        /// Where the response begins.
        at: u64,
        /// Bytes that are there.
        have: u64,
    },
    /// An earlier call failed and the file was thrown away.
    #[error("the file was thrown away after an error; download it again")]
    Spent,
    /// A call failed; the file was thrown away.
    #[error(transparent)]
    Disk(#[from] DiskError),
}
