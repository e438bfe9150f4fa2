//! Who may change or read what lies in a location: owner and mode of files and folders.

use std::{io, os::fd::AsRawFd as _};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::{PackageId, package::ProofStamp};
use rustix::{
    fs::{AtFlags, Gid, Mode, OFlags, ResolveFlags, Stat, Uid, fstat, openat2},
    process::{getegid, geteuid},
};

use crate::{DiskError, Location, error::Attempt as _, layout, stamp, stamps};

/// What others can do with a file or folder, and whether the server can read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is ours, only we can change it, and we can read it.
    Fine,
    /// Others can change it: it is not ours, or its mode lets group or everybody write.
    Open {
        /// Its owner.
        owner: u32,
        /// Its mode.
        mode: u32,
    },
    /// Its mode does not let its owner read it (root reads it all the same).
    Closed {
        /// Its owner.
        owner: u32,
        /// Its mode.
        mode: u32,
    },
}

/// What we need to serve a file.
const FILE_NEEDS: u32 = 0o400;
/// What we need to see into a folder.
const FOLDER_NEEDS: u32 = 0o500;
/// Mode bits by which group or everybody can write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

impl Access {
    /// What a `stat` result means; `needed` are the owner's bits without which the server cannot work with it.
    #[allow(clippy::unnecessary_cast, reason = "field types differ between architectures")]
    fn of(stat: &Stat, needed: u32) -> Self {
        let (owner, mode) = (stat.st_uid, stat.st_mode as u32 & 0o7777);
        if owner != geteuid().as_raw() || mode & WRITABLE_BY_OTHERS != 0 {
            Self::Open { owner, mode }
        } else if mode & needed != needed {
            Self::Closed { owner, mode }
        } else {
            Self::Fine
        }
    }

    /// Of a file.
    pub(crate) fn of_file(stat: &Stat) -> Self {
        Self::of(stat, FILE_NEEDS)
    }

    /// Of a folder.
    pub(super) fn of_folder(stat: &Stat) -> Self {
        Self::of(stat, FOLDER_NEEDS)
    }

    /// Whether nothing is wrong with it.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        *self == Self::Fine
    }
}

/// A folder whose access is not fine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderAccess {
    /// Where, relative to the location; empty for its root.
    pub path: Utf8PathBuf,
    /// What is wrong.
    pub access: Access,
}

impl Location {
    /// Takes from others the right to write a file of a version (its manifest too), gives the server the right to read it, and says the stamp
    /// that holds from now on (when `proved` was still right before).
    ///
    /// # Errors
    /// When the disk fails, or the file is not ours and we may not make it so.
    pub fn tighten(
        &self,
        package: PackageId,
        version: u64,
        name: &str,
        proved: &ProofStamp,
    ) -> Result<Option<ProofStamp>, DiskError> {
        let path = || self.path().join(layout::version_path(package, version)).join(name);
        let folder = self.version_folder(package, version).attempt("open", path)?;
        let file = handle(&folder, name, OFlags::empty()).attempt("open", path)?;
        let entry = self.stamps.entry(&stamp::of(&file).attempt("look at", path)?);
        let mut inode = stamps::held(&entry);
        let before = stamp::of(&file).attempt("look at", path)?;
        close_to_others(&file, 0o644, FILE_NEEDS).attempt("close the mode of", path)?;
        let after = stamp::of(&file).attempt("look at", path)?;
        if !inode.leads(proved, &before) {
            return Ok(None);
        }
        inode.moved(before, after);
        Ok(Some(after))
    }

    /// The same for a folder of ours; `path` as [`FolderAccess`] has it.
    ///
    /// # Errors
    /// When the disk fails, or the folder is not ours and we may not make it so.
    pub fn tighten_folder(&self, path: &Utf8Path) -> Result<(), DiskError> {
        let whole = || self.path().join(path);
        let name = if path.as_str().is_empty() { Utf8Path::new(".") } else { path };
        let folder = handle(&self.root, name.as_str(), OFlags::DIRECTORY).attempt("open", whole)?;
        close_to_others(&folder, 0o755, 0o700).attempt("close the mode of", whole)
    }

    /// Folders that belong to the location itself and whose access is not fine.
    ///
    /// # Errors
    /// When one cannot be looked at.
    pub fn own_access(&self) -> Result<Vec<FolderAccess>, DiskError> {
        let own = [(&self.root, ""), (&self.staging, layout::STAGING), (&self.quarantine, layout::QUARANTINE)];
        let mut bad = Vec::new();
        for (folder, name) in own {
            let stat = fstat(folder).attempt("look at", || self.path().join(name))?;
            let access = Access::of_folder(&stat);
            if !access.is_fine() {
                bad.push(FolderAccess { path: name.into(), access });
            }
        }
        Ok(bad)
    }
}

/// A handle to something, whatever its mode is: it cannot be read through this.
fn handle(parent: &std::os::fd::OwnedFd, name: &str, kind: OFlags) -> io::Result<std::os::fd::OwnedFd> {
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    Ok(openat2(parent, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC | kind, Mode::empty(), inside)?)
}

/// Makes something ours, and gives us what we `need`; of what its mode says beside that, no more than `most` stays. By its handle: whatever happens to its name.
#[allow(clippy::unnecessary_cast, reason = "field types differ between architectures")]
fn close_to_others(what: &std::os::fd::OwnedFd, most: u32, need: u32) -> io::Result<()> {
    let stat = fstat(what)?;
    let mode = stat.st_mode as u32 & most | need;
    if stat.st_uid != geteuid().as_raw() {
        let (owner, group): (Uid, Gid) = (geteuid(), getegid());
        rustix::fs::chownat(what, "", Some(owner), Some(group), AtFlags::EMPTY_PATH)?;
    }
    rustix::fs::chmod(format!("/proc/self/fd/{}", what.as_raw_fd()), Mode::from_raw_mode(mode))?;
    Ok(())
}
