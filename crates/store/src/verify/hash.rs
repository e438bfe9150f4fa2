//! Hashing a file, in pieces that can be paid for and broken off.

use std::{
    cell::RefCell,
    collections::HashMap,
    fs::File,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use patchwharf_model::{Sha256, package::ProofStamp};
use patchwharf_trust::FileHasher;
use rustix::fs::Advice;

use crate::{Location, disk::Disk};

const BLOCK_BYTES: usize = 256 * 1024;

thread_local! {
    /// One block a thread: a new one for each small file would cost more than the file.
    static BLOCK: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Who is told of every piece that is about to be read.
pub trait Meter: Sync {
    /// So many bytes are to be read: may wait. False: break off.
    fn pass(&self, bytes: u64) -> bool;
}

/// Lets everything pass.
#[derive(Clone, Copy, Debug)]
pub struct Freely;

impl Meter for Freely {
    fn pass(&self, _bytes: u64) -> bool {
        true
    }
}

/// A digest, and the stamp of what it is the digest of.
type Known = Option<(ProofStamp, Sha256)>;

/// The turn at one inode.
type Turn = Arc<Mutex<Known>>;

/// The inodes with several names that were hashed already, or are being hashed, so that the same data is read once.
#[derive(Debug, Default)]
pub struct Hashed(Mutex<HashMap<(u64, u64), Turn>>);

impl Hashed {
    /// The turn at an inode: whoever comes while another hashes it waits for that one.
    pub(super) fn turn(&self, found: &ProofStamp) -> Turn {
        let mut inodes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(inodes.entry((found.dev, found.inode)).or_default())
    }
}

/// The digest of an inode, if it was hashed and nobody but us has changed it since.
pub(super) fn known(location: &Location, turn: &Known, found: &ProofStamp) -> Option<(ProofStamp, Sha256)> {
    turn.filter(|(stamp, _)| location.stamps.stands(stamp, found)).map(|(_, sha256)| (*found, sha256))
}

/// Hashes a file of `size_bytes`. None: broken off.
pub(super) fn hash(
    disk: &dyn Disk,
    file: &File,
    size_bytes: u64,
    past_cache: bool,
    meter: &dyn Meter,
) -> io::Result<Option<Sha256>> {
    if past_cache {
        let _ = rustix::fs::fadvise(file, 0, None, Advice::DontNeed);
    }
    if size_bytes > BLOCK_BYTES as u64 {
        let _ = rustix::fs::fadvise(file, 0, None, Advice::Sequential);
    }
    BLOCK.with_borrow_mut(|block| {
        block.resize(BLOCK_BYTES, 0);
        let (mut hasher, mut at) = (FileHasher::new(), 0);
        // What has grown meanwhile shows in its stamp.
        while at < size_bytes {
            let wanted = block.len().min(usize::try_from(size_bytes - at).unwrap_or(usize::MAX));
            if !meter.pass(wanted as u64) {
                return Ok(None);
            }
            match disk.read_at(file, &mut block[..wanted], at) {
                Ok(0) => break,
                Ok(n) => {
                    hasher.update(&block[..n]);
                    at += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(Some(hasher.finish().sha256))
    })
}
