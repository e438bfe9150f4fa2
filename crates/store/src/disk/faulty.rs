//! A disk that fails when it is told to: the sweep of ACCEPTANCE.md H3 without strace.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::fd::{BorrowedFd, OwnedFd},
    sync::atomic::{AtomicU64, Ordering::SeqCst},
};

use rustix::io::Errno;

use super::{Counts, Disk, Kind, Native};

/// Wraps the real disk; its n-th call (and maybe every later one) fails.
#[derive(Debug)]
pub struct Faulty {
    real: Native,
    calls: AtomicU64,
    fail_at: AtomicU64,
    error: Errno,
    /// Whether every later call fails too: a dead disk.
    for_ever: bool,
    /// Reads to come that give wrong bytes.
    wrong_reads: AtomicU64,
    /// Reads to come that fail.
    failing_reads: AtomicU64,
}

impl Faulty {
    /// Fails call number `fail_at` (from 1; 0 = none) with `error`, and every later one with `for_ever`.
    #[must_use]
    pub fn new(fail_at: u64, error: Errno, for_ever: bool) -> Self {
        Self {
            real: Native::default(),
            calls: AtomicU64::new(0),
            fail_at: AtomicU64::new(fail_at),
            error,
            for_ever,
            wrong_reads: AtomicU64::new(0),
            failing_reads: AtomicU64::new(0),
        }
    }

    /// Calls seen so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(SeqCst)
    }

    /// Starts to count anew and fails at call `fail_at`.
    pub fn arm(&self, fail_at: u64) {
        self.calls.store(0, SeqCst);
        self.fail_at.store(fail_at, SeqCst);
    }

    /// The next `count` reads give wrong bytes; the disk itself is right.
    pub fn read_wrong(&self, count: u64) {
        self.wrong_reads.store(count, SeqCst);
    }

    /// The next `count` reads fail with EIO.
    pub fn fail_reads(&self, count: u64) {
        self.failing_reads.store(count, SeqCst);
    }

    fn pass(&self) -> io::Result<()> {
        let call = self.calls.fetch_add(1, SeqCst) + 1;
        let fail_at = self.fail_at.load(SeqCst);
        let fails = fail_at != 0 && (call == fail_at || (self.for_ever && call > fail_at));
        if fails { Err(self.error.into()) } else { Ok(()) }
    }
}

impl Disk for Faulty {
    fn create(&self, folder: BorrowedFd<'_>, name: &str) -> io::Result<File> {
        self.pass().and_then(|()| self.real.create(folder, name))
    }

    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<usize> {
        // Short writes all the time: nobody may count on whole ones.
        self.pass().and_then(|()| self.real.write(file, &bytes[..bytes.len().div_ceil(2)]))
    }

    fn truncate(&self, file: &File, size_bytes: u64) -> io::Result<()> {
        self.pass().and_then(|()| self.real.truncate(file, size_bytes))
    }

    fn reflink(&self, from: &File, to: &File) -> io::Result<()> {
        self.pass().and_then(|()| self.real.reflink(from, to))
    }

    fn fsync(&self, what: BorrowedFd<'_>, kind: Kind) -> io::Result<()> {
        self.pass().and_then(|()| self.real.fsync(what, kind))
    }

    fn mkdir(&self, folder: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
        self.pass().and_then(|()| self.real.mkdir(folder, name))
    }

    fn rename(&self, from: BorrowedFd<'_>, name: &OsStr, to: BorrowedFd<'_>, new_name: &str) -> io::Result<()> {
        self.pass().and_then(|()| self.real.rename(from, name, to, new_name))
    }

    fn link(&self, file: &File, to: BorrowedFd<'_>, name: &str) -> io::Result<()> {
        self.pass().and_then(|()| self.real.link(file, to, name))
    }

    fn unlink(&self, folder: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
        self.pass().and_then(|()| self.real.unlink(folder, name))
    }

    fn rmdir(&self, folder: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
        self.pass().and_then(|()| self.real.rmdir(folder, name))
    }

    fn read_at(&self, file: &File, block: &mut [u8], at: u64) -> io::Result<usize> {
        let one = |left: &AtomicU64| left.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1)).is_ok();
        if one(&self.failing_reads) {
            return Err(Errno::IO.into());
        }
        let read = self.real.read_at(file, block, at)?;
        if read > 0 && one(&self.wrong_reads) {
            block[0] ^= 1;
        }
        Ok(read)
    }

    fn counts(&self) -> Counts {
        self.real.counts()
    }
}
