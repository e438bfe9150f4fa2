//! A version's open folder: its files, its manifest, and what else lies in it.

use std::os::fd::{AsFd as _, OwnedFd};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::{
    FileName, PackageId,
    package::{Manifest, ProofStamp},
};
use rustix::fs::{AtFlags, fstat, statat};

use super::{Access, Closeness, FileLook, Finding, FolderAccess, ToVerify, look};
use crate::{DiskError, Location, ManifestError, Signers, error::Attempt as _, folder, layout, manifest, stamp, tree};

/// A version's open folder.
#[derive(Debug)]
pub struct OpenVersion<'a> {
    location: &'a Location,
    package: PackageId,
    version: u64,
    folder: OwnedFd,
    access: Vec<FolderAccess>,
}

impl Location {
    /// Opens a version's folder.
    ///
    /// # Errors
    /// What lies there instead: `Missing`, `Link`, `NotAFile`, `Unreadable`.
    pub fn open_version(&self, package: PackageId, version: u64) -> Result<OpenVersion<'_>, Finding> {
        let path = || self.path().join(layout::version_path(package, version));
        let fails = |e: std::io::Error| look::at_folder(e, path());
        let outer = folder::folder(&self.root, package.to_string()).map_err(fails)?;
        let inner = folder::folder(&outer, layout::version_name(version)).map_err(fails)?;
        let mut access = Vec::new();
        for (folder, path) in [(&outer, package.to_string().into()), (&inner, layout::version_path(package, version))] {
            let found = Access::of_folder(&fstat(folder).map_err(|e| fails(e.into()))?);
            if !found.is_fine() {
                access.push(FolderAccess { path, access: found });
            }
        }
        Ok(OpenVersion { location: self, package, version, folder: inner, access })
    }
}

impl Location {
    /// The folder whose owner or mode keeps us out of a version: its own, or that of its package.
    #[must_use]
    pub fn closed_folder(&self, package: PackageId, version: u64) -> Option<FolderAccess> {
        let (outer, inner) = (package.to_string(), layout::version_name(version));
        if let Some(access) = kept_out(&self.root, &outer) {
            return Some(FolderAccess { path: outer.into(), access });
        }
        let folder = folder::folder(&self.root, &outer).ok()?;
        let access = kept_out(&folder, &inner)?;
        Some(FolderAccess { path: layout::version_path(package, version), access })
    }
}

/// What is wrong with the access to a folder; none: nothing, or it is no folder.
fn kept_out(parent: &OwnedFd, name: &str) -> Option<Access> {
    let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let is_folder = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir();
    Some(Access::of_folder(&stat)).filter(|access| is_folder && !access.is_fine())
}

impl OpenVersion<'_> {
    /// Its folder and that of its package, where others can change them or the server cannot enter.
    #[must_use]
    pub fn access(&self) -> &[FolderAccess] {
        &self.access
    }

    /// Looks at one of its files. None: broken off by the meter.
    #[must_use]
    pub fn file(&self, expected: &ToVerify, closeness: &Closeness<'_>) -> Option<FileLook> {
        let path = || self.path().join(expected.name.as_str());
        look::at_file(self.location, self.folder.as_fd(), expected, closeness, path)
    }

    /// Its manifest, believed only when one of `keys` signed it and it tells of this version.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or cannot be believed.
    pub fn manifest(&self, keys: &impl Signers) -> Result<Manifest, ManifestError> {
        manifest::read(self.location, &self.folder, self.package, self.version, keys, || {
            self.path().join(layout::MANIFEST)
        })
    }

    /// The stamp of its manifest and who can change it; none: no file of that name.
    #[must_use]
    pub fn manifest_stamp(&self) -> Option<(ProofStamp, Access)> {
        let stat = statat(&self.folder, layout::MANIFEST, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let is_file = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file();
        is_file.then(|| (stamp::from_stat(&stat), Access::of_file(&stat)))
    }

    /// Names in it that nobody expects. To be asked once.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn extra(&self, files: &[ToVerify]) -> Result<Vec<String>, DiskError> {
        let names = tree::fresh_entries(&self.folder).attempt("list", || self.path())?;
        let expected = |name: &str| name == layout::MANIFEST || files.iter().any(|file| file.name.as_str() == name);
        Ok(names.into_iter().map(|entry| entry.name).filter(|name| !expected(name)).collect())
    }

    fn path(&self) -> Utf8PathBuf {
        self.location.path().join(layout::version_path(self.package, self.version))
    }
}

/// The signed manifest must tell the same as the caller's rows: whoever changes a file and its row meets it here.
///
/// # Errors
/// The file that they disagree about.
pub fn agrees(manifest: &Manifest, files: &[ToVerify], path: &Utf8Path) -> Result<(), ManifestError> {
    let differs = |name: &FileName| ManifestError::Disagrees { path: path.join(layout::MANIFEST), name: name.clone() };
    for file in files {
        let told = manifest.files.iter().find(|told| told.name == file.name);
        if !told.is_some_and(|told| told.sha256 == file.sha256 && told.size_bytes == file.size_bytes) {
            return Err(differs(&file.name));
        }
    }
    match manifest.files.iter().find(|told| !files.iter().any(|file| file.name == told.name)) {
        Some(unknown) => Err(differs(&unknown.name)),
        None => Ok(()),
    }
}
