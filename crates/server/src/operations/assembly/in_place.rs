//! Versions that a crash left placed on disk and unrecorded: proved, they need no download.

use std::sync::Arc;

use patchwharf_db::packages::StagedFile;
use patchwharf_model::{PackageId, Timestamp, update::PayloadFile};
use patchwharf_store::{Finding, KnownKeys, Location, ToVerify};

/// An unfinished version whose folder may be there.
#[derive(Debug)]
pub(crate) struct Left {
    /// Where.
    pub(crate) location: Arc<Location>,
    /// Its package.
    pub(crate) package: PackageId,
    /// Its number.
    pub(crate) version: u64,
    /// Its files, as the catalogue describes them.
    pub(crate) files: Vec<PayloadFile>,
}

impl Left {
    /// The proofs of its files when all are there and right. A folder that is not whole is set aside. Blocks.
    pub(crate) fn look(&self, keys: &KnownKeys, now: Timestamp) -> Option<Vec<StagedFile>> {
        let whole = self.whole(keys, now);
        if whole.is_none()
            && let Ok(path) = self.location.quarantine_version(self.package, self.version, now)
        {
            tracing::warn!(
                package.id = %self.package,
                "the folder of version {} was left unfinished by a crash; it is kept in {path}", self.version
            );
        }
        whole
    }

    fn whole(&self, keys: &KnownKeys, now: Timestamp) -> Option<Vec<StagedFile>> {
        let manifest = self.location.manifest(self.package, self.version, keys).ok()?;
        let mut files = Vec::with_capacity(self.files.len());
        for file in &self.files {
            let recorded = manifest.files.iter().find(|recorded| recorded.name == file.name)?;
            if recorded.vendor_digest != file.digest || recorded.size_bytes != file.size_bytes {
                return None;
            }
            let (name, size_bytes, sha256) = (recorded.name.clone(), recorded.size_bytes, recorded.sha256);
            let wanted = ToVerify { name: name.clone(), size_bytes, sha256 };
            let Finding::Good { stamp } = self.location.verify_file(self.package, self.version, &wanted) else {
                return None;
            };
            files.push(StagedFile { name, size_bytes, sha256, stamp, verified_at: now });
        }
        Some(files)
    }
}
