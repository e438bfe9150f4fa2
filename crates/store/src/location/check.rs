//! Whether a folder is fit to be a package location.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::{DeploymentId, LocationId};
use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, ResolveFlags, fstat, openat2, statat};
use uuid::Uuid;

use crate::{
    disk::{Disk, Kind},
    error::{Attempt as _, DiskError},
    folder, layout,
};

use super::{Overlap, path};

/// Made and removed in a new location's folder; a crash may leave it there.
const CASE_PROBE: &str = ".probe-case";

/// Why a folder cannot be used as a package location.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No marker: most likely a file system that is not mounted.
    #[error(
        "{path} is not a package location: it has no location.json. If it is a mount point, mount its file system; \
         its packages are NOT taken for deleted. To begin a new location, use `location add` with an empty folder"
    )]
    NoMarker {
        /// The folder.
        path: Utf8PathBuf,
    },
    /// The marker cannot be understood.
    #[error("cannot understand {path}; restore it from a backup, or make it again with `store rebuild`")]
    BadMarker {
        /// The marker.
        path: Utf8PathBuf,
        /// What was wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The location belongs to other servers.
    #[error(
        "{path} belongs to deployment {found}, this server to {own}: use `store rebuild` when only its database is lost, \
         `store rebuild --take-over` when that deployment is gone, `location adopt` to take its files in by content, or \
         `restore` its database"
    )]
    OtherDeployment {
        /// The folder.
        path: Utf8PathBuf,
        /// Whose it is.
        found: DeploymentId,
        /// Who we are.
        own: DeploymentId,
    },
    /// Another location lies at the path.
    #[error(
        "{path} holds location {found}, the database expects {want}: mount the right file system, or take the other \
         one in with `location adopt`, `store rebuild --take-over` or `restore`"
    )]
    OtherLocation {
        /// The folder.
        path: Utf8PathBuf,
        /// What is there.
        found: LocationId,
        /// What the database expects.
        want: LocationId,
    },
    /// A newer server made it.
    #[error("{path} has layout format {found}, this server knows {known}: use a newer patchwharf")]
    NewerFormat {
        /// The folder.
        path: Utf8PathBuf,
        /// Its format.
        found: u32,
        /// The newest that we know.
        known: u32,
    },
    /// A component of the path is a symbolic link.
    #[error("{path} goes through a symbolic link; give the real path (readlink -f {path})")]
    Link {
        /// The path as given.
        path: Utf8PathBuf,
    },
    /// The path is relative.
    #[error("{path} is not an absolute path; package locations need one")]
    Relative {
        /// The path as given.
        path: Utf8PathBuf,
    },
    /// The path is the root of the file system.
    #[error("/ is the root of the file system; give a folder of its own to the packages")]
    Root,
    /// Some name in the path would not work everywhere.
    #[error("{path} cannot be a package location: {name:?}: {reason}")]
    BadPath {
        /// The path as given.
        path: Utf8PathBuf,
        /// The name in it.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Something else than a folder lies there.
    #[error("{path} is not a folder, or something above it is none; give a folder, or a path at which one can be made")]
    NotAFolder {
        /// The path.
        path: Utf8PathBuf,
    },
    /// Two locations would hold one another.
    #[error(
        "{path} {how} package location {other}: what is deleted or moved in one would hit the other. Give a folder \
         outside of it"
    )]
    Overlaps {
        /// The path as given.
        path: Utf8PathBuf,
        /// How they lie to one another.
        how: Overlap,
        /// The location.
        other: Utf8PathBuf,
    },
    /// Others can write there.
    #[error("{path} can be written by group or others (mode {mode:04o}); close it: chmod go-w {path}")]
    Writable {
        /// The folder.
        path: Utf8PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Another user owns it.
    #[error("{path} belongs to user {owner}, the server runs as user {own}: chown -R {own} {path}")]
    Owner {
        /// The folder.
        path: Utf8PathBuf,
        /// Its owner.
        owner: u32,
        /// Our user.
        own: u32,
    },
    /// `a` and `A` are one name there.
    #[error(
        "the file system of {path} takes a and A for one name: files of a package could hide one another. Give a folder \
         on another one"
    )]
    FoldsCase {
        /// The folder.
        path: Utf8PathBuf,
    },
    /// A new location would begin among foreign files.
    #[error("{path} is not empty (it holds {found:?}); a new package location needs an empty folder")]
    NotEmpty {
        /// The folder.
        path: Utf8PathBuf,
        /// One of the things in it.
        found: String,
    },
    /// `.staging` cannot be renamed out of.
    #[error(
        "{path} is on another file system than {location}: a finished download could not be renamed into place. \
         Unmount it, or make the whole location one file system"
    )]
    OtherFileSystem {
        /// `.staging` or `.quarantine`.
        path: Utf8PathBuf,
        /// The location.
        location: Utf8PathBuf,
    },
    /// A call failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Opens the root of a location without following any link on the way.
