//! One lock per inode, and what our own links and unlinks did to its stamp.
//!
//! Linking and unlinking change an inode's ctime. Whoever does that holds the inode's lock, compares the stamp before
//! with the one that the proof was made for, and hands out the one after. Until the database has learned the new
//! stamp, readers that come with the old one are told here that the change was ours.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use patchwharf_model::package::ProofStamp;

/// Inodes remembered before the oldest history is dropped; a forgotten one costs a hash, never a false proof.
const REMEMBERED: usize = 200_000;

/// What our own doing did to one inode.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Stamps that led to `current` by our own doing alone.
    before: Vec<ProofStamp>,
    current: Option<ProofStamp>,
}

/// One inode's entry.
type Entry = Arc<Mutex<History>>;

/// The inodes of one location that are being linked or unlinked, or were.
#[derive(Debug, Default)]
pub struct Stamps {
    entries: Mutex<HashMap<(u64, u64), Entry>>,
}

/// The lock on one inode.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    history: MutexGuard<'a, History>,
}

impl Stamps {
    /// The entry of the inode of `stamp`; lock it with [`held`].
    pub(crate) fn entry(&self, stamp: &ProofStamp) -> Entry {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= REMEMBERED {
            entries.retain(|_, entry| Arc::strong_count(entry) > 1);
        }
        Arc::clone(entries.entry((stamp.dev, stamp.inode)).or_default())
    }

    /// Whether a proof made for `proved` still stands when the file system now says `found`.
    #[must_use]
    pub fn stands(&self, proved: &ProofStamp, found: &ProofStamp) -> bool {
        if proved == found {
            return true;
        }
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = entries.get(&(found.dev, found.inode)).map(Arc::clone) else { return false };
        drop(entries);
        held(&entry).leads(proved, found)
    }
}

/// Locks an inode.
pub(crate) fn held(entry: &Entry) -> Held<'_> {
    Held { history: entry.lock().unwrap_or_else(PoisonError::into_inner) }
}

impl Held<'_> {
    /// Whether `proved` became `found` by our own doing alone.
    pub(crate) fn leads(&self, proved: &ProofStamp, found: &ProofStamp) -> bool {
        proved == found || (self.history.current.as_ref() == Some(found) && self.history.before.contains(proved))
    }

    /// Records that our own doing turned `before` into `after`.
    pub(crate) fn moved(&mut self, before: ProofStamp, after: ProofStamp) {
        if before == after {
            return;
        }
        if self.history.current != Some(before) {
            self.history.before.clear();
        }
        // Links of one inode can be many: the last few stamps are those that anybody still holds.
        if self.history.before.len() >= 64 {
            self.history.before.remove(0);
        }
        self.history.before.push(before);
        self.history.current = Some(after);
    }
}
