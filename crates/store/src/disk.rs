//! The calls by which the store changes a disk, and the one by which it proves files: one small seam, so that tests can
//! make each of them fail.

#[cfg(any(test, feature = "faults"))]
pub mod faulty;
mod native;

use std::{
    ffi::OsStr,
    fmt,
    fs::File,
    io,
    os::fd::{BorrowedFd, OwnedFd},
};

pub use native::Native;

/// What a synced descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
}

/// Every call that changes a disk, and reading for a proof. Names are single components, relative to an open folder.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes a new file, open for reading and writing; never an existing one.
    ///
    /// # Errors
    /// As `openat(2)`.
    fn create(&self, folder: BorrowedFd<'_>, name: &str) -> io::Result<File>;
    /// Writes some of `bytes` at the file's position and says how many.
    ///
    /// # Errors
    /// As `write(2)`.
    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<usize>;
    /// Cuts a file.
    ///
    /// # Errors
    /// As `ftruncate(2)`.
    fn truncate(&self, file: &File, size_bytes: u64) -> io::Result<()>;
    /// Shares the blocks of `from` with the new file `to`.
    ///
    /// # Errors
    /// As `ioctl(FICLONE)`: not every file system can.
    fn reflink(&self, from: &File, to: &File) -> io::Result<()>;
    /// Makes a file or folder durable. After an error the file is lost; it is never called again for it.
    ///
    /// # Errors
    /// As `fsync(2)`.
    fn fsync(&self, what: BorrowedFd<'_>, kind: Kind) -> io::Result<()>;
    /// Makes a folder and opens it.
    ///
    /// # Errors
    /// As `mkdirat(2)`.
    fn mkdir(&self, folder: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd>;
    /// Renames, never over something that exists.
    ///
    /// # Errors
    /// As `renameat2(2)` with `RENAME_NOREPLACE`.
    fn rename(&self, from: BorrowedFd<'_>, name: &OsStr, to: BorrowedFd<'_>, new_name: &str) -> io::Result<()>;
    /// Gives the inode behind `file` one more name.
    ///
    /// # Errors
    /// As `linkat(2)`.
    fn link(&self, file: &File, to: BorrowedFd<'_>, name: &str) -> io::Result<()>;
    /// Removes a file's name.
    ///
    /// # Errors
    /// As `unlinkat(2)`.
    fn unlink(&self, folder: BorrowedFd<'_>, name: &OsStr) -> io::Result<()>;
    /// Removes an empty folder.
    ///
    /// # Errors
    /// As `unlinkat(2)` with `AT_REMOVEDIR`.
    fn rmdir(&self, folder: BorrowedFd<'_>, name: &OsStr) -> io::Result<()>;
    /// Reads some of a file at a place, and says how many bytes; 0 at its end.
    ///
    /// # Errors
    /// As `pread(2)`.
    fn read_at(&self, file: &File, block: &mut [u8], at: u64) -> io::Result<usize>;
    /// How often each was called.
    fn counts(&self) -> Counts;
}

/// Calls so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files made.
    pub creates: u64,
    /// Writes.
    pub writes: u64,
    /// fsyncs of files and folders.
    pub fsyncs: u64,
    /// Folders made.
    pub mkdirs: u64,
    /// Renames.
    pub renames: u64,
    /// Hard links.
    pub links: u64,
    /// Names removed.
    pub unlinks: u64,
    /// Reads for a proof.
    pub reads: u64,
}