pub(super) fn existing_root(path: &Utf8Path) -> Result<OwnedFd, OpenError> {
    if !path.is_absolute() {
        return Err(OpenError::Relative { path: path.to_owned() });
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = match openat2(CWD, path.as_str(), flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        Err(rustix::io::Errno::LOOP) => return Err(OpenError::Link { path: path.to_owned() }),
        Err(rustix::io::Errno::NOTDIR) => return Err(OpenError::NotAFolder { path: path.to_owned() }),
        other => other.attempt("open the package location", || path.to_owned())?,
    };
    ours_alone(&root, path)?;
    Ok(root)
}

/// Opens a folder in which a location can begin, making it where it is not there.
pub(super) fn new_root(disk: &dyn Disk, path: &Utf8Path) -> Result<OwnedFd, OpenError> {
    path::fit(path)?;
    not_through_links(path)?;
    match std::fs::create_dir_all(path) {
        Err(e) if matches!(e.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory) => {
            return Err(OpenError::NotAFolder { path: path.to_owned() });
        }
        other => other.attempt("create the package location", || path.to_owned())?,
    }
    let root = existing_root(path)?;
    let entries = Dir::read_from(&root).attempt("list", || path.to_owned())?;
    for entry in entries {
        let entry = entry.attempt("list", || path.to_owned())?;
        let name = entry.file_name().to_string_lossy();
        if !matches!(&*name, "." | ".." | "lost+found" | ".location.json.new" | CASE_PROBE) {
            return Err(OpenError::NotEmpty { path: path.to_owned(), found: name.into_owned() });
        }
    }
    case_counts(disk, &root, path)?;
    // The folder itself may be new: its name, and those of folders above it, must survive a power cut too.
    for ancestor in path.ancestors().skip(1) {
        let parent = std::fs::File::open(ancestor).attempt("open", || ancestor.to_owned())?;
        parent.sync_all().attempt("make durable", || ancestor.to_owned())?;
    }
    Ok(root)
}

/// Refuses a path of which a part that is there is a link: before anything is made behind it.
fn not_through_links(path: &Utf8Path) -> Result<(), OpenError> {
    let Some(existing) = path.ancestors().find(|ancestor| std::fs::symlink_metadata(ancestor).is_ok()) else {
        return Ok(());
    };
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    match openat2(CWD, existing.as_str(), flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        Err(rustix::io::Errno::LOOP) => Err(OpenError::Link { path: path.to_owned() }),
        // What else is wrong with it is said when it is made and opened.
        _ => Ok(()),
    }
}

/// Refuses a folder in which a name can also be written in capitals.
fn case_counts(disk: &dyn Disk, root: &OwnedFd, path: &Utf8Path) -> Result<(), OpenError> {
    let at = || path.join(CASE_PROBE);
    match disk.mkdir(root.as_fd(), CASE_PROBE) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        other => drop(other.attempt("create", at)?),
    }
    let folds = statat(root, CASE_PROBE.to_uppercase(), AtFlags::SYMLINK_NOFOLLOW).is_ok();
    disk.rmdir(root.as_fd(), CASE_PROBE.as_ref()).attempt("remove", at)?;
    if folds { Err(OpenError::FoldsCase { path: path.to_owned() }) } else { Ok(()) }
}

