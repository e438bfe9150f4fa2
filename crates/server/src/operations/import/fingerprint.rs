//! What the documents of the last import were, so that nothing is done when nothing changed.

use std::{collections::BTreeMap, os::unix::fs::MetadataExt as _};

use patchwharf_model::{Sha256, Timestamp};
use serde::{Deserialize, Serialize};

use crate::fetch::Validators;

/// The documents of an import by their role: `catalogue`, `release`, `advisories`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    documents: BTreeMap<String, Seen>,
    /// Until when they may be believed: a mirror that is held back looks like one where nothing changed.
    #[serde(default)]
    pub(super) valid_until: Option<Timestamp>,
}

/// What a document was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Where it came from: another place is another document.
    pub(super) place: String,
    /// What its server said of it.
    pub(super) validators: Validators,
    /// What the file system said of it.
    pub(super) stamp: Option<Stamp>,
    /// Digest of its bytes.
    pub(super) sha256: Option<Sha256>,
}

/// What a file system says of a file that did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    dev: u64,
    inode: u64,
    size_bytes: u64,
    mtime_ns: i64,
    ctime_ns: i64,
}

impl Stamp {
    pub(super) fn of(metadata: &std::fs::Metadata) -> Self {
        let ns = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        Self {
            dev: metadata.dev(),
            inode: metadata.ino(),
            size_bytes: metadata.len(),
            mtime_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
            ctime_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Fingerprint {
    /// From the database; what is not understood counts as none.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn text(&self) -> String {
        // Plain data: its serialization cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn get(&self, role: &str) -> Option<&Seen> {
        self.documents.get(role)
    }

    pub(super) fn set(&mut self, role: &str, seen: Seen) {
        self.documents.insert(role.to_owned(), seen);
    }

    /// Whether the same documents had the same bytes.
    pub(super) fn same_content(&self, other: &Self) -> bool {
        let digests = |fingerprint: &Self| -> Vec<_> {
            let known = fingerprint.documents.iter();
            known.map(|(role, seen)| (role.clone(), seen.place.clone(), seen.sha256)).collect()
        };
        self.documents.values().all(|seen| seen.sha256.is_some()) && digests(self) == digests(other)
    }
}
