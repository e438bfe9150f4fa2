//! Looking at one file: what it is, how long, and what its bytes are.

use std::{fs::File, io, os::fd::BorrowedFd, sync::PoisonError};

use camino::Utf8PathBuf;
use patchwharf_model::{Sha256, package::ProofStamp};
use rustix::fs::{AtFlags, fstat, statat};

use super::{
    Access, Finding, ToVerify,
    hash::{Freely, Hashed, Meter, hash, known},
};
use crate::{DiskError, Location, folder, stamp, tree};

/// How closely to look.
#[derive(Clone, Copy)]
pub enum Closeness<'a> {
    /// Compare its stamp with that of its proof.
    Stamp(Option<&'a ProofStamp>),
    /// Read its bytes.
    Bytes {
        /// A proof that counts as read just now, as long as its stamp stands.
        believed: Option<&'a ProofStamp>,
        /// What was read under a stamp and found wrong by the same check.
        wrong: Option<(&'a ProofStamp, Sha256)>,
        /// Read from the disk, not from what the kernel remembers.
        past_cache: bool,
        /// The same data under another name, read before.
        hashed: Option<&'a Hashed>,
        /// Who is told of every piece.
        meter: &'a dyn Meter,
    },
}

impl Closeness<'_> {
    /// Every byte, from the disk itself.
    pub(super) const DISK: Self =
        Self::Bytes { believed: None, wrong: None, past_cache: true, hashed: None, meter: &Freely };
}

/// What a look at a file gave.
#[derive(Debug)]
pub struct FileLook {
    /// What lies there. `Open` is never used here: see `access`.
    pub finding: Finding,
    /// Who can change and read it; `Fine` where there is no file.
    pub access: Access,
    /// Its stamp, where a file could be looked at.
    pub stamp: Option<ProofStamp>,
    /// Whether its inode has further names.
    pub shared: bool,
    /// Bytes that were read.
    pub read_bytes: u64,
    /// Whether its digest was made now, from this name or another one of its inode.
    pub hashed: bool,
}

impl FileLook {
    fn nothing(finding: Finding) -> Self {
        Self { finding, access: Access::Fine, stamp: None, shared: false, read_bytes: 0, hashed: false }
    }
}

/// What it means that the version's folder cannot be opened.
pub(crate) fn at_folder(error: io::Error, path: Utf8PathBuf) -> Finding {
    if error.kind() == io::ErrorKind::NotFound {
        Finding::Missing
    } else if tree::is_link(&error) {
        Finding::Link
    } else if tree::is_mount(&error) || error.kind() == io::ErrorKind::NotADirectory {
        Finding::NotAFile
    } else {
        Finding::Unreadable(DiskError { attempt: "open", path, source: error })
    }
}

