//! A batch of versions: what each step of the commit protocol does to all of them before the next step begins.

use std::{
    collections::{HashMap, HashSet},
    io,
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd},
    sync::Arc,
};

use patchwharf_model::PackageId;
use patchwharf_trust::ManifestKey;
use uuid::Uuid;

use super::{
    NewVersion, PlaceError, Placed, PlacedFile,
    build::{Built, build},
    sync::{sync_files, sync_folders},
};
use crate::{
    DiskError, Location,
    disk::Kind,
    error::Attempt as _,
    fault::{self, Step},
    folder, layout,
    location::Slot,
    stamp,
    threads::{SYNC_THREADS, cores, map},
    tree,
};

/// Places a batch. Every step is done for all before the next begins, so that the disk commits them together.
pub(super) fn place(
    location: &Location,
    versions: Vec<NewVersion>,
    key: &ManifestKey,
) -> Vec<Result<Placed, PlaceError>> {
    place_built(location, versions, |folder, slot, new| build(location, folder, slot, new, key), |_| {})
}

/// Builds each version aside by `build`, makes its files durable, lets `look` have a last look at all of them, and gives
/// them their names.
pub(super) fn place_built<T: Send>(
    location: &Location,
    versions: Vec<T>,
    build: impl Fn(BorrowedFd<'_>, &str, T) -> Building + Sync,
    look: impl FnOnce(&mut [Building]),
) -> Vec<Result<Placed, PlaceError>> {
    if versions.is_empty() {
        return Vec::new();
    }
    match Batch::begin(location) {
        Ok(batch) => batch.run(versions, build, look),
        // Nothing was begun: each gets the same news.
        Err(error) => versions.iter().map(|_| Err(again(&error).into())).collect(),
    }
}

/// The same failure once more, for the next version that it hits.
pub(super) fn again(error: &DiskError) -> DiskError {
    let source = match error.source.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.source.kind(), error.source.to_string()),
    };
    DiskError { attempt: error.attempt, path: error.path.clone(), source }
}

struct Batch<'a> {
    location: &'a Location,
    /// `.staging/build-…`
    folder: OwnedFd,
    /// Keeps start-up reconciliation of this process away from the folder.
    slot: Slot,
}

/// Where a version got its name.
enum Parent {
    /// Its package's folder is new.
    Root,
    /// Its package had a folder.
    Package(Arc<OwnedFd>),
}

/// A version being built, or why it no longer is.
pub(super) type Building = Result<Built, PlaceError>;

impl<'a> Batch<'a> {
    fn begin(location: &'a Location) -> Result<Self, DiskError> {
        let staging = || location.path().join(layout::STAGING);
        fault::at(Step::PlaceBeforeBuild).attempt("pass a test step in", staging)?;
        let name = format!("{}{}", layout::BUILD_PREFIX, Uuid::now_v7());
        let slot = Slot::take(&location.in_flight, name)
            .map_err(|_| io::Error::from(io::ErrorKind::AlreadyExists))
            .attempt("build in", staging)?;
        let folder = location.disk.mkdir(location.staging.as_fd(), slot.name()).attempt("build in", staging)?;
        // Other processes of this deployment see by the lock that somebody builds here.
        rustix::fs::flock(&folder, rustix::fs::FlockOperation::NonBlockingLockExclusive).attempt("lock", staging)?;
        Ok(Self { location, folder, slot })
    }

