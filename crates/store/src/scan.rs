//! Walking a location: for start-up reconciliation and `store reconcile`.

use std::{
    fs::File,
    io,
    ops::ControlFlow,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
};

use camino::Utf8PathBuf;
use patchwharf_model::PackageId;
use rustix::fs::{FileType, FlockOperation};

use crate::{DiskError, Location, disk::Kind, error::Attempt as _, folder, layout, location::Slot, threads, tree};

/// Something in a location.
#[derive(Debug)]
pub enum Found {
    /// A version's folder.
    Version {
        /// The package.
        package: PackageId,
        /// The version.
        version: u64,
    },
    /// A package's folder without any version.
    EmptyPackage {
        /// The package.
        package: PackageId,
    },
    /// Something in `.staging`.
    Staging {
        /// Its name there.
        name: String,
        /// What it is.
        kind: StagingKind,
        /// Bytes of its files.
        size_bytes: u64,
    },
    /// Something that is not ours. Never touched.
    Foreign {
        /// Where, relative to the location.
        path: Utf8PathBuf,
    },
    /// Something that cannot be looked at.
    Unreadable(DiskError),
}

/// What lies in `.staging`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StagingKind {
    /// A file on its way; its name is its vendor digest.
    Partial,
    /// Versions that were being built when the server died.
    Build,
    /// Anything else.
    Foreign,
}

impl Location {
    /// Walks the location, not reading any package file. `visit` may break off.
    ///
    /// # Errors
    /// When the root cannot be read.
    pub fn scan(&self, visit: &mut dyn FnMut(Found) -> ControlFlow<()>) -> Result<(), DiskError> {
        let mut going_on = self.scan_staging(visit)?;
        tree::each_entry(&self.root, &mut |entry| {
            if going_on && !is_our_own(&entry.name) {
                going_on = match layout::package_of(&entry.name) {
                    Some(package) if entry.kind == FileType::Directory => self.scan_package(package, visit),
                    _ => visit(Found::Foreign { path: entry.name.into() }).is_continue(),
                };
            }
            Ok(going_on)
        })
        .attempt("list", || self.path().to_owned())
    }

    /// The same on all cores, all at once, but for `.staging`: see [`Self::leftovers`].
    ///
    /// # Errors
    /// When the root cannot be read.
    pub fn survey(&self) -> Result<Vec<Found>, DiskError> {
        let (mut found, mut packages) = (Vec::new(), Vec::new());
        for entry in tree::entries(&self.root).attempt("list", || self.path().to_owned())? {
            match layout::package_of(&entry.name) {
                Some(package) if entry.kind == FileType::Directory => packages.push(package),
                _ if is_our_own(&entry.name) => {}
                _ => found.push(Found::Foreign { path: entry.name.into() }),
            }
        }
        // A thread takes many at a time: one folder is looked at faster than it is handed over.
        let pieces = packages.chunks(64).map(<[PackageId]>::to_vec).collect();
        let inner = threads::map(pieces, threads::cores(), |piece: Vec<PackageId>| {
            piece.into_iter().flat_map(|package| self.folders_of(package)).collect::<Vec<_>>()
        });
        found.extend(inner.into_iter().flatten());
        Ok(found)
    }

    /// What lies in a package's folder; nothing when there is none.
    #[must_use]
    pub fn folders_of(&self, package: PackageId) -> Vec<Found> {
        let mut found = Vec::new();
        self.scan_package(package, &mut |thing| {
            found.push(thing);
            ControlFlow::Continue(())
        });
        found.retain(|thing| !matches!(thing, Found::Unreadable(error) if error.is_missing()));
        found
    }

    fn scan_package(&self, package: PackageId, visit: &mut dyn FnMut(Found) -> ControlFlow<()>) -> bool {
        let name = package.to_string();
        let inner = folder::folder(&self.root, &name).and_then(|folder| tree::fresh_entries(&folder));
        let entries = match inner.attempt("list", || self.path().join(&name)) {
            Ok(entries) => entries,
            Err(error) => return visit(Found::Unreadable(error)).is_continue(),
        };
        if entries.is_empty() {
            return visit(Found::EmptyPackage { package }).is_continue();
        }
        entries.into_iter().all(|entry| {
            let found = match layout::version_of(&entry.name) {
                Some(version) if entry.kind == FileType::Directory => Found::Version { package, version },
                _ => Found::Foreign { path: Utf8PathBuf::from(&name).join(entry.name) },
            };
            visit(found).is_continue()
        })
    }

    fn scan_staging(&self, visit: &mut dyn FnMut(Found) -> ControlFlow<()>) -> Result<bool, DiskError> {
        let entries = tree::entries(&self.staging).attempt("list", || self.path().join(layout::STAGING))?;
        Ok(entries.into_iter().all(|entry| {
            let size_bytes = tree::size_bytes(self.staging.as_fd(), entry.raw());
            visit(Found::Staging { kind: StagingKind::of(&entry), name: entry.name, size_bytes }).is_continue()
        }))
    }

    /// Removes the empty folders beside the packages that an opening left which was broken off.
    pub(crate) fn clear_probes(&self) -> Result<(), DiskError> {
        for probe in tree::entries(&self.root).attempt("list", || self.path().to_owned())? {
            if probe.name.starts_with(layout::PROBE_PREFIX) {
                // Empty, or not ours.
                let _ = self.disk.rmdir(self.root.as_fd(), probe.raw());
            }
        }
        Ok(())
    }

