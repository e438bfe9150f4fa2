//! `.quarantine/<when>/<GUID>/...`: what was found bad, kept until its replacement is proved.

mod when;

use std::{
    ffi::OsStr,
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::{PackageId, Timestamp, package::Manifest};
use rustix::fs::{AtFlags, FileType, statat};

use crate::{
    DiskError, Location, ManifestError, Signers,
    disk::Kind,
    error::Attempt as _,
    fault::{self, Step},
    folder, layout, manifest, tree,
};

/// Something in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Since when.
    pub since: Timestamp,
    /// The package, where it came from a package's folder.
    pub package: Option<PackageId>,
    /// Where it lies, relative to the location.
    pub path: Utf8PathBuf,
    /// Bytes of its files.
    pub size_bytes: u64,
}

impl Location {
    /// Sets a whole version aside. Open descriptors (running downloads) go on.
    ///
    /// # Errors
    /// When the disk fails; the version is then where it was, or in quarantine and found there.
    pub fn quarantine_version(
        &self,
        package: PackageId,
        version: u64,
        now: Timestamp,
    ) -> Result<Utf8PathBuf, DiskError> {
        let path = || self.path().join(layout::version_path(package, version));
        let from = folder::folder(&self.root, package.to_string()).attempt("open the folder of", path)?;
        self.set_aside(&from, layout::version_name(version).as_ref(), &[package.to_string()], now, path)
    }

    /// The same for a version that does not belong here: where it was the last one, the folder of its package goes too.
    ///
    /// # Errors
    /// As [`Self::quarantine_version`].
    pub fn quarantine_orphan(
        &self,
        package: PackageId,
        version: u64,
        now: Timestamp,
    ) -> Result<Utf8PathBuf, DiskError> {
        let aside = self.quarantine_version(package, version, now)?;
        self.remove_empty_package(package)?;
        Ok(aside)
    }

    /// Sets one thing in a version's folder aside, whatever it is, by its name as it is shown. A link is moved, not what it
    /// points at.
    ///
    /// # Errors
    /// When the disk fails; it is then where it was, or in quarantine and found there.
    pub fn quarantine_entry(
        &self,
        package: PackageId,
        version: u64,
        name: &str,
        now: Timestamp,
    ) -> Result<Utf8PathBuf, DiskError> {
        let path = || self.path().join(layout::version_path(package, version)).join(name);
        let from = self.version_folder(package, version).attempt("open the folder of", path)?;
        let name = tree::raw_name(&from, name).attempt("list", path)?;
        self.set_aside(&from, &name, &[package.to_string(), layout::version_name(version)], now, path)
    }

    /// Puts what [`Self::quarantine_package`] has set aside back in its place, unless something is there again.
    ///
    /// # Errors
    /// When the disk fails, or its place is taken: it is then still in quarantine.
    pub fn put_back_package(&self, package: PackageId, aside: &Utf8Path) -> Result<(), DiskError> {
        let path = || self.path().join(aside);
        let mut components = aside.components().skip(1).map(|component| component.as_str());
        let (Some(when), Some(name)) = (components.next(), components.next()) else { return Ok(()) };
        let from = folder::folder(&self.quarantine, when).attempt("open the folder of", path)?;
        let place = package.to_string();
        self.disk.rename(from.as_fd(), name.as_ref(), self.root.as_fd(), &place).attempt("put back", path)?;
        self.disk.fsync(self.root.as_fd(), Kind::Folder).attempt("make durable", || self.path().join(&place))?;
        self.disk.fsync(from.as_fd(), Kind::Folder).attempt("make durable the removal of", path)?;
        // Others of the same moment may still be there.
        let _ = self.disk.rmdir(self.quarantine.as_fd(), when.as_ref());
        Ok(())
    }

    /// Whether a package has a folder, or nothing at all lies in its place.
    #[must_use]
    pub fn has_package_folder(&self, package: PackageId) -> bool {
        match statat(&self.root, package.to_string(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => FileType::from_raw_mode(stat.st_mode).is_dir(),
            Err(error) => error == rustix::io::Errno::NOENT,
        }
    }

    /// Sets aside whatever lies in the place of a package's folder: a link is moved, not what it points at.
    ///
    /// # Errors
    /// When the disk fails; it is then where it was, or in quarantine and found there.
    pub fn quarantine_package(&self, package: PackageId, now: Timestamp) -> Result<Utf8PathBuf, DiskError> {
        let name = package.to_string();
        self.set_aside(&self.root, name.as_ref(), &[], now, || self.path().join(&name))
    }

    /// Renames `name` in `from` to `.quarantine/<when>/<under...>/<name>`, durably.
    pub(crate) fn set_aside(
        &self,
        from: &OwnedFd,
        name: &OsStr,
        under: &[String],
        now: Timestamp,
        path: impl Fn() -> Utf8PathBuf,
    ) -> Result<Utf8PathBuf, DiskError> {
        let mut relative = Utf8PathBuf::from(layout::QUARANTINE);
        let mut folders =
            vec![self.quarantine.as_fd().try_clone_to_owned().attempt("open", || self.path().join(&relative))?];
        for component in std::iter::once(&when::name(now)).chain(under) {
            let parent = &folders[folders.len() - 1];
            relative.push(component);
            let next = self.open_or_make(parent, component).attempt("create", || self.path().join(&relative))?;
            folders.push(next);
        }
        fault::at(Step::QuarantineBeforeRename).attempt("pass a test step at", &path)?;
        let target = &folders[folders.len() - 1];
        let (shown, mut new_name) = (tree::shown(name), tree::shown(name));
        for n in 2.. {
            match self.disk.rename(from.as_fd(), name, target.as_fd(), &new_name) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => new_name = format!("{shown}.{n}"),
                other => {
                    other.attempt("set aside", &path)?;
                    break;
                }
            }
        }
        fault::at(Step::QuarantineAfterRename).attempt("pass a test step at", &path)?;
        // The new name first: a power cut between the two may show the thing twice, never not at all.
        for folder in folders.iter().rev() {
            self.disk.fsync(folder.as_fd(), Kind::Folder).attempt("make durable the quarantine of", &path)?;
        }
        self.disk.fsync(from.as_fd(), Kind::Folder).attempt("make durable the removal of", &path)?;
        Ok(relative.join(new_name))
    }

