//! How the bytes of a foreign folder came over.

use std::{ops::AddAssign, sync::Arc};

use patchwharf_store::{Given, Taken};

/// Bytes that came over, by how they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TakenBytes {
    /// As a copy of their own.
    pub(crate) copied: u64,
    /// As blocks that they share with the foreign file.
    pub(crate) shared: u64,
    /// As one more name of the foreign file.
    pub(crate) linked: u64,
}

impl TakenBytes {
    pub(super) fn of(given: &[Arc<Given>]) -> Self {
        let mut bytes = Self::default();
        for given in given {
            let size_bytes = given.digests().size_bytes;
            match given.taken() {
                Some(Taken::Copied) => bytes.copied += size_bytes,
                Some(Taken::Shared) => bytes.shared += size_bytes,
                Some(Taken::Linked) => bytes.linked += size_bytes,
                None => {}
            }
        }
        bytes
    }

    /// The same in words: where from, and whether it is a second copy.
    pub(super) fn told(&self, given: &[Arc<Given>]) -> String {
        let Some(first) = given.first() else { return String::new() };
        let more = if given.len() > 1 { format!(" and {} more", given.len() - 1) } else { String::new() };
        let same = match (self.linked, self.shared) {
            (0, 0) => "",
            (0, _) => "; the same data as there (shared blocks), no second copy",
            (_, _) => "; the same data as there (hard link), no second copy",
        };
        format!("from {}{more}{same}", first.path())
    }
}

impl AddAssign for TakenBytes {
    fn add_assign(&mut self, more: Self) {
        self.copied += more.copied;
        self.shared += more.shared;
        self.linked += more.linked;
    }
}
