//! A new file's inode: made durable once, by whoever comes first.

use std::{
    fs::File,
    io,
    os::fd::AsFd as _,
    sync::{Mutex, PoisonError},
};

use patchwharf_model::package::ProofStamp;
use rustix::fs::Advice;

use crate::{
    disk::{Disk, Kind},
    fault::{Mutant, mutant},
    stamp,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Durable {
    NotYet,
    Yes,
    /// The error is final: the kernel may have dropped the pages and a second fsync would lie.
    Failed,
}

/// A new file, kept open from its first byte until it is durable so that no write error is missed.
#[derive(Debug)]
pub(crate) struct Inode {
    file: File,
    durable: Mutex<Durable>,
}

impl Inode {
    pub(crate) fn new(file: File) -> Self {
        Self { file, durable: Mutex::new(Durable::NotYet) }
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn stamp(&self) -> io::Result<ProofStamp> {
        stamp::of(&self.file)
    }

    /// Whether an fsync failed: the file is lost.
    pub(crate) fn is_lost(&self) -> bool {
        *self.durable.lock().unwrap_or_else(PoisonError::into_inner) == Durable::Failed
    }

    /// Lets the disk begin to write, so that the fsync later finds less to wait for.
    pub(crate) fn start_writeback(&self) {
        start_writeback(&self.file, 0);
    }

    /// Makes the file durable; at most one fsync is ever made.
    pub(crate) fn make_durable(&self, disk: &dyn Disk) -> io::Result<()> {
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        match *durable {
            Durable::Yes => Ok(()),
            Durable::Failed => Err(rustix::io::Errno::IO.into()),
            Durable::NotYet => {
                let result = disk.fsync(self.file.as_fd(), Kind::File);
                *durable = if result.is_ok() { Durable::Yes } else { Durable::Failed };
                result
            }
        }
    }
}

/// Starts to write back what is dirty from `offset` on. A hint only: POSIX_FADV_DONTNEED flushes dirty pages without
/// waiting and drops only clean ones.
pub(crate) fn start_writeback(file: &File, offset: u64) {
    // On a fast disk the hint alone would hide that the fsync is missing.
    if mutant(Mutant::NoFileFsync) {
        return;
    }
    let _ = rustix::fs::fadvise(file, offset, None, Advice::DontNeed);
}

/// Lets the next read see what the disk has: pages of a write that failed are called clean, and hold what the disk never
/// got. What is still to be written stays, and the fsync to come tells of its errors.
pub(crate) fn forget_clean_pages(file: &File) {
    let _ = rustix::fs::fadvise(file, 0, None, Advice::DontNeed);
}