    /// Clears `.staging` of builds that a crash left and of files on their way that `wanted` (given their digest in
    /// hexadecimal) does not know; says what went. Things in use, by this process or another, stay.
    ///
    /// # Errors
    /// When `.staging` cannot be read. What cannot be removed is left and logged.
    pub fn clear_staging(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>, DiskError> {
        let entries = tree::entries(&self.staging).attempt("list", || self.path().join(layout::STAGING))?;
        let mut gone = Vec::new();
        self.clear_probes()?;
        for entry in entries.into_iter().filter(|entry| is_unwanted(entry, wanted)) {
            let Ok(_slot) = Slot::take(&self.in_flight, entry.name.clone()) else { continue };
            match self.clear_one(&entry.name) {
                Ok(true) => gone.push(entry.name),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(name = entry.name, error = %error, "cannot be cleared from .staging; tried again at the next start");
                }
            }
        }
        Ok(gone)
    }

    /// What [`Self::clear_staging`] would clear, and things in `.staging` that are not ours.
    ///
    /// # Errors
    /// When `.staging` cannot be read.
    pub fn leftovers(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Leftover>, DiskError> {
        let entries = tree::entries(&self.staging).attempt("list", || self.path().join(layout::STAGING))?;
        let mut left = Vec::new();
        for entry in entries {
            let kind = StagingKind::of(&entry);
            if is_unwanted(&entry, wanted) {
                let Ok(_slot) = Slot::take(&self.in_flight, entry.name.clone()) else { continue };
                // Gone meanwhile, or another process holds it.
                if !matches!(self.lock_in_staging(&entry.name), Ok(Some(_))) {
                    continue;
                }
            } else if kind != StagingKind::Foreign {
                continue;
            }
            left.push(Leftover {
                size_bytes: tree::size_bytes(self.staging.as_fd(), entry.raw()),
                kind,
                name: entry.name,
            });
        }
        Ok(left)
    }

    /// Removes one folder in `.staging`, unless another process has locked it.
    fn clear_one(&self, name: &str) -> io::Result<bool> {
        let Some(_locks) = self.lock_in_staging(name)? else { return Ok(false) };
        self.remove_tree(self.staging.as_fd(), name.as_ref())?;
        Ok(true)
    }

    /// The locks on a folder in `.staging` and the file in it; none when another process has one.
    fn lock_in_staging(&self, name: &str) -> io::Result<Option<(OwnedFd, Option<File>)>> {
        let opened = folder::folder(&self.staging, name)?;
        let locked = |fd: BorrowedFd<'_>| {
            let result = rustix::fs::flock(fd, FlockOperation::NonBlockingLockExclusive);
            if result == Err(rustix::io::Errno::WOULDBLOCK) { Ok(true) } else { result.map(|()| false) }
        };
        if locked(opened.as_fd())? {
            return Ok(None);
        }
        let data = folder::file(&opened, layout::PARTIAL_DATA).ok();
        if let Some(data) = &data
            && locked(data.as_fd())?
        {
            return Ok(None);
        }
        Ok(Some((opened, data)))
    }

    /// Removes a package's folder if nothing is in it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn remove_empty_package(&self, package: PackageId) -> Result<bool, DiskError> {
        let path = || self.path().join(package.to_string());
        match self.disk.rmdir(self.root.as_fd(), package.to_string().as_ref()) {
            Err(e) if matches!(e.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) => Ok(false),
            other => {
                other.attempt("remove", path)?;
                self.disk.fsync(self.root.as_fd(), Kind::Folder).attempt("make durable", || self.path().to_owned())?;
                Ok(true)
            }
        }
    }
}

/// Something in `.staging` that nobody waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Its name there.
    pub name: String,
    /// What it is. `Foreign` is never cleared.
    pub kind: StagingKind,
    /// Bytes of its files.
    pub size_bytes: u64,
}

/// Whether a thing in `.staging` is one of ours that nobody wants.
fn is_unwanted(entry: &tree::Entry, wanted: &dyn Fn(&str) -> bool) -> bool {
    match StagingKind::of(entry) {
        StagingKind::Build => true,
        StagingKind::Partial => !wanted(&entry.name),
        StagingKind::Foreign => false,
    }
}

impl StagingKind {
    fn of(entry: &tree::Entry) -> Self {
        let digest = matches!(entry.name.len(), 40 | 64) && entry.name.bytes().all(|b| b.is_ascii_hexdigit());
        if entry.kind != FileType::Directory || !entry.is_text() {
            Self::Foreign
        } else if entry.name.starts_with(layout::BUILD_PREFIX) || entry.name.starts_with(layout::PROBE_PREFIX) {
            Self::Build
        } else if digest {
            Self::Partial
        } else {
            Self::Foreign
        }
    }
}

/// Names at the root that belong to the location itself.
fn is_our_own(name: &str) -> bool {
    matches!(name, layout::MARKER | layout::STAGING | layout::QUARANTINE | "lost+found")
        || name.starts_with(layout::PROBE_PREFIX)
        || name.starts_with(layout::OLD_MARKER_PREFIX)
}
