//! What known updates need: the lengths that are worth hashing, and the contents themselves.

use std::collections::HashMap;

use patchwharf_db::{Db, updates};
use patchwharf_model::update::VendorDigest;
use patchwharf_trust::FileDigests;

use crate::operations::{OperationError, assembly::ContentKey};

/// Updates in one query.
pub(super) const PAGE: u32 = 1_000;

/// Contents of known updates. Its size is that of the catalogue, whatever the folder holds.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// By length: whether SHA-1 pins a file of it.
    sizes: HashMap<u64, bool>,
    contents: HashMap<ContentKey, Standing>,
}

/// Who needs a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// An update that can be taken in.
    Live,
    /// Only updates that the vendor has withdrawn.
    Withdrawn,
}

impl Wanted {
    /// Reads them, page by page.
    pub(super) async fn read(db: &Db) -> Result<Self, OperationError> {
        let (mut wanted, mut after) = (Self::default(), None);
        loop {
            let page = updates::page(db, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(wanted) };
            after = Some(last.update_id);
            for update in &page {
                let standing = if update.withdrawn { Standing::Withdrawn } else { Standing::Live };
                for file in &update.files {
                    wanted.add(ContentKey { size_bytes: file.size_bytes, digest: file.digest }, standing);
                }
            }
        }
    }

    fn add(&mut self, key: ContentKey, standing: Standing) {
        *self.sizes.entry(key.size_bytes).or_default() |= matches!(key.digest, VendorDigest::Sha1(_));
        let known = self.contents.entry(key).or_insert(standing);
        if standing == Standing::Live {
            *known = standing;
        }
    }

    /// Whether a file of this length can be one, and whether that takes its SHA-1.
    pub(super) fn by_size(&self, size_bytes: u64) -> Option<bool> {
        self.sizes.get(&size_bytes).copied()
    }

    /// The contents that a file is.
    pub(super) fn matching(&self, digests: &FileDigests) -> impl Iterator<Item = (ContentKey, Standing)> + '_ {
        let size_bytes = digests.size_bytes;
        let pins = [Some(VendorDigest::Sha256(digests.sha256)), digests.sha1.map(VendorDigest::Sha1)];
        pins.into_iter().flatten().filter_map(move |digest| {
            let key = ContentKey { size_bytes, digest };
            self.contents.get(&key).map(|standing| (key, *standing))
        })
    }
}

#[cfg(test)]
mod tests {
    use patchwharf_model::Sha1;
    use patchwharf_trust::{FileHasher, sha1, sha256};

    use super::*;

    fn digests(bytes: &[u8], with_sha1: bool) -> FileDigests {
        let mut hasher = if with_sha1 { FileHasher::with_sha1() } else { FileHasher::new() };
        hasher.update(bytes);
        hasher.finish()
    }

    #[test]
    fn a_file_is_what_a_pin_of_its_length_says_and_nothing_else() {
        let mut wanted = Wanted::default();
        let of = |digest, size_bytes| ContentKey { size_bytes, digest };
        wanted.add(of(VendorDigest::Sha256(sha256(b"strong")), 6), Standing::Withdrawn);
        wanted.add(of(VendorDigest::Sha1(sha1(b"weak")), 4), Standing::Live);
        wanted.add(of(VendorDigest::Sha1(Sha1([0; 20])), 6), Standing::Live);
        assert_eq!((wanted.by_size(6), wanted.by_size(4), wanted.by_size(5)), (Some(true), Some(true), None));
        let matching = |bytes: &[u8], sha1| wanted.matching(&digests(bytes, sha1)).map(|(_, s)| s).collect::<Vec<_>>();
        assert_eq!(matching(b"strong", true), [Standing::Withdrawn]);
        assert_eq!(matching(b"weak", true), [Standing::Live]);
        assert_eq!(matching(b"weak", false), [], "without its SHA-1 it is proved by nothing");
        assert_eq!(matching(b"else", true), []);
        wanted.add(of(VendorDigest::Sha256(sha256(b"strong")), 6), Standing::Live);
        assert_eq!(wanted.matching(&digests(b"strong", false)).next().map(|(_, s)| s), Some(Standing::Live));
    }
}
