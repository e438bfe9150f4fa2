//! Walking a foreign folder: depth first, one open folder a level, so that memory does not grow with what lies there.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
};

use patchwharf_model::package::ProofStamp;
use rustix::fs::{AtFlags, Dir, FileType, OFlags, statat};

use super::{ForeignFolder, unmarked};
use crate::{stamp, tree};

/// Folders in folders that are entered: each level holds descriptors.
const DEEPEST: usize = 64;

/// What a walk comes by.
#[derive(Debug)]
pub enum Met {
    /// A file.
    File {
        /// Its path below the folder.
        below: PathBuf,
        /// Its stamp now.
        stamp: ProofStamp,
    },
    /// Something that is not read.
    NotEntered {
        /// Its path below the folder.
        below: PathBuf,
        /// Why.
        why: NotEntered,
    },
}

/// Why something was not read.
#[derive(Debug)]
pub enum NotEntered {
    /// A symbolic link: it is not followed.
    Link,
    /// A pipe, socket or device.
    NotAFile,
    /// Another file system begins there.
    Mount,
    /// It lies in too many folders.
    TooDeep,
    /// It cannot be opened or listed.
    Unreadable(io::Error),
}

struct Level {
    folder: OwnedFd,
    names: Dir,
    below: PathBuf,
}

impl Level {
    fn open(folder: OwnedFd, below: PathBuf) -> io::Result<Self> {
        let names = Dir::new(rustix::io::fcntl_dupfd_cloexec(&folder, 0)?)?;
        Ok(Self { folder, names, below })
    }
}

impl ForeignFolder {
    /// Calls `each` for everything below the folder but folders, until it says no. The order is the disk's.
    ///
    /// # Errors
    /// The folder itself cannot be listed; what fails below it is met as [`NotEntered`].
    pub fn walk(&self, each: &mut dyn FnMut(Met) -> bool) -> io::Result<()> {
        let root = unmarked(&self.root, ".", OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut levels = vec![Level::open(root, PathBuf::new())?];
        while let depth = levels.len()
            && let Some(level) = levels.last_mut()
        {
            let entry = match level.names.next() {
                None => {
                    levels.pop();
                    continue;
                }
                Some(Ok(entry)) => tree::named(level.folder.as_fd(), entry.file_name(), entry.file_type()),
                Some(Err(e)) => Err(e.into()),
            };
            let met = match entry {
                Ok(None) => continue,
                Ok(Some(entry)) => {
                    let below = level.below.join(entry.raw());
                    match entry.kind {
                        FileType::Directory if depth >= DEEPEST => not_entered(below, NotEntered::TooDeep),
                        FileType::Directory => match enter(level, entry.raw().as_ref(), &below) {
                            Ok(inner) => {
                                levels.push(inner);
                                continue;
                            }
                            Err(why) => not_entered(below, why),
                        },
                        FileType::RegularFile => match file(level, entry.raw().as_ref(), &below) {
                            Some(met) => met,
                            None => continue,
                        },
                        FileType::Symlink => not_entered(below, NotEntered::Link),
                        _ => not_entered(below, NotEntered::NotAFile),
                    }
                }
                // Whatever else it would list cannot be had.
                Err(e) => {
                    let below = level.below.clone();
                    levels.pop();
                    if levels.is_empty() {
                        return Err(e);
                    }
                    not_entered(below, NotEntered::Unreadable(e))
                }
            };
            if !each(met) {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn not_entered(below: PathBuf, why: NotEntered) -> Met {
    Met::NotEntered { below, why }
}

fn enter(level: &Level, name: &Path, below: &Path) -> Result<Level, NotEntered> {
    unmarked(&level.folder, name, OFlags::RDONLY | OFlags::DIRECTORY)
        .and_then(|folder| Level::open(folder, below.to_owned()))
        .map_err(|e| match e {
            e if tree::is_mount(&e) => NotEntered::Mount,
            e if tree::is_link(&e) => NotEntered::Link,
            e => NotEntered::Unreadable(e),
        })
}

/// A file with its stamp; none: it is gone again.
fn file(level: &Level, name: &Path, below: &Path) -> Option<Met> {
    let below = below.to_owned();
    match statat(&level.folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode).is_file() => {
            Some(Met::File { below, stamp: stamp::from_stat(&stat) })
        }
        Ok(_) => Some(not_entered(below, NotEntered::NotAFile)),
        Err(rustix::io::Errno::NOENT) => None,
        Err(e) => Some(not_entered(below, NotEntered::Unreadable(e.into()))),
    }
}