/// Refuses a folder that others own or can write to.
fn ours_alone(folder: impl AsFd, path: &Utf8Path) -> Result<(), OpenError> {
    let stat = fstat(folder).attempt("look at", || path.to_owned())?;
    let (own, mode) = (rustix::process::geteuid().as_raw(), stat.st_mode & 0o7777);
    if stat.st_uid != own {
        return Err(OpenError::Owner { path: path.to_owned(), owner: stat.st_uid, own });
    }
    if mode & 0o022 != 0 {
        return Err(OpenError::Writable { path: path.to_owned(), mode });
    }
    Ok(())
}

/// Opens `.staging` or `.quarantine`, making it where it is not there.
pub(super) fn own_folder(
    disk: &dyn Disk,
    root: &OwnedFd,
    location: &Utf8Path,
    name: &str,
) -> Result<OwnedFd, OpenError> {
    let path = || location.join(name);
    let opened = match folder::folder(root, name) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let made = disk.mkdir(root.as_fd(), name).attempt("create", path)?;
            disk.fsync(root.as_fd(), Kind::Folder).attempt("make durable", || location.to_owned())?;
            Ok(made)
        }
        other => other,
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(e) => {
            return Err(match rustix::io::Errno::from_io_error(&e) {
                Some(rustix::io::Errno::LOOP) => OpenError::Link { path: path() },
                Some(rustix::io::Errno::XDEV) => {
                    OpenError::OtherFileSystem { path: path(), location: location.to_owned() }
                }
                _ => DiskError { attempt: "open", path: path(), source: e }.into(),
            });
        }
    };
    ours_alone(&opened, &path())?;
    let device = |fd: &OwnedFd| fstat(fd).map(|s| s.st_dev).attempt("look at", path);
    if device(root)? != device(&opened)? {
        return Err(OpenError::OtherFileSystem { path: path(), location: location.to_owned() });
    }
    Ok(opened)
}

/// Proves that a folder can be written in `.staging` and renamed out of it: one that is on another file system, read-only
/// or without rename-no-replace is found now and not in the middle of a download.
pub(super) fn rename_works(
    disk: &dyn Disk,
    root: &OwnedFd,
    staging: &OwnedFd,
    location: &Utf8Path,
) -> Result<(), OpenError> {
    let name = format!("{}{}", layout::PROBE_PREFIX, Uuid::now_v7());
    let staging_path = || location.join(layout::STAGING);
    disk.mkdir(staging.as_fd(), &name).attempt("write to", staging_path)?;
    let renamed = disk.rename(staging.as_fd(), name.as_ref(), root.as_fd(), &name);
    let left_in = if renamed.is_ok() { root } else { staging };
    let removed = disk.rmdir(left_in.as_fd(), name.as_ref());
    match renamed {
        Err(e) if rustix::io::Errno::from_io_error(&e) == Some(rustix::io::Errno::XDEV) => {
            return Err(OpenError::OtherFileSystem { path: staging_path(), location: location.to_owned() });
        }
        other => other.attempt("rename without replacing in", || location.to_owned())?,
    }
    match removed {
        // Another server that starts cleared it away as a left-over.
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => Ok(other.attempt("remove a probe from", || location.to_owned())?),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::disk::Native;

    /// What a file system without case sensitivity shows: the name in capitals is there as well.
    #[test]
    fn l_11_no_location_begins_where_capitals_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap();
        let root = existing_root(path).unwrap();
        case_counts(&Native::default(), &root, path).unwrap();
        std::fs::create_dir(path.join(CASE_PROBE.to_uppercase())).unwrap();
        let refused = case_counts(&Native::default(), &root, path).unwrap_err();
        assert!(matches!(refused, OpenError::FoldsCase { .. }), "{refused:?}");
        assert!(!path.join(CASE_PROBE).exists());
    }
}
