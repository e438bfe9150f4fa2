//! The folder in which backups lie: ours alone, one writer at a time, and marked.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::DeploymentId;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::{format::FORMAT, points};
use crate::files::{replace_file, sync_folder};

const MARKER: &str = "patchwharf-backups.json";
const LOCK: &str = "backup.lock";
/// Backups, each in a folder named by its time.
pub(crate) const POINTS: &str = "points";
/// Contents.
pub(crate) const CONTENTS: &str = "files";

#[derive(Serialize, Deserialize)]
struct Marker {
    format: u32,
    deployment: DeploymentId,
}

/// Why backups cannot be put into a folder.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    /// It is relative.
    #[error("{path} is not an absolute path; the server needs one")]
    Relative {
        /// The path.
        path: Utf8PathBuf,
    },
    /// It lies where it would be deleted, or back itself up.
    #[error("{path} and {other} lie in one another; a backup needs a place of its own, on another disk if it can be")]
    Inside {
        /// The path.
        path: Utf8PathBuf,
        /// The data folder or a package location.
        other: Utf8PathBuf,
    },
    /// Something else is in it.
    #[error("{path} holds {found:?} and no backups of ours; name an empty folder, or one with backups")]
    Foreign {
        /// The path.
        path: Utf8PathBuf,
        /// One of the things in it.
        found: String,
    },
    /// Another deployment's backups are in it.
    #[error("{path} holds backups of deployment {found}, this is {own}; each needs a folder of its own")]
    OtherDeployment {
        /// The path.
        path: Utf8PathBuf,
        /// Whose they are.
        found: DeploymentId,
        /// Who we are.
        own: DeploymentId,
    },
    /// A newer program made it.
    #[error("{path} has format {found}, this program knows {FORMAT}: use a newer patchwharf")]
    Newer {
        /// The path.
        path: Utf8PathBuf,
        /// Its format.
        found: u32,
    },
    /// Another backup is being made there.
    #[error("another backup is being made in {path}")]
    Busy {
        /// The path.
        path: Utf8PathBuf,
    },
    /// It cannot be used.
    #[error("cannot use {path} for backups{advice}", advice = advice(source))]
    Io {
        /// The path.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => {
            "; where the service is hardened, name the folder in ReadWritePaths= (systemctl edit patchwharf)"
        }
        io::ErrorKind::PermissionDenied => "; it must belong to the server's user",
        _ => "",
    }
}

/// An open folder of backups; nobody else writes there as long as this lives.
#[derive(Debug)]
pub(crate) struct Folder {
    path: Utf8PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens the folder, making it where it is not there. `elsewhere`: folders that it must not lie in, nor they in it.
    ///
    /// # Errors
    /// It is not fit, not ours, or in use.
    pub(crate) fn open(
        path: &Utf8Path,
        deployment: DeploymentId,
        elsewhere: &[Utf8PathBuf],
    ) -> Result<Self, FolderError> {
        if !path.is_absolute() {
            return Err(FolderError::Relative { path: path.to_owned() });
        }
        let io = |source| FolderError::Io { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
        let real = path.canonicalize_utf8().map_err(io)?;
        for other in elsewhere {
            let other = other.canonicalize_utf8().unwrap_or_else(|_| other.clone());
            if real.starts_with(&other) || other.starts_with(&real) {
                return Err(FolderError::Inside { path: real, other });
            }
        }
        belongs(&real, deployment)?;
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(real.join(LOCK));
        let lock = lock.map_err(io)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(FolderError::Busy { path: real }),
            other => other.map_err(|e| io(e.into()))?,
        }
        for inner in [POINTS, CONTENTS] {
            make_folder(&real.join(inner)).map_err(io)?;
        }
        points::clear(&real).map_err(io)?;
        Ok(Self { path: real, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }
}

fn belongs(path: &Utf8Path, own: DeploymentId) -> Result<(), FolderError> {
    let io = |source| FolderError::Io { path: path.to_owned(), source };
    let marker = path.join(MARKER);
    let text = match fs::read_to_string(&marker) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let mut inside = path.read_dir_utf8().map_err(io)?.flatten();
            // What a first attempt left, and what every new file system has.
            let known = |name: &str| matches!(name, "lost+found" | "patchwharf-backups.json.new" | LOCK);
            if let Some(found) = inside.find(|entry| !known(entry.file_name())) {
                return Err(FolderError::Foreign { path: path.to_owned(), found: found.file_name().to_owned() });
            }
            return write_marker(&marker, own).map_err(io);
        }
        other => other.map_err(io)?,
    };
    let found: Marker = serde_json::from_str(&text).map_err(|e| io(io::Error::other(e)))?;
    if found.format > FORMAT {
        Err(FolderError::Newer { path: path.to_owned(), found: found.format })
    } else if found.deployment != own {
        Err(FolderError::OtherDeployment { path: path.to_owned(), found: found.deployment, own })
    } else {
        Ok(())
    }
}

fn write_marker(path: &Utf8Path, deployment: DeploymentId) -> io::Result<()> {
    replace_file(path, &serde_json::to_vec_pretty(&Marker { format: FORMAT, deployment })?)
}

/// Writes a file of its own, readable by its owner alone, and makes it durable.
pub(crate) fn write_new(path: &Utf8Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a folder where it is not there; its name is durable when this returns.
pub(crate) fn make_folder(path: &Utf8Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.and_then(|()| path.parent().map_or(Ok(()), sync_folder)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn home() -> (tempfile::TempDir, Utf8PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(home.path().canonicalize().unwrap()).unwrap();
        (home, path)
    }

    #[test]
    fn a_folder_is_marked_once_and_belongs_to_its_deployment() {
        let (_home, path) = home();
        let (own, folder) = (DeploymentId::new(), path.join("backups"));
        let first = Folder::open(&folder, own, &[]).unwrap();
        assert!(matches!(Folder::open(&folder, own, &[]), Err(FolderError::Busy { .. })));
        drop(first);
        Folder::open(&folder, own, &[]).unwrap();
        let other = Folder::open(&folder, DeploymentId::new(), &[]).unwrap_err();
        assert!(matches!(other, FolderError::OtherDeployment { .. }), "{other}");
        std::fs::write(folder.join(MARKER), format!("{{\"format\":2,\"deployment\":\"{own}\"}}")).unwrap();
        assert!(matches!(Folder::open(&folder, own, &[]), Err(FolderError::Newer { found: 2, .. })));
    }

    #[test]
    fn a_folder_with_other_things_or_in_the_wrong_place_is_refused() {
        let (_home, path) = home();
        let own = DeploymentId::new();
        std::fs::create_dir(path.join("full")).unwrap();
        std::fs::write(path.join("full/letter.txt"), "x").unwrap();
        let foreign = Folder::open(&path.join("full"), own, &[]).unwrap_err();
        assert!(foreign.to_string().contains("letter.txt"), "{foreign}");
        assert!(matches!(Folder::open("here".into(), own, &[]), Err(FolderError::Relative { .. })));
        let data = path.join("data");
        std::fs::create_dir(&data).unwrap();
        for inside in [data.join("backups"), path.clone()] {
            let refused = Folder::open(&inside, own, std::slice::from_ref(&data)).unwrap_err();
            assert!(matches!(refused, FolderError::Inside { .. }), "{refused}");
        }
    }
}
