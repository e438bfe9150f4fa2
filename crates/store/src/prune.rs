//! Removing the copy of a version that a relocation has left behind, after the one that is served was proved.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use patchwharf_model::{PackageId, package::ProofStamp};
use rustix::fs::{AtFlags, FileType, statat};

use crate::{
    Finding, Location, ManifestError, Signers, ToVerify,
    disk::Kind,
    error::Attempt as _,
    fault::{self, Step},
    folder, layout, manifest, stamp, tree,
    unlink::{Parents, UnlinkError, opened},
    verify,
};

/// A copy to be removed.
#[derive(Clone, Debug)]
pub struct ToPrune {
    /// The package.
    pub package: PackageId,
    /// The version.
    pub version: u64,
    /// The files that its rows name.
    pub files: Vec<ToVerify>,
}

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Files that went.
    pub files: u64,
    /// Bytes that became free (a file that has other names frees none).
    pub freed_bytes: u64,
    /// Names in the folder that stay: this server did not put them there.
    pub left: Vec<String>,
    /// Inodes that live on under other names: the stamp before and the one that holds now.
    pub restamped: Vec<(ProofStamp, ProofStamp)>,
}

impl Location {
    /// Removes copies: only files that the rows name, as long as the rows say, in a folder whose manifest this server
    /// signed; never through links or onto other mounts, never above a package's folder. Whatever else is there stays and
    /// is named; where a file of the copy is not what it was, nothing of the copy is removed. Parents are made durable.
    /// Doing it again is no error. One result for each, in order.
    #[must_use]
    pub fn prune(&self, versions: &[ToPrune], keys: &impl Signers) -> Vec<Result<Pruned, UnlinkError>> {
        let parents = Parents::default();
        let mut results: Vec<_> = versions.iter().map(|version| self.prune_one(version, keys, &parents)).collect();
        parents.sync(self, versions.iter().map(|v| (v.package, v.version)), &mut results);
        results
    }

    fn prune_one(&self, version: &ToPrune, keys: &impl Signers, parents: &Parents) -> Result<Pruned, UnlinkError> {
        // The marker again, each time: whatever this folder has become, without it nothing is deleted.
        self.still_ours()?;
        let path = || self.path().join(layout::version_path(version.package, version.version));
        let (package, name) = (version.package.to_string(), layout::version_name(version.version));
        let mut done = Pruned::default();
        let Some(package_folder) = opened(folder::folder(&self.root, &package), path)? else { return Ok(done) };
        if let Some(folder) = opened(folder::folder(&package_folder, &name), path)? {
            self.empty_original(&folder, version, keys, &mut done)?;
            if done.left.is_empty() {
                drop(folder);
                self.disk.rmdir(package_folder.as_fd(), name.as_ref()).attempt("remove", path)?;
            } else {
                self.disk.fsync(folder.as_fd(), Kind::Folder).attempt("make durable the removal in", path)?;
            }
        }
        match self.disk.rmdir(self.root.as_fd(), package.as_ref()) {
            Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => parents.package(version.package, package_folder),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            other => other.attempt("remove the package folder of", path)?,
        }
        Ok(done)
    }

    /// Empties a copy's folder, its manifest last: until then it says itself what it is. What each thing is was decided
    /// for all of them before the first goes.
    fn empty_original(
        &self,
        folder: &OwnedFd,
        version: &ToPrune,
        keys: &impl Signers,
        done: &mut Pruned,
    ) -> Result<(), UnlinkError> {
        let base = || self.path().join(layout::version_path(version.package, version.version));
        let mut ours = Vec::new();
        for (entry, what) in self.decided(folder, version, keys)? {
            match what {
                What::Ours => ours.push(entry),
                What::Theirs => done.left.push(entry.name),
                What::Changed => {
                    return Err(UnlinkError::Changed { path: base().join(entry.name) });
                }
            }
        }
        for entry in ours {
            let path = || base().join(&entry.name);
            let removed = self.unlink_name(folder.as_fd(), entry.raw()).attempt("remove", path)?;
            fault::at(Step::PruneMidUnlink).attempt("pass a test step at", path)?;
            done.files += 1;
            done.freed_bytes += removed.freed_bytes;
            done.restamped.extend(removed.lives_on.map(|after| (removed.before, after)));
        }
        Ok(())
    }

    /// Everything in a copy's folder, and what it is; the manifest last.
    fn decided(
        &self,
        folder: &OwnedFd,
        version: &ToPrune,
        keys: &impl Signers,
    ) -> Result<Vec<(tree::Entry, What)>, UnlinkError> {
        let base = || self.path().join(layout::version_path(version.package, version.version));
        let manifest = || base().join(layout::MANIFEST);
        let vouched = match manifest::read(self, folder, version.package, version.version, keys, manifest) {
            Ok(_) => true,
            // A removal that was broken off may have taken it first: then every file must prove itself.
            Err(ManifestError::Missing { .. }) => false,
            Err(wrong) => return Err(UnlinkError::Manifest(Box::new(wrong))),
        };
        let mut entries = tree::entries(folder).attempt("list", base)?;
        entries.sort_by_key(|entry| entry.name == layout::MANIFEST);
        let decide = |entry: tree::Entry| {
            let path = || base().join(&entry.name);
            let is_file = entry.kind == FileType::RegularFile;
            let what = match version.files.iter().find(|file| file.name.as_str() == entry.name) {
                None if is_file && entry.name == layout::MANIFEST => What::Ours,
                None => What::Theirs,
                Some(_) if !is_file => What::Changed,
                Some(file) if vouched => {
                    let stat = statat(folder, &*entry.name, AtFlags::SYMLINK_NOFOLLOW).attempt("look at", path)?;
                    What::ours_if(stamp::from_stat(&stat).size_bytes == file.size_bytes)
                }
                Some(file) => What::ours_if(matches!(
                    verify::at_file(self, folder.as_fd(), file, path),
                    Finding::Good { .. } | Finding::Open { .. }
                )),
            };
            Ok((entry, what))
        };
        entries.into_iter().map(decide).collect()
    }
}

/// What a name in a copy's folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// This server put it there.
    Ours,
    /// Nobody here knows it: it stays.
    Theirs,
    /// It has the name of a file of the copy and is not that file: damage, or somebody's own.
    Changed,
}

impl What {
    fn ours_if(it_is: bool) -> Self {
        if it_is { Self::Ours } else { Self::Changed }
    }
}
