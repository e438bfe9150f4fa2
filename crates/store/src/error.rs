//! The error of a file system call: what was attempted, on what.

use std::io;

use camino::Utf8PathBuf;
use rustix::io::Errno;

/// A file system call failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {attempt} {path}{advice}", advice = self.advice())]
pub struct DiskError {
    /// What was attempted: a verb and maybe more, for example `write to`.
    pub attempt: &'static str,
    /// On what: the path as an administrator sees it.
    pub path: Utf8PathBuf,
    /// Why it failed.
    #[source]
    pub source: io::Error,
}

impl DiskError {
    /// Whether space, inodes or a quota ran out: worth another try when there is room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self.errno(), Some(Errno::NOSPC | Errno::DQUOT))
    }

    /// Whether the path is not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }

    /// Whether this process or its machine ran short of something: no word about what lies on the disk.
    #[must_use]
    pub fn is_shortage(&self) -> bool {
        self.errno().is_some_and(is_shortage)
    }

    /// The system's error number, where there is one.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        Errno::from_io_error(&self.source)
    }

    fn is_reading(&self) -> bool {
        self.attempt.starts_with("open") || matches!(self.attempt, "list" | "look at" | "read")
    }

    fn advice(&self) -> &'static str {
        match self.errno() {
            Some(Errno::NOSPC | Errno::DQUOT) => "; free space or inodes there, the work goes on by itself",
            Some(Errno::ROFS) => "; the file system is read-only: look at the kernel's log and mount it again",
            Some(Errno::MFILE | Errno::NFILE) => "; raise the limit of open files (LimitNOFILE)",
            Some(Errno::LOOP | Errno::XDEV) => "; links and mount points inside a package location are never followed",
            Some(Errno::ACCESS | Errno::PERM) if self.is_reading() => {
                "; give the server's user the right to read it (chown, chmod)"
            }
            Some(Errno::ACCESS | Errno::PERM) => {
                "; give the server's user the right to write there (chattr -i, chown, chmod)"
            }
            Some(Errno::IO) => "; the disk reports an error: look at the kernel's log",
            _ => "",
        }
    }
}

/// Descriptors or memory that ran out.
pub(crate) fn is_shortage(errno: Errno) -> bool {
    matches!(errno, Errno::MFILE | Errno::NFILE | Errno::NOMEM)
}

/// Names attempt and path of a failed call.
pub(crate) trait Attempt<T> {
    fn attempt(self, attempt: &'static str, path: impl FnOnce() -> Utf8PathBuf) -> Result<T, DiskError>;
}

impl<T, E: Into<io::Error>> Attempt<T> for Result<T, E> {
    fn attempt(self, attempt: &'static str, path: impl FnOnce() -> Utf8PathBuf) -> Result<T, DiskError> {
        self.map_err(|source| DiskError { attempt, path: path(), source: source.into() })
    }
}
