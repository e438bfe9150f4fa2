//! What signed manifests of other deployments say of the files beside them.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use camino::Utf8PathBuf;
use patchwharf_model::package::{Manifest, ManifestFile};
use patchwharf_store::{ForeignFolder, KnownKeys, layout};
use patchwharf_trust::{FileDigests, PublicKey};

/// Keys of other deployments that are believed, and the manifest that was read last: a folder's files come one after another.
#[derive(Clone, Debug)]
pub(super) struct Trusted {
    keys: Option<KnownKeys>,
    last: Arc<Mutex<Option<Read>>>,
}

/// A folder and the manifest in it that is believed; none: there is none such.
type Read = (PathBuf, Option<Arc<Manifest>>);

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
        Self { keys: first.map(|first| KnownKeys::new(first, keys)), last: Arc::default() }
    }

    /// Holds a file against the manifest beside it. Blocks.
    pub(super) fn claim(&self, folder: &ForeignFolder, below: &Path, found: &FileDigests) -> Claim {
        let Some(keys) = &self.keys else { return Claim::None };
        let (Some(parent), Some(name)) = (below.parent(), below.file_name().and_then(OsStr::to_str)) else {
            return Claim::None;
        };
        let path: Utf8PathBuf = folder.shown(&parent.join(layout::MANIFEST));
        let Some(manifest) = self.manifest(keys, folder, parent, &path) else { return Claim::None };
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

impl Trusted {
    /// The manifest in a folder, if it is believed. It is read, and its signature verified, once for files that follow one
    /// another.
    fn manifest(
        &self,
        keys: &KnownKeys,
        folder: &ForeignFolder,
        parent: &Path,
        path: &Utf8PathBuf,
    ) -> Option<Arc<Manifest>> {
        let last = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, manifest)) = last().as_ref().filter(|(of, _)| of == parent) {
            return manifest.clone();
        }
        let manifest = folder.manifest(parent).and_then(|signed| signed.open(keys, path).ok()).map(Arc::new);
        *last() = Some((parent.to_owned(), manifest.clone()));
        manifest
    }
}

fn is(file: &ManifestFile, found: &FileDigests) -> bool {
    (file.size_bytes, file.sha256) == (found.size_bytes, found.sha256)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use camino::Utf8Path;
    use patchwharf_model::{BulletinId, FileName, PackageId, Timestamp, UpdateId, update::VendorDigest};
    use patchwharf_store::SignedManifest;
    use patchwharf_trust::{ManifestKey, sha256};

    use super::*;

    #[test]
    fn the_manifest_of_a_folder_is_read_once_for_the_files_beside_it() {
        let home = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(home.path()).unwrap().canonicalize_utf8().unwrap();
        let key = ManifestKey::open_or_make(root.join("key").as_std_path()).unwrap();
        let digests = |text: &str| FileDigests { size_bytes: 1, sha256: sha256(text.as_bytes()), sha1: None };
        let file = |name: &str| ManifestFile {
            name: FileName::new(name).unwrap(),
            size_bytes: 1,
            sha256: sha256(name.as_bytes()),
            vendor_digest: VendorDigest::Sha256(sha256(name.as_bytes())),
            source: None,
        };
        let manifest = Manifest {
            format: 1,
            package: PackageId::new(),
            version: 1,
            update: UpdateId::new(),
            update_key: "u".into(),
            bulletin: BulletinId::new(),
            bulletin_key: "b".into(),
            feed: "f".into(),
            staged_at: Timestamp::UNIX_EPOCH,
            files: vec![file("a"), file("b")],
        };
        let signed = SignedManifest::new(&manifest, &key).unwrap().to_bytes().unwrap();
        for folder in ["one", "two"] {
            std::fs::create_dir(root.join(folder)).unwrap();
            std::fs::write(root.join(folder).join(layout::MANIFEST), &signed).unwrap();
        }
        let (trusted, folder) = (Trusted::new(vec![key.public()]), ForeignFolder::open(&root).unwrap());
        let claim = |below: &str, content: &str| trusted.claim(&folder, Path::new(below), &digests(content));
        assert_eq!(claim("one/a", "a"), Claim::Holds);
        std::fs::remove_file(root.join("one").join(layout::MANIFEST)).unwrap();
        assert_eq!(claim("one/b", "b"), Claim::Holds, "it is remembered");
        assert!(matches!(claim("two/a", "other"), Claim::Disagrees(_)));
        assert_eq!(claim("one/b", "b"), Claim::None, "only that of the last folder is");
    }
}