    fn open_or_make(&self, parent: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
        match self.disk.mkdir(parent.as_fd(), name) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => folder::folder(parent, name),
            other => other,
        }
    }

    /// What is in quarantine: one item for each package (or foreign thing) and time.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn quarantined(&self) -> Result<Vec<Quarantined>, DiskError> {
        let path = || self.path().join(layout::QUARANTINE);
        let mut found = Vec::new();
        for entry in tree::entries(&self.quarantine).attempt("list", path)? {
            let Some(since) = moment(&entry) else { continue };
            let folder = folder::folder(&self.quarantine, &entry.name).attempt("open", || path().join(&entry.name))?;
            for inner in tree::entries(&folder).attempt("list", || path().join(&entry.name))? {
                found.push(Quarantined {
                    since,
                    package: layout::package_of(&inner.name),
                    path: Utf8PathBuf::from(layout::QUARANTINE).join(&entry.name).join(&inner.name),
                    size_bytes: tree::size_bytes(folder.as_fd(), inner.raw()),
                });
            }
        }
        Ok(found)
    }

    /// The manifests of the versions in a package's folder that was set aside, believed as at their place; one that cannot
    /// be is an error in its place. None are there: it was no whole version.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn quarantined_manifests(
        &self,
        item: &Quarantined,
        keys: &impl Signers,
    ) -> Result<Vec<Result<Manifest, ManifestError>>, DiskError> {
        let path = || self.path().join(&item.path);
        let Some(package) = item.package else { return Ok(Vec::new()) };
        let mut components = item.path.components().skip(1).map(|c| c.as_str());
        let (Some(when), Some(name)) = (components.next(), components.next()) else { return Ok(Vec::new()) };
        let folder = folder::folder(&self.quarantine, when).and_then(|when| folder::folder(when, name));
        let folder = folder.attempt("open", path)?;
        let mut found = Vec::new();
        for entry in tree::entries(&folder).attempt("list", path)? {
            let at = || path().join(&entry.name).join(layout::MANIFEST);
            // A name that was taken already got a number behind it: `1.2`.
            let Ok(version) = entry.name.split('.').next().unwrap_or_default().parse() else { continue };
            let opened = folder::folder(&folder, &entry.name).attempt("open", at);
            let manifest = opened.map_err(ManifestError::from);
            found.push(manifest.and_then(|folder| manifest::read(self, &folder, package, version, keys, at)));
        }
        Ok(found)
    }

    /// What lies in quarantine and was not put there by a server, relative to the location. Never touched.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn strangers_in_quarantine(&self) -> Result<Vec<Utf8PathBuf>, DiskError> {
        let path = || self.path().join(layout::QUARANTINE);
        let entries = tree::entries(&self.quarantine).attempt("list", path)?;
        let strangers = entries.into_iter().filter(|entry| moment(entry).is_none());
        Ok(strangers.map(|entry| Utf8PathBuf::from(layout::QUARANTINE).join(entry.name)).collect())
    }

    /// Removes something from quarantine, for good.
    ///
    /// # Errors
    /// When the disk fails. Nothing there is no error.
    pub fn drop_quarantined(&self, item: &Quarantined) -> Result<(), DiskError> {
        let path = || self.path().join(&item.path);
        let mut components = item.path.components().skip(1).map(|c| c.as_str());
        let (Some(when), Some(name)) = (components.next(), components.next()) else { return Ok(()) };
        let folder = match folder::folder(&self.quarantine, when) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.attempt("open the folder of", path)?,
        };
        self.remove_tree(folder.as_fd(), &tree::raw_name(&folder, name).attempt("list", path)?)
            .attempt("remove", path)?;
        self.disk.fsync(folder.as_fd(), Kind::Folder).attempt("make durable the removal of", path)?;
        // Others of the same moment may still be there.
        match self.disk.rmdir(self.quarantine.as_fd(), when.as_ref()) {
            Err(e) if matches!(e.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) => Ok(()),
            other => other.attempt("remove the folder of", path),
        }
    }
}

/// When something was set aside, by the name of its folder; none: no folder of ours.
fn moment(entry: &tree::Entry) -> Option<Timestamp> {
    when::of(&entry.name).filter(|_| entry.kind == FileType::Directory)
}
