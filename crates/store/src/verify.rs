//! Verifying: what is really on disk.

mod look;

use std::{
    fs::File,
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use camino::Utf8Path;
use patchwharf_model::{
    FileName, PackageId, Sha256,
    package::{Manifest, ProofStamp},
};
use patchwharf_trust::PublicKey;
use rustix::fs::Mode;

use crate::{DiskError, Location, ManifestError, error::Attempt as _, folder, layout, manifest, stamp, stamps, tree};

/// What a file must be.
#[derive(Clone, Debug)]
pub struct ToVerify {
    /// Its name.
    pub name: FileName,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Its content.
    pub sha256: Sha256,
}

/// What was found at a file's place.
#[derive(Debug)]
pub enum Finding {
    /// Its bytes were hashed and are right.
    Good {
        /// The proof's stamp.
        stamp: ProofStamp,
    },
    /// Its bytes are right, but owner or mode let others change it: close it with [`Location::tighten`].
    Open {
        /// The proof's stamp.
        stamp: ProofStamp,
        /// Its owner.
        owner: u32,
        /// Its mode.
        mode: u32,
    },
    /// There is nothing of that name (or no folder).
    Missing,
    /// It is shorter.
    Truncated {
        /// Bytes that must be there.
        expected: u64,
        /// Bytes that are.
        found: u64,
        /// Digest of what is there, where it can be read.
        sha256: Option<Sha256>,
    },
    /// It is longer.
    TooLong {
        /// Bytes that must be there.
        expected: u64,
        /// Bytes that are.
        found: u64,
    },
    /// Right length, wrong bytes (read twice, the second time past the cache).
    Changed {
        /// What must be there.
        expected: Sha256,
        /// What is.
        found: Sha256,
    },
    /// It changed while it was read.
    Unsteady,
    /// A symbolic link in its place. Not followed.
    Link,
    /// A folder, pipe, device or mount point in its place.
    NotAFile,
    /// It cannot be read.
    Unreadable(DiskError),
}

/// One file of a version and what was found.
#[derive(Debug)]
pub struct FileCheck {
    /// Its name.
    pub name: FileName,
    /// What was found.
    pub finding: Finding,
}

/// A version and what was found.
#[derive(Debug)]
pub struct VersionCheck {
    /// The expected files, in order.
    pub files: Vec<FileCheck>,
    /// The manifest, or what is wrong with it.
    pub manifest: Result<Manifest, ManifestError>,
    /// Names in the folder that nobody expects there: quarantine them.
    pub extra: Vec<String>,
}

impl Location {
    /// Hashes one file as it is on disk, past the cache. Call it from as many threads as there are cores.
    #[must_use]
    pub fn verify_file(&self, package: PackageId, version: u64, file: &ToVerify) -> Finding {
        let path = || self.path().join(layout::version_path(package, version));
        match self.version_folder(package, version) {
            Err(e) => look::at_folder(e, path()),
            Ok(folder) => look::at_file(self, folder.as_fd(), file, || path().join(file.name.as_str())),
        }
    }

    /// Hashes the files of a version, checks its manifest and looks for foreign things.
    #[must_use]
    pub fn verify_version(
        &self,
        package: PackageId,
        version: u64,
        files: &[ToVerify],
        key: &PublicKey,
    ) -> VersionCheck {
        let path = self.path().join(layout::version_path(package, version));
        let (finding, manifest, extra) = match self.version_folder(package, version) {
            Err(e) => {
                let e = &e;
                let copy = || std::io::Error::from_raw_os_error(e.raw_os_error().unwrap_or(libc::EIO));
                let all = files.iter().map(|_| look::at_folder(copy(), path.clone())).collect();
                let manifest = Err(ManifestError::Missing { path: path.join(layout::MANIFEST) });
                return VersionCheck::new(files, all, manifest, Vec::new());
            }
            Ok(folder) => {
                let found = files
                    .iter()
                    .map(|file| look::at_file(self, folder.as_fd(), file, || path.join(file.name.as_str())))
                    .collect();
                let manifest = manifest::read(&folder, package, version, key, path.join(layout::MANIFEST))
                    .and_then(|manifest| agrees(manifest, files, &path));
                (found, manifest, extra(&folder, files))
            }
        };
        VersionCheck::new(files, finding, manifest, extra)
    }

    /// Opens a file for serving, without hashing: compare its stamp with the proof by [`crate::stamps::Stamps::stands`].
    ///
    /// # Errors
    /// When it is not there, is a link or no file, or cannot be opened.
    pub fn open_file(
        &self,
        package: PackageId,
        version: u64,
        name: &FileName,
    ) -> Result<(File, ProofStamp), DiskError> {
        let path = || self.path().join(layout::version_path(package, version)).join(name.as_str());
        let folder = self.version_folder(package, version).attempt("open", path)?;
        let file = folder::file(folder, name.as_str()).attempt("open", path)?;
        if !file.metadata().attempt("look at", path)?.is_file() {
            return Err(io::Error::from(io::ErrorKind::InvalidInput)).attempt("serve, for it is not a file,", path);
        }
        let stamp = stamp::of(&file).attempt("look at", path)?;
        Ok((file, stamp))
    }

    /// Takes from others the right to write a file of ours, and says the stamp that holds from now on (when `proved`
    /// was still right before).
    ///
    /// # Errors
    /// When the disk fails, or the file is not ours.
    pub fn tighten(
        &self,
        package: PackageId,
        version: u64,
        name: &FileName,
        proved: &ProofStamp,
    ) -> Result<Option<ProofStamp>, DiskError> {
        let path = || self.path().join(layout::version_path(package, version)).join(name.as_str());
        let (file, stamp) = self.open_file(package, version, name)?;
        let entry = self.stamps.entry(&stamp);
        let mut inode = stamps::held(&entry);
        let before = stamp::of(&file).attempt("look at", path)?;
        rustix::fs::fchmod(&file, Mode::from_raw_mode(0o644)).attempt("close the mode of", path)?;
        let after = stamp::of(&file).attempt("look at", path)?;
        if !inode.leads(proved, &before) {
            return Ok(None);
        }
        inode.moved(before, after);
        Ok(Some(after))
    }
}

impl VersionCheck {
    fn new(
        files: &[ToVerify],
        findings: Vec<Finding>,
        manifest: Result<Manifest, ManifestError>,
        extra: Vec<String>,
    ) -> Self {
        let files = files.iter().zip(findings).map(|(file, finding)| FileCheck { name: file.name.clone(), finding });
        Self { files: files.collect(), manifest, extra }
    }

    /// Whether all of it is as it must be.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.manifest.is_ok()
            && self.extra.is_empty()
            && self.files.iter().all(|file| matches!(file.finding, Finding::Good { .. }))
    }
}

