//! The disk half of the one deleter.

use std::{
    collections::HashMap,
    io,
    os::fd::{AsFd as _, OwnedFd},
    sync::{Mutex, PoisonError},
};

use camino::Utf8PathBuf;
use patchwharf_model::{FileName, PackageId, Timestamp, package::ProofStamp};
use rustix::fs::FileType;

use crate::{
    DiskError, Location, ManifestError, OpenError,
    disk::Kind,
    error::Attempt as _,
    fault::{self, Step},
    folder, layout,
    threads::{SYNC_THREADS, map},
    tree,
};

/// A version to be removed.
#[derive(Clone, Debug)]
pub struct ToUnlink {
    /// The package.
    pub package: PackageId,
    /// The version.
    pub version: u64,
    /// The files that its rows or its manifest name, each with its proof's stamp where there is one.
    pub files: Vec<(FileName, Option<ProofStamp>)>,
}

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unlinked {
    /// Files that went.
    pub files: u64,
    /// Bytes that became free (a file that has other names frees none).
    pub freed_bytes: u64,
    /// Foreign things that were found in the folder and set aside, where they lie now.
    pub quarantined: Vec<Utf8PathBuf>,
    /// Inodes that live on under other names, maybe at other locations: the stamp before (that of the proof, where it was
    /// given and stood) and the one that holds now, after all versions that were removed together.
    pub restamped: Vec<(ProofStamp, ProofStamp)>,
    /// When each of them came about.
    turns: Vec<u64>,
}

