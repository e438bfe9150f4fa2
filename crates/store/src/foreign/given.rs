//! A file of a foreign folder on its way into versions of ours.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use camino::Utf8PathBuf;
use patchwharf_model::package::ProofStamp;
use patchwharf_trust::FileDigests;
use rustix::fs::{FileType, Stat, fstat};

use super::ForeignFolder;
use crate::inode::Inode;

/// A file of a foreign folder that was hashed and is what an update needs. Versions that need the same content share it.
#[derive(Debug)]
pub struct Given {
    folder: Arc<ForeignFolder>,
    below: PathBuf,
    stamp: ProofStamp,
    digests: FileDigests,
    wish: TakeAs,
    /// Our own copy, once it was made.
    placed: Mutex<Option<Arc<Inode>>>,
    taken: OnceLock<Taken>,
}

/// How bytes are wished to come over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TakeAs {
    /// By shared blocks, where the file system can; else copied.
    #[default]
    Share,
    /// By one more name, where that can be and only we can write to the file; else as `Share`.
    Link,
    /// Every byte copied.
    Copy,
}

/// How the bytes came over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// They were copied.
    Copied,
    /// They share their blocks with the foreign file: the same data until one of the two is written to.
    Shared,
    /// They are the foreign file itself under one more name.
    Linked,
}

impl Given {
    /// A file as [`ForeignFolder::hash`] found it.
    #[must_use]
    pub fn new(
        folder: &Arc<ForeignFolder>,
        below: &Path,
        stamp: ProofStamp,
        digests: FileDigests,
        wish: TakeAs,
    ) -> Self {
        let (folder, below) = (Arc::clone(folder), below.to_owned());
        Self { folder, below, stamp, digests, wish, placed: Mutex::default(), taken: OnceLock::new() }
    }

    /// Length and digests.
    #[must_use]
    pub fn digests(&self) -> &FileDigests {
        &self.digests
    }

    /// Where it lies, for texts.
    #[must_use]
    pub fn path(&self) -> Utf8PathBuf {
        self.folder.shown(&self.below)
    }

    /// How its bytes came over; none: they have not.
    #[must_use]
    pub fn taken(&self) -> Option<Taken> {
        self.taken.get().copied()
    }

    pub(crate) fn stamp(&self) -> &ProofStamp {
        &self.stamp
    }

    pub(crate) fn wish(&self) -> TakeAs {
        self.wish
    }

    pub(crate) fn placed(&self) -> MutexGuard<'_, Option<Arc<Inode>>> {
        self.placed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(&self, taken: Taken) {
        let _ = self.taken.set(taken);
    }

    pub(crate) fn open(&self) -> io::Result<(File, Stat)> {
        let file = self.folder.file(&self.below)?;
        let stat = fstat(&file)?;
        if !FileType::from_raw_mode(stat.st_mode).is_file() {
            return Err(io::Error::other("it is no file"));
        }
        Ok((file, stat))
    }
}
