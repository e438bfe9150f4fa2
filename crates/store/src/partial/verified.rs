//! A file whose bytes are right, on its way into version folders.

use std::{
    fs::File,
    os::fd::{AsFd as _, BorrowedFd},
    sync::{Arc, Mutex, PoisonError},
};

use patchwharf_model::package::ProofStamp;
use patchwharf_trust::FileDigests;

use super::aside::Aside;
use crate::{location::Slot, stamp};

/// A file whose bytes have the right length and digest. Place it, or drop it (its bytes stay in `.staging` when they
/// are many, and are taken up by the next [`super::Partial::open`]).
#[derive(Debug)]
pub struct Verified {
    pub(super) digests: FileDigests,
    pub(crate) body: Mutex<Body>,
}

/// Where the bytes are.
#[derive(Debug)]
pub(crate) enum Body {
    /// Few bytes: they go to disk where they belong, at once.
    Memory { bytes: Vec<u8>, _slot: Slot },
    /// In `.staging`, as they were hashed.
    Aside { aside: Box<Aside>, hashed: ProofStamp, _slot: Slot },
    /// In a version's folder already: further versions link to it.
    Placed(Arc<crate::inode::Inode>),
    /// An error of the disk; to be downloaded again.
    Spent,
}

impl Verified {
    /// Length and digests; the SHA-1 only where the vendor gives nothing better.
    #[must_use]
    pub fn digests(&self) -> &FileDigests {
        &self.digests
    }

    pub(crate) fn body(&self) -> std::sync::MutexGuard<'_, Body> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `name` in `folder` is the very inode behind `file`, with the content that was hashed.
pub(crate) fn is_same(folder: BorrowedFd<'_>, name: &str, file: &File, hashed: &ProofStamp) -> std::io::Result<bool> {
    let named = rustix::fs::statat(folder, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)?;
    let (named, open) = (stamp::from_stat(&named), stamp::of(file.as_fd())?);
    Ok(stamp::same_content(&named, hashed) && stamp::same_content(&open, hashed))
}