/// The signed manifest must tell the same as the caller's rows: whoever changes a file and its row meets it here.
fn agrees(manifest: Manifest, files: &[ToVerify], path: &Utf8Path) -> Result<Manifest, ManifestError> {
    let differs = |name: &FileName| ManifestError::Disagrees { path: path.join(layout::MANIFEST), name: name.clone() };
    for file in files {
        let told = manifest.files.iter().find(|told| told.name == file.name);
        if !told.is_some_and(|told| told.sha256 == file.sha256 && told.size_bytes == file.size_bytes) {
            return Err(differs(&file.name));
        }
    }
    match manifest.files.iter().find(|told| !files.iter().any(|file| file.name == told.name)) {
        Some(unknown) => Err(differs(&unknown.name)),
        None => Ok(manifest),
    }
}

/// Names in a version's folder that nobody expects.
fn extra(folder: &OwnedFd, files: &[ToVerify]) -> Vec<String> {
    let names = tree::entries(folder).unwrap_or_else(|error| {
        tracing::warn!(error = %error, "a version's folder cannot be listed");
        Vec::new()
    });
    let expected = |name: &str| name == layout::MANIFEST || files.iter().any(|file| file.name.as_str() == name);
    names.into_iter().map(|entry| entry.name).filter(|name| !expected(name)).collect()
}