/// Looks at one file of an open version folder. None: broken off.
pub(super) fn at_file(
    location: &Location,
    parent: BorrowedFd<'_>,
    expected: &ToVerify,
    closeness: &Closeness<'_>,
    path: impl Fn() -> Utf8PathBuf,
) -> Option<FileLook> {
    let name = expected.name.as_str();
    let file = match folder::file(parent, name) {
        Ok(file) => file,
        // ENXIO: a socket or a device without a driver.
        Err(e) if e.raw_os_error() == Some(libc::ENXIO) => return Some(FileLook::nothing(Finding::NotAFile)),
        Err(e) => {
            let mut look = FileLook::nothing(at_folder(e, path()));
            if matches!(look.finding, Finding::Unreadable(_))
                && let Ok(stat) = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
            {
                look.access = Access::of_file(&stat);
            }
            return Some(look);
        }
    };
    let unreadable = |attempt, source: io::Error| Finding::Unreadable(DiskError { attempt, path: path(), source });
    let stat = match fstat(&file) {
        Ok(stat) => stat,
        Err(e) => return Some(FileLook::nothing(unreadable("look at", e.into()))),
    };
    if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() {
        return Some(FileLook::nothing(Finding::NotAFile));
    }
    let first = stamp::from_stat(&stat);
    let mut look = FileLook {
        finding: Finding::Missing,
        access: Access::of_file(&stat),
        stamp: Some(first),
        shared: stat.st_nlink > 1,
        read_bytes: 0,
        hashed: false,
    };
    let found = first.size_bytes;
    look.finding = if found < expected.size_bytes {
        let sha256 = match closeness {
            Closeness::Stamp(_) => None,
            Closeness::Bytes { past_cache, meter, .. } => {
                look.read_bytes = found;
                hash(&*location.disk, &file, found, *past_cache, *meter).ok().flatten()
            }
        };
        Finding::Truncated { expected: expected.size_bytes, found, sha256 }
    } else if found > expected.size_bytes {
        Finding::TooLong { expected: expected.size_bytes, found }
    } else {
        match closeness {
            Closeness::Stamp(Some(proved)) if location.stamps.stands(proved, &first) => Finding::Good { stamp: first },
            Closeness::Stamp(_) => Finding::Unproved { stamp: first },
            Closeness::Bytes { believed: Some(proved), .. } if location.stamps.stands(proved, &first) => {
                Finding::Good { stamp: first }
            }
            Closeness::Bytes { wrong: Some((stamp, found)), .. } if **stamp == first => {
                Finding::Changed { expected: expected.sha256, found: *found }
            }
            Closeness::Bytes { past_cache, hashed, meter, .. } => {
                look.hashed = true;
                let turn = hashed.filter(|_| look.shared).map(|hashed| hashed.turn(&first));
                let mut turn = turn.as_ref().map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
                let known = turn.as_ref().and_then(|turn| known(location, turn, &first));
                let reading = Reading { location, file: &file, expected, first, meter: *meter };
                let read = match known {
                    Some((_, sha256)) if sha256 == expected.sha256 => Ok(known),
                    _ => reading.twice(*past_cache, &mut look.read_bytes, &path)?,
                };
                match read {
                    Ok(Some((stamp, sha256))) => {
                        if let Some(turn) = &mut turn {
                            **turn = Some((stamp, sha256));
                        }
                        look.stamp = Some(stamp);
                        match sha256 == expected.sha256 {
                            true => Finding::Good { stamp },
                            false => Finding::Changed { expected: expected.sha256, found: sha256 },
                        }
                    }
                    Ok(None) => Finding::Unsteady,
                    Err(e) => unreadable("read", e),
                }
            }
        }
    };
    Some(look)
}

/// The reading of one file.
struct Reading<'a> {
    location: &'a Location,
    file: &'a File,
    expected: &'a ToVerify,
    first: ProofStamp,
    meter: &'a dyn Meter,
}

/// A stamp and the digest of the bytes under it; nothing when somebody writes to the file all the time.
type Read = io::Result<Option<(ProofStamp, Sha256)>>;

impl Reading<'_> {
    /// The digest of the file, and the stamp that it is the digest of. None: broken off.
    ///
    /// A wrong digest is read once more past the cache before it is believed: memory and cables err too (G-10).
    fn twice(&self, past_cache: bool, read_bytes: &mut u64, path: &impl Fn() -> Utf8PathBuf) -> Option<Read> {
        let mut wrong = None;
        let mut before = self.first;
        for _ in 0..4 {
            let past_cache = past_cache || wrong.is_some();
            let sha256 = match hash(&*self.location.disk, self.file, self.expected.size_bytes, past_cache, self.meter) {
                Ok(sha256) => sha256?,
                Err(e) => return Some(Err(e)),
            };
            *read_bytes += self.expected.size_bytes;
            let after = match stamp::of(self.file) {
                Ok(after) => after,
                Err(e) => return Some(Err(e)),
            };
            // Our own links change only the ctime; anything else means that what was read was in motion.
            if !self.location.stamps.stands(&before, &after) {
                before = after;
                continue;
            }
            before = after;
            if sha256 == self.expected.sha256 {
                if let Some(found) = wrong {
                    tracing::warn!(path = %path(), %found, "a file read wrong once and right the second time");
                }
                return Some(Ok(Some((after, sha256))));
            }
            if wrong.replace(sha256) == Some(sha256) {
                return Some(Ok(Some((after, sha256))));
            }
            tracing::warn!(path = %path(), expected = %self.expected.sha256, found = %sha256, "a file reads wrong; it is read again");
        }
        Some(Ok(None))
    }
}
