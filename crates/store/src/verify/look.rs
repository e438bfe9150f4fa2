//! Looking at one file: what it is, how long, and what its bytes are.

use std::{fs::File, io, os::fd::BorrowedFd};

use camino::Utf8PathBuf;
use patchwharf_model::{Sha256, package::ProofStamp};
use patchwharf_trust::FileHasher;
use rustix::fs::{Advice, fstat};

use super::{Finding, ToVerify};
use crate::{DiskError, Location, folder, stamp, tree};

const BLOCK_BYTES: usize = 256 * 1024;

/// What it means that the version's folder cannot be opened.
pub(super) fn at_folder(error: io::Error, path: Utf8PathBuf) -> Finding {
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

/// Looks at one file of an open version folder.
pub(super) fn at_file(
    location: &Location,
    parent: BorrowedFd<'_>,
    expected: &ToVerify,
    path: impl Fn() -> Utf8PathBuf,
) -> Finding {
    let unreadable = |attempt, source: io::Error| Finding::Unreadable(DiskError { attempt, path: path(), source });
    let file = match folder::file(parent, expected.name.as_str()) {
        Ok(file) => file,
        // ENXIO: a socket or a device without a driver.
        Err(e) if e.raw_os_error() == Some(libc::ENXIO) => return Finding::NotAFile,
        Err(e) => return at_folder(e, path()),
    };
    let stat = match fstat(&file) {
        Ok(stat) => stat,
        Err(e) => return unreadable("look at", e.into()),
    };
    if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() {
        return Finding::NotAFile;
    }
    let found = stamp::from_stat(&stat).size_bytes;
    if found < expected.size_bytes {
        return Finding::Truncated { expected: expected.size_bytes, found, sha256: hash(&file).ok() };
    }
    if found > expected.size_bytes {
        return Finding::TooLong { expected: expected.size_bytes, found };
    }
    let (stamp, sha256) = match proved(location, &file, expected, &path) {
        Ok(Some(proved)) => proved,
        Ok(None) => return Finding::Unsteady,
        Err(e) => return unreadable("read", e),
    };
    if sha256 != expected.sha256 {
        return Finding::Changed { expected: expected.sha256, found: sha256 };
    }
    let (owner, mode) = (stat.st_uid, stat.st_mode & 0o7777);
    if owner != rustix::process::geteuid().as_raw() || mode & 0o022 != 0 {
        return Finding::Open { stamp, owner, mode };
    }
    Finding::Good { stamp }
}

/// The digest of a file, and the stamp that it is the digest of. None: somebody writes to it all the time.
///
/// A wrong digest is read once more before it is believed: memory and cables err too.
fn proved(
    location: &Location,
    file: &File,
    expected: &ToVerify,
    path: &impl Fn() -> Utf8PathBuf,
) -> io::Result<Option<(ProofStamp, Sha256)>> {
    let mut wrong = None;
    for _ in 0..4 {
        let before = stamp::of(file)?;
        let sha256 = hash(file)?;
        let after = stamp::of(file)?;
        // Our own links change only the ctime; anything else means that what was read was in motion.
        if !location.stamps.stands(&before, &after) {
            continue;
        }
        if sha256 == expected.sha256 {
            if let Some(found) = wrong {
                tracing::warn!(path = %path(), %found, "a file read wrong once and right the second time");
            }
            return Ok(Some((after, sha256)));
        }
        if wrong.replace(sha256) == Some(sha256) {
            return Ok(Some((after, sha256)));
        }
        tracing::warn!(path = %path(), expected = %expected.sha256, found = %sha256, "a file reads wrong; it is read again");
    }
    Ok(None)
}

/// Hashes a file from the disk, not from what the cache still remembers of it.
fn hash(file: &File) -> io::Result<Sha256> {
    let _ = rustix::fs::fadvise(file, 0, None, Advice::DontNeed);
    let _ = rustix::fs::fadvise(file, 0, None, Advice::Sequential);
    let (mut hasher, mut block, mut at) = (FileHasher::new(), vec![0; BLOCK_BYTES], 0);
    loop {
        match rustix::io::pread(file, &mut block, at) {
            Ok(0) => return Ok(hasher.finish().sha256),
            Ok(n) => {
                hasher.update(&block[..n]);
                at += n as u64;
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}