/// Why a version was not removed; it stays "deleting" and is tried again.
#[derive(Debug, thiserror::Error)]
pub enum UnlinkError {
    /// The location is no longer what was opened.
    #[error("nothing was deleted: the package location is not what it was")]
    Location(#[from] OpenError),
    /// A link or mount point in place of a folder. Not followed.
    #[error("nothing was deleted: {path} is a link or a mount point; remove it by hand and try again")]
    NotOurs {
        /// Where.
        path: Utf8PathBuf,
    },
    /// A manifest in the folder is not this server's, or not of this version.
    #[error("nothing was deleted: the manifest there cannot be believed, so it is not known whose the files are")]
    Manifest(#[source] Box<ManifestError>),
    /// A file of a copy is not what this server put there.
    #[error("nothing was deleted: {path} is not the file that this server put there")]
    Changed {
        /// The file.
        path: Utf8PathBuf,
    },
    /// A call failed; what is left is tried again.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Versions that are unlinked at once. Not for the processor's sake: where a file system tells the disk at once what has
/// become free (`discard`), every unlink waits for that, and sixteen wait as long as one.
const UNLINK_THREADS: usize = 16;

impl Location {
    /// Removes versions: only files that are named, never through links or onto other mounts; what nobody named goes to
    /// quarantine. On several threads; parents are made durable once for all. Doing it again is no error. One result for
    /// each, in order.
    #[must_use]
    pub fn unlink(&self, versions: &[ToUnlink], now: Timestamp) -> Vec<Result<Unlinked, UnlinkError>> {
        let parents = Parents::default();
        let all: Vec<&ToUnlink> = versions.iter().collect();
        let mut results = map(all, UNLINK_THREADS, |version| self.unlink_one(version, now, &parents));
        last_stamps(&mut results);
        parents.sync(self, versions.iter().map(|v| (v.package, v.version)), &mut results);
        results
    }

    fn unlink_one(&self, version: &ToUnlink, now: Timestamp, parents: &Parents) -> Result<Unlinked, UnlinkError> {
        // The marker again, each time: whatever this folder has become, without it nothing is deleted.
        self.still_ours()?;
        let path = || self.path().join(layout::version_path(version.package, version.version));
        let (package, name) = (version.package.to_string(), layout::version_name(version.version));
        let mut done = Unlinked::default();
        let Some(package_folder) = opened(folder::folder(&self.root, &package), path)? else { return Ok(done) };
        if let Some(folder) = opened(folder::folder(&package_folder, &name), path)? {
            self.empty(&folder, version, now, &mut done)?;
            // Both folders stay open meanwhile: a folder's blocks are freed with its last handle, and while its parent is
            // locked for its removal nobody else could remove anything there.
            match self.disk.rmdir(package_folder.as_fd(), name.as_ref()) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                other => other.attempt("remove", path)?,
            }
        }
        match self.disk.rmdir(self.root.as_fd(), package.as_ref()) {
            // Other versions, or things that are not ours: the folder stays, and the removal in it must be durable.
            Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => parents.package(version.package, package_folder),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            other => other.attempt("remove the package folder of", path)?,
        }
        Ok(done)
    }

    /// Empties a version's folder, its manifest last: until then it says itself what it is.
    fn empty(
        &self,
        folder: &OwnedFd,
        version: &ToUnlink,
        now: Timestamp,
        done: &mut Unlinked,
    ) -> Result<(), UnlinkError> {
        let base = || self.path().join(layout::version_path(version.package, version.version));
        let mut entries = tree::entries(folder).attempt("list", base)?;
        entries.sort_by_key(|entry| entry.name == layout::MANIFEST);
        for entry in entries {
            let path = || base().join(&entry.name);
            let named = version.files.iter().find(|(name, _)| name.as_str() == entry.name);
            let ours = named.is_some() || entry.name == layout::MANIFEST;
            if !ours || entry.kind == FileType::Directory {
                let under = [version.package.to_string(), layout::version_name(version.version)];
                done.quarantined.push(self.set_aside(folder, entry.raw(), &under, now, path)?);
                continue;
            }
            let removed = match self.unlink_name(folder.as_fd(), entry.raw()) {
                // Another sweep was faster.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                other => other.attempt("remove", path)?,
            };
            fault::at(Step::DeleteMidUnlink).attempt("pass a test step at", path)?;
            done.files += 1;
            done.freed_bytes += removed.freed_bytes;
            if let Some(after) = removed.lives_on {
                let proved = named.and_then(|(_, proved)| *proved).filter(|proved| self.stamps.stands(proved, &after));
                done.restamped.push((proved.unwrap_or(removed.before), after));
                done.turns.push(removed.turn);
            }
        }
        Ok(())
    }
}

/// Versions that share an inode lose its names on several threads: what holds for it now is what the last one saw.
fn last_stamps(results: &mut [Result<Unlinked, UnlinkError>]) {
    let inode = |stamp: &ProofStamp| (stamp.dev, stamp.inode);
    let mut last: HashMap<(u64, u64), (u64, ProofStamp)> = HashMap::new();
    for done in results.iter().flatten() {
        for ((_, after), turn) in done.restamped.iter().zip(&done.turns) {
            let known = last.entry(inode(after)).or_insert((*turn, *after));
            if *turn > known.0 {
                *known = (*turn, *after);
            }
        }
    }
    for (_, after) in results.iter_mut().flatten().flat_map(|done| &mut done.restamped) {
        if let Some((_, stamp)) = last.get(&inode(after)) {
            *after = *stamp;
        }
    }
}

/// A folder that may not be there; a link or a mount point in its place is never followed.
pub(crate) fn opened(
    folder: io::Result<OwnedFd>,
    path: impl Fn() -> Utf8PathBuf,
) -> Result<Option<OwnedFd>, UnlinkError> {
    match folder {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) if tree::is_no_folder(&e) => Err(UnlinkError::NotOurs { path: path() }),
        other => Ok(Some(other.attempt("open", path)?)),
    }
}

/// Folders in which something was removed, to be made durable once for all.
#[derive(Default)]
pub(crate) struct Parents {
    packages: Mutex<HashMap<PackageId, OwnedFd>>,
}

impl Parents {
    pub(crate) fn package(&self, package: PackageId, folder: OwnedFd) {
        self.packages.lock().unwrap_or_else(PoisonError::into_inner).insert(package, folder);
    }

    /// Makes durable what was removed. `versions` and `results` go one for one.
    pub(crate) fn sync<T>(
        self,
        location: &Location,
        versions: impl Iterator<Item = (PackageId, u64)>,
        results: &mut [Result<T, UnlinkError>],
    ) {
        if results.iter().all(Result::is_err) {
            return;
        }
        let disk = &*location.disk;
        let packages: Vec<_> = self.packages.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect();
        let failed: HashMap<PackageId, io::Error> =
            map(packages, SYNC_THREADS, |(id, folder)| (id, disk.fsync(folder.as_fd(), Kind::Folder)))
                .into_iter()
                .filter_map(|(id, result)| Some((id, result.err()?)))
                .collect();
        let root = disk.fsync(location.root.as_fd(), Kind::Folder).err();
        for ((package, version), result) in versions.zip(results) {
            if let (Some(error), true) = (failed.get(&package).or(root.as_ref()), result.is_ok()) {
                let path = location.path().join(layout::version_path(package, version));
                let source = io::Error::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EIO));
                *result = Err(DiskError { attempt: "make durable the removal of", path, source }.into());
            }
        }
    }
}
