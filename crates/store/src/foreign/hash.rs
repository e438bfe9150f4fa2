//! Hashing a file of a foreign folder, and knowing that it did not change meanwhile.

use std::{io, os::unix::fs::FileExt as _, path::Path};

use patchwharf_model::package::ProofStamp;
use patchwharf_trust::{FileDigests, FileHasher};
use rustix::fs::{Advice, FileType, fstat};

use super::ForeignFolder;
use crate::{place::Watch, stamp};

/// Bytes read at once.
const BLOCK_BYTES: usize = 512 * 1024;
/// Times that a file which changes while it is read is read.
const TRIES: usize = 3;

/// What hashing a file gave.
#[derive(Debug)]
pub enum Hashing {
    /// Its digests, and the stamp that it had before, during and after.
    Done {
        /// Length and digests.
        digests: FileDigests,
        /// Its stamp.
        stamp: ProofStamp,
    },
    /// It changed each time while it was read.
    Unsteady,
    /// It is no file any more, or gone.
    Gone,
    /// The caller wished to stop.
    Stopped,
    /// It cannot be read.
    Unreadable(io::Error),
}

enum Once {
    Done(FileDigests, ProofStamp),
    Changed,
    Stopped,
    Gone,
}

impl ForeignFolder {
    /// Hashes a file, by SHA-256 and, if wanted, SHA-1. Blocks.
    #[must_use]
    pub fn hash(&self, below: &Path, sha1: bool, watch: Watch<'_>) -> Hashing {
        for _ in 0..TRIES {
            match self.hash_once(below, sha1, watch) {
                Ok(Once::Done(digests, stamp)) => return Hashing::Done { digests, stamp },
                Ok(Once::Changed) => {}
                Ok(Once::Stopped) => return Hashing::Stopped,
                Ok(Once::Gone) => return Hashing::Gone,
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Hashing::Gone,
                Err(e) => return Hashing::Unreadable(e),
            }
        }
        Hashing::Unsteady
    }

    fn hash_once(&self, below: &Path, sha1: bool, watch: Watch<'_>) -> io::Result<Once> {
        let file = self.file(below)?;
        let stat = fstat(&file)?;
        if !FileType::from_raw_mode(stat.st_mode).is_file() {
            return Ok(Once::Gone);
        }
        let before = stamp::from_stat(&stat);
        let _ = rustix::fs::fadvise(&file, 0, None, Advice::Sequential);
        let mut hasher = if sha1 { FileHasher::with_sha1() } else { FileHasher::new() };
        let length = usize::try_from(before.size_bytes.saturating_add(1)).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
        let (mut block, mut at) = (vec![0; length], 0);
        loop {
            if (watch.stopped)() {
                return Ok(Once::Stopped);
            }
            let n = match file.read_at(&mut block, at) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            hasher.update(&block[..n]);
            (watch.bytes)(n as u64);
            at += n as u64;
            // Somebody appends faster than it is read.
            if at > before.size_bytes {
                return Ok(Once::Changed);
            }
        }
        if at != before.size_bytes || stamp::of(&file)? != before {
            return Ok(Once::Changed);
        }
        Ok(Once::Done(hasher.finish(), before))
    }
}
