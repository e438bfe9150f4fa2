//! A location in a temporary folder and short ways to fill it.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::{
    BulletinId, DeploymentId, FileName, PackageId, Sha1, Sha256, Timestamp, UpdateId,
    package::{Manifest, ManifestFile},
    update::VendorDigest,
};
use patchwharf_trust::{ManifestKey, sha1, sha256};

use crate::{
    Content, Existing, Expected, Finding, Location, NewVersion, Partial, Placed, Source, ToUnlink, ToVerify, Verified,
    VersionCheck,
    disk::{Disk, Native},
};

pub(super) struct Fixture {
    pub(super) folder: tempfile::TempDir,
    pub(super) location: Arc<Location>,
    pub(super) key: ManifestKey,
    pub(super) deployment: DeploymentId,
}

pub(super) fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

pub(super) fn name(text: &str) -> FileName {
    FileName::new(text).unwrap()
}

/// Bytes that differ at each place and for each seed.
pub(super) fn bytes(seed: u8, length: usize) -> Vec<u8> {
    (0..length).map(|n| (n as u8).wrapping_mul(31).wrapping_add((n >> 8) as u8).wrapping_add(seed)).collect()
}

pub(super) fn expected(content: &[u8]) -> Expected {
    Expected { digest: VendorDigest::Sha256(sha256(content)), size_bytes: content.len() as u64, pinned: None }
}

pub(super) fn expected_sha1(content: &[u8]) -> (Expected, Sha1) {
    let digest = sha1(content);
    (Expected { digest: VendorDigest::Sha1(digest), size_bytes: content.len() as u64, pinned: None }, digest)
}

pub(super) fn source() -> Source {
    Source { url: "http://127.0.0.1/file".to_owned(), validator: Some("\"v1\"".to_owned()) }
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::on(Arc::new(Native::default()))
    }

    pub(super) fn on(disk: Arc<dyn Disk>) -> Self {
        Self::at(disk, tempfile::tempdir().unwrap())
    }

    /// In memory, where the machine can: for tests that try every call and would wait for the disk each time.
    pub(super) fn in_memory(disk: Arc<dyn Disk>) -> Self {
        Self::at(disk, tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap()))
    }

    /// In this folder.
    pub(super) fn at(disk: Arc<dyn Disk>, folder: tempfile::TempDir) -> Self {
        let deployment = DeploymentId::new();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("packages");
        let key = ManifestKey::open_or_make(&folder.path().join("manifest.key")).unwrap();
        let location = Arc::new(Location::create_on(disk, &path, deployment, now()).unwrap());
        Self { folder, location, key, deployment }
    }

    /// The same location after a restart of the server.
    pub(super) fn restarted(&self) -> Arc<Location> {
        Arc::new(Location::open(self.location.path(), Some(self.location.id()), self.deployment).unwrap())
    }

    /// Another location of the same server, in this folder.
    pub(super) fn beside(&self, folder: &Utf8Path, disk: Arc<dyn Disk>) -> Arc<Location> {
        let made = Location::create_on(disk, folder, self.deployment, now()).unwrap();
        Arc::new(made.sharing(Arc::clone(&self.location.stamps)))
    }

    /// Another location beside this one.
    pub(super) fn other(&self) -> Arc<Location> {
        self.beside(&Utf8Path::from_path(self.folder.path()).unwrap().join("other"), Arc::new(Native::default()))
    }

    pub(super) fn fetched(&self, content: &[u8]) -> Arc<Verified> {
        let mut partial = Partial::open(&self.location, expected(content)).unwrap();
        partial.begin(source(), 0).unwrap();
        partial.write(content).unwrap();
        Arc::new(partial.finish().unwrap())
    }

    /// A version of these files, placed.
    pub(super) fn placed(&self, package: PackageId, version: u64, files: &[(&str, &[u8])]) -> Placed {
        let new = self.new_version(package, version, files);
        self.location.place(vec![new], &self.key).pop().unwrap().unwrap()
    }

    pub(super) fn new_version(&self, package: PackageId, version: u64, files: &[(&str, &[u8])]) -> NewVersion {
        let content = files.iter().map(|(_, content)| Content::Fetched(self.fetched(content))).collect();
        NewVersion { manifest: manifest(package, version, files), content }
    }

    pub(super) fn path_of(&self, package: PackageId, version: u64, file: &str) -> Utf8PathBuf {
        self.location.path().join(package.to_string()).join(version.to_string()).join(file)
    }
}

pub(super) fn manifest(package: PackageId, version: u64, files: &[(&str, &[u8])]) -> Manifest {
    let files = files.iter().map(|(file, content)| ManifestFile {
        name: name(file),
        size_bytes: content.len() as u64,
        sha256: sha256(content),
        vendor_digest: VendorDigest::Sha256(sha256(content)),
        source: None,
    });
    Manifest {
        format: 1,
        package,
        version,
        update: UpdateId::new(),
        update_key: "update".to_owned(),
        feed: "feed".to_owned(),
        bulletin: BulletinId::new(),
        bulletin_key: "bulletin".to_owned(),
        staged_at: now(),
        files: files.collect(),
    }
}

pub(super) fn existing(placed: &Placed, file: usize) -> Existing {
    let file = &placed.files[file];
    Existing {
        package: placed.package,
        version: placed.version,
        name: file.name.clone(),
        stamp: file.stamp,
        sha256: file.sha256,
    }
}

pub(super) fn to_verify(file: &str, content: &[u8]) -> ToVerify {
    ToVerify { name: name(file), size_bytes: content.len() as u64, sha256: sha256(content) }
}

pub(super) fn to_unlink(placed: &Placed) -> ToUnlink {
    let files = placed.files.iter().map(|file| (file.name.clone(), Some(file.stamp))).collect();
    ToUnlink { package: placed.package, version: placed.version, files }
}

pub(super) fn digest_of(path: &Utf8Path) -> Sha256 {
    sha256(&std::fs::read(path).unwrap())
}

/// Names in a folder, sorted.
pub(super) fn names(folder: &Utf8Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

impl VersionCheck {
    /// Whether all of it is as it must be.
    pub(super) fn is_good(&self) -> bool {
        self.manifest.is_ok()
            && self.extra.is_empty()
            && self.files.iter().all(|file| matches!(file.finding, Finding::Good { .. }))
    }
}
