//! The real disk.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::fd::{AsRawFd as _, BorrowedFd, OwnedFd},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};

use super::{Counts, Disk, Kind};
use crate::fault::{Mutant, Step, at, mutant};

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A bug: believes the first fsync that succeeds after one that failed.
fn is_fooled(what: BorrowedFd<'_>) -> bool {
    // By then a test has made the disk healthy again.
    std::thread::sleep(Duration::from_millis(200));
    (0..5).any(|_| rustix::fs::fsync(what).is_ok())
}

/// The real disk, counting.
#[derive(Debug, Default)]
pub struct Native {
    creates: AtomicU64,
    writes: AtomicU64,
    fsyncs: AtomicU64,
    mkdirs: AtomicU64,
    renames: AtomicU64,
    links: AtomicU64,
    unlinks: AtomicU64,
    reads: AtomicU64,
}

impl Disk for Native {
    fn create(&self, folder: BorrowedFd<'_>, name: &str) -> io::Result<File> {
        self.creates.fetch_add(1, Relaxed);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(0o644))?.into())
    }

    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<usize> {
        self.writes.fetch_add(1, Relaxed);
        Ok(rustix::io::write(file, bytes)?)
    }

    fn truncate(&self, file: &File, size_bytes: u64) -> io::Result<()> {
        Ok(rustix::fs::ftruncate(file, size_bytes)?)
    }

    fn reflink(&self, from: &File, to: &File) -> io::Result<()> {
        Ok(rustix::fs::ioctl_ficlone(to, from)?)
    }

    fn fsync(&self, what: BorrowedFd<'_>, kind: Kind) -> io::Result<()> {
        self.fsyncs.fetch_add(1, Relaxed);
        let skipped = match kind {
            Kind::File => mutant(Mutant::NoFileFsync),
            Kind::Folder => mutant(Mutant::NoDirFsync),
        };
        if skipped {
            return Ok(());
        }
        let Err(error) = rustix::fs::fsync(what) else { return Ok(()) };
        at(Step::SyncAfterError)?;
        if mutant(Mutant::FsyncAgain) && is_fooled(what) { Ok(()) } else { Err(error.into()) }
    }

    fn mkdir(&self, folder: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
        self.mkdirs.fetch_add(1, Relaxed);
        rustix::fs::mkdirat(folder, name, Mode::from_raw_mode(0o755))?;
        Ok(rustix::fs::openat(folder, name, FOLDER, Mode::empty())?)
    }

    fn rename(&self, from: BorrowedFd<'_>, name: &OsStr, to: BorrowedFd<'_>, new_name: &str) -> io::Result<()> {
        self.renames.fetch_add(1, Relaxed);
        Ok(rustix::fs::renameat_with(from, name, to, new_name, RenameFlags::NOREPLACE)?)
    }

    fn link(&self, file: &File, to: BorrowedFd<'_>, name: &str) -> io::Result<()> {
        self.links.fetch_add(1, Relaxed);
        // By descriptor: the inode that was looked at is the one that gets the name, whatever happened to its path.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        Ok(rustix::fs::linkat(CWD, path, to, name, AtFlags::SYMLINK_FOLLOW)?)
    }

    fn unlink(&self, folder: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
        self.unlinks.fetch_add(1, Relaxed);
        Ok(rustix::fs::unlinkat(folder, name, AtFlags::empty())?)
    }

    fn rmdir(&self, folder: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
        self.unlinks.fetch_add(1, Relaxed);
        Ok(rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR)?)
    }

    fn read_at(&self, file: &File, block: &mut [u8], at: u64) -> io::Result<usize> {
        self.reads.fetch_add(1, Relaxed);
        Ok(rustix::io::pread(file, block, at)?)
    }

    fn counts(&self) -> Counts {
        Counts {
            creates: self.creates.load(Relaxed),
            writes: self.writes.load(Relaxed),
            fsyncs: self.fsyncs.load(Relaxed),
            mkdirs: self.mkdirs.load(Relaxed),
            renames: self.renames.load(Relaxed),
            links: self.links.load(Relaxed),
            unlinks: self.unlinks.load(Relaxed),
            reads: self.reads.load(Relaxed),
        }
    }
}
