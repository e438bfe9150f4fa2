//! What signed manifests of other deployments say of the files beside them.

use std::{ffi::OsStr, path::Path};

use camino::Utf8PathBuf;
use patchwharf_model::package::ManifestFile;
use patchwharf_store::{ForeignFolder, KnownKeys, layout};
use patchwharf_trust::{FileDigests, PublicKey};

/// Keys of other deployments that are believed.
#[derive(Clone, Debug)]
pub(super) struct Trusted(Option<KnownKeys>);

/// What a manifest that is believed says of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// Nothing, or there is none such.
    None,
    /// It is what was signed.
    Holds,
    /// It is not; what was signed.
    Disagrees(String),
}

impl Trusted {
    pub(super) fn new(mut keys: Vec<PublicKey>) -> Self {
        let first = keys.pop();
        Self(first.map(|first| KnownKeys::new(first, keys)))
    }

    /// Holds a file against the manifest beside it. Blocks.
    pub(super) fn claim(&self, folder: &ForeignFolder, below: &Path, found: &FileDigests) -> Claim {
        let Some(keys) = &self.0 else { return Claim::None };
        let (Some(parent), Some(name)) = (below.parent(), below.file_name().and_then(OsStr::to_str)) else {
            return Claim::None;
        };
        let Some(signed) = folder.manifest(parent) else { return Claim::None };
        let path: Utf8PathBuf = folder.shown(&parent.join(layout::MANIFEST));
        let Ok(manifest) = signed.open(keys, &path) else { return Claim::None };
        match manifest.files.iter().find(|file| file.name.as_str() == name) {
            None => Claim::None,
            Some(file) if is(file, found) => Claim::Holds,
            Some(file) => Claim::Disagrees(format!(
                "{path}, which a trusted key signed, says {} bytes with SHA-256 {}",
                file.size_bytes, file.sha256
            )),
        }
    }
}

fn is(file: &ManifestFile, found: &FileDigests) -> bool {
    (file.size_bytes, file.sha256) == (found.size_bytes, found.sha256)
}
