//! Folders that are not ours: an old store, a content folder of another product, a disk from elsewhere. They are walked,
//! read and hashed, never changed, and nothing outside of them is reached.

mod given;
mod hash;
mod walk;

use std::{
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, openat2},
    io::Errno,
    path::Arg,
};

pub use given::{Given, TakeAs, Taken};
pub use hash::Hashing;
pub use walk::{Met, NotEntered};

use crate::{
    DiskError,
    folder::INSIDE,
    manifest::{self, SignedManifest},
    stamp,
};

/// A manifest of one package is far shorter; what is longer is not looked at as one.
const MANIFEST_BYTES: u64 = 1 << 20;

/// Why a folder cannot be read as a foreign one.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// The path is relative, or leads up again.
    #[error("{path} is not an absolute path without `..`; name the folder by one")]
    NotAbsolute {
        /// As given.
        path: Utf8PathBuf,
    },
    /// The path's end is a symbolic link.
    #[error("{path} is a symbolic link, which is not followed; name the folder itself (readlink -f {path})")]
    Link {
        /// As given.
        path: Utf8PathBuf,
    },
    /// There is no folder.
    #[error("{path} is not a folder of the server's machine; is its disk mounted?")]
    NotAFolder {
        /// As given.
        path: Utf8PathBuf,
    },
    /// A call failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// An open folder that is not ours.
#[derive(Debug)]
pub struct ForeignFolder {
    path: Utf8PathBuf,
    root: OwnedFd,
}

impl ForeignFolder {
    /// Opens it.
    ///
    /// # Errors
    /// The path is no absolute one, or there is no folder that can be read.
    pub fn open(path: &Utf8Path) -> Result<Self, ForeignError> {
        let path: Utf8PathBuf = path.components().collect();
        if !path.is_absolute() || path.components().any(|part| part.as_str() == "..") {
            return Err(ForeignError::NotAbsolute { path });
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat2(CWD, path.as_std_path(), flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS) {
            Ok(root) => Ok(Self { path, root }),
            // With O_DIRECTORY a link at the end is no folder.
            Err(Errno::LOOP | Errno::NOTDIR | Errno::NOENT) => match std::fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_symlink() => Err(ForeignError::Link { path }),
                _ => Err(ForeignError::NotAFolder { path }),
            },
            Err(e) => Err(DiskError { attempt: "open", path, source: e.into() }.into()),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// A path below it, whole, as it is shown: bytes that are no UTF-8, and control characters, are written `\xff`.
    #[must_use]
    pub fn shown(&self, below: &Path) -> Utf8PathBuf {
        self.path.join(shown(below))
    }

    /// The manifest in a folder below it, with a signature that holds, whoever made it; none: there is none such.
    #[must_use]
    pub fn manifest(&self, folder: &Path) -> Option<SignedManifest> {
        let file = self.file(&folder.join(crate::layout::MANIFEST)).ok()?;
        let stamp = stamp::of(&file).ok().filter(|stamp| stamp.size_bytes <= MANIFEST_BYTES)?;
        let mut text = vec![0; usize::try_from(stamp.size_bytes).ok()?];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut text, 0).ok()?;
        manifest::signed(&text)
    }

    /// Opens a file below it for reading; never through links or onto another file system, never waiting for a pipe.
    pub(crate) fn file(&self, below: &Path) -> io::Result<File> {
        Ok(unmarked(&self.root, below, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?.into())
    }
}

/// A path below a foreign folder as it is shown.
#[must_use]
pub fn shown(below: &Path) -> String {
    crate::tree::shown(below.as_os_str())
}

/// Opens something below a folder without leaving a mark of it: not even the time of the last access, where that is ours
/// to say.
fn unmarked(folder: impl AsFd + Copy, below: impl Arg + Copy, flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC;
    match openat2(folder, below, flags | OFlags::NOATIME, Mode::empty(), INSIDE) {
        Err(Errno::PERM) => Ok(openat2(folder, below, flags, Mode::empty(), INSIDE)?),
        other => Ok(other?),
    }
}