    fn run<T: Send>(
        self,
        versions: Vec<T>,
        build: impl Fn(BorrowedFd<'_>, &str, T) -> Building + Sync,
        look: impl FnOnce(&mut [Building]),
    ) -> Vec<Result<Placed, PlaceError>> {
        let build_folder = self.folder.as_fd();
        let numbered = versions.into_iter().enumerate().collect();
        let mut built: Vec<Building> =
            map(numbered, cores().max(2), |(n, new)| build(build_folder, &n.to_string(), new));
        pass(Step::PlaceBeforeFsync, &mut built, self.location);
        sync_files(self.location, &mut built);
        look(&mut built);
        sync_folders(self.location, &mut built);
        pass(Step::PlaceBeforeRename, &mut built, self.location);
        let named = self.rename(built);
        let placed = self.sync_parents(named);
        self.clean_up(placed.iter().any(Result::is_err));
        placed
    }

    /// Gives the versions their names.
    fn rename(&self, built: Vec<Building>) -> Vec<Result<(Built, Parent), PlaceError>> {
        let mut parents = HashMap::new();
        built
            .into_iter()
            .enumerate()
            .map(|(n, built)| {
                let built = built?;
                let parent = self.rename_one(&n.to_string(), &built, &mut parents)?;
                Ok((built, parent))
            })
            .collect()
    }

    fn rename_one(
        &self,
        slot: &str,
        built: &Built,
        parents: &mut HashMap<PackageId, Arc<OwnedFd>>,
    ) -> Result<Parent, PlaceError> {
        let Location { disk, root, .. } = self.location;
        let (package, version) = (built.package.to_string(), layout::version_name(built.version));
        let path = || self.location.path().join(&package).join(&version);
        self.is_as_built(built)?;
        loop {
            match disk.rename(self.folder.as_fd(), slot.as_ref(), root.as_fd(), &package) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                other => {
                    other.attempt("name", path)?;
                    fault::at(Step::PlaceAfterRename).attempt("pass a test step at", path)?;
                    return Ok(Parent::Root);
                }
            }
            let parent = match parents.get(&built.package) {
                Some(parent) => Arc::clone(parent),
                None => match folder::folder(root, &package) {
                    Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                    // Somebody's file, link or mount has the package's name: nobody else's package is hit by that.
                    Err(e) if tree::is_no_folder(&e) => {
                        return Err(PlaceError::Occupied { path: self.location.path().join(&package) });
                    }
                    other => Arc::new(other.attempt("open the folder of", path)?),
                },
            };
            match disk.rename(built.package_folder.as_fd(), version.as_ref(), parent.as_fd(), &version) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(PlaceError::Occupied { path: path() });
                }
                // The last version in that folder was deleted just now, and the folder with it.
                Err(e) if e.kind() == io::ErrorKind::NotFound && is_gone(&parent) => {
                    parents.remove(&built.package);
                }
                other => {
                    other.attempt("name", path)?;
                    fault::at(Step::PlaceAfterRename).attempt("pass a test step at", path)?;
                    parents.insert(built.package, Arc::clone(&parent));
                    return Ok(Parent::Package(parent));
                }
            }
        }
    }

    /// Whether every name in the version's folder still is the inode that was hashed, with the same content.
    fn is_as_built(&self, built: &Built) -> Result<(), PlaceError> {
        for file in &built.files {
            let path = || {
                let folder = layout::version_path(built.package, built.version);
                self.location.path().join(folder).join(file.name.as_str())
            };
            let found = stamp_of(built.folder.as_fd(), file.name.as_str()).attempt("look at", path)?;
            if !stamp::same_content(&found, &file.hashed) {
                return Err(PlaceError::Exchanged { path: path() });
            }
        }
        Ok(())
    }

    /// Makes the names durable; only what passes here is placed.
    fn sync_parents(&self, named: Vec<Result<(Built, Parent), PlaceError>>) -> Vec<Result<Placed, PlaceError>> {
        let disk = &*self.location.disk;
        let mut folders: Vec<BorrowedFd<'_>> = Vec::new();
        let mut seen = HashSet::new();
        for (_, parent) in named.iter().flatten() {
            let folder = self.parent_fd(parent);
            if seen.insert(folder.as_raw_fd()) {
                folders.push(folder);
            }
        }
        let failed: HashMap<i32, io::Error> =
            map(folders, SYNC_THREADS, |folder| (folder.as_raw_fd(), disk.fsync(folder, Kind::Folder)))
                .into_iter()
                .filter_map(|(fd, result)| Some((fd, result.err()?)))
                .collect();
        let step = fault::at(Step::PlaceAfterFsync);
        named
            .into_iter()
            .map(|named| {
                let (built, parent) = named?;
                let path = self.location.path().join(layout::version_path(built.package, built.version));
                let fd = self.parent_fd(&parent).as_raw_fd();
                let error = failed.get(&fd).or(step.as_ref().err());
                if let Some(error) = error {
                    let source = io::Error::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EIO));
                    self.take_back(&built, &parent);
                    return Err(DiskError { attempt: "make durable the name of", path, source }.into());
                }
                placed(&built).attempt("look at", || path).map_err(PlaceError::from)
            })
            .collect()
    }

    fn parent_fd<'f>(&'f self, parent: &'f Parent) -> BorrowedFd<'f> {
        match parent {
            Parent::Root => self.location.root.as_fd(),
            Parent::Package(folder) => folder.as_fd(),
        }
    }

    /// Takes a name away again that could not be made durable. Where even that fails, reconciliation finds an orphan.
    fn take_back(&self, built: &Built, parent: &Parent) {
        let (name, version) = (built.package.to_string(), layout::version_name(built.version));
        let result = match parent {
            Parent::Root => self.location.remove_tree(self.location.root.as_fd(), name.as_ref()),
            Parent::Package(folder) => self.location.remove_tree(folder.as_fd(), version.as_ref()),
        };
        if let Err(error) = result {
            tracing::warn!(package.id = %built.package, error = %error, "a version without a row is left for reconciliation");
        }
    }

    /// Removes what is left of the building place.
    fn clean_up(self, failures: bool) {
        let staging = self.location.staging.as_fd();
        let name = self.slot.name();
        let removed =
            if failures { Err(io::ErrorKind::Other.into()) } else { self.location.disk.rmdir(staging, name.as_ref()) };
        let result = removed.or_else(|_| self.location.remove_tree(staging, name.as_ref()));
        if let Err(error) = result {
            tracing::warn!(error = %error, folder = name, "a building place is left for the next start");
        }
    }
}

/// Whether an open folder has no name any more.
fn is_gone(folder: &OwnedFd) -> bool {
    rustix::fs::fstat(folder).is_ok_and(|stat| stat.st_nlink == 0)
}

/// A step of the fault tests: an error there is everybody's.
pub(super) fn pass(step: Step, built: &mut [Building], location: &Location) {
    if let Err(error) = fault::at(step).attempt("pass a test step in", || location.path().to_owned()) {
        fail_all(built, &error);
    }
}

fn fail_all(built: &mut [Building], error: &DiskError) {
    for slot in built.iter_mut().filter(|slot| slot.is_ok()) {
        *slot = Err(again(error).into());
    }
}

fn stamp_of(folder: BorrowedFd<'_>, name: &str) -> io::Result<patchwharf_model::package::ProofStamp> {
    let stat = rustix::fs::statat(folder, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(stamp::from_stat(&stat))
}

/// The stamps that hold from now on.
fn placed(built: &Built) -> io::Result<Placed> {
    let files = built.files.iter().map(|file| {
        let stamp = stamp_of(built.folder.as_fd(), file.name.as_str())?;
        Ok(PlacedFile { name: file.name.clone(), sha256: file.sha256, stamp, same_data: file.same_data })
    });
    Ok(Placed { package: built.package, version: built.version, files: files.collect::<io::Result<_>>()? })
}
