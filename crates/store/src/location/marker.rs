//! `location.json`: what makes a folder a package location.

use std::{
    io::{self, Read as _},
    os::fd::{AsFd as _, OwnedFd},
};

use camino::Utf8Path;
use patchwharf_model::{DeploymentId, LocationId, Timestamp};
use serde::{Deserialize, Serialize};

use super::OpenError;
use crate::{
    disk::{Disk, Kind},
    error::Attempt as _,
    folder, layout,
};

/// The newest format that this server writes and reads.
pub(super) const FORMAT: u32 = 1;
const MAX_BYTES: u64 = 64 * 1024;

/// What `location.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Version of the layout; 1.
    pub format: u32,
    /// This location.
    pub location_id: LocationId,
    /// The deployment whose packages lie here.
    pub deployment_id: DeploymentId,
    /// When it was made.
    pub made_at: Timestamp,
}

impl Marker {
    pub(super) fn belongs(
        &self,
        path: &Utf8Path,
        id: Option<LocationId>,
        deployment: DeploymentId,
    ) -> Result<(), OpenError> {
        if self.deployment_id != deployment {
            return Err(OpenError::OtherDeployment {
                path: path.to_owned(),
                found: self.deployment_id,
                own: deployment,
            });
        }
        match id {
            Some(want) if want != self.location_id => {
                Err(OpenError::OtherLocation { path: path.to_owned(), found: self.location_id, want })
            }
            _ => Ok(()),
        }
    }
}

/// Only the format, so that a marker of a newer server is named as such.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

pub(super) fn read(root: &OwnedFd, path: &Utf8Path) -> Result<Marker, OpenError> {
    let at = || path.join(layout::MARKER);
    let file = match folder::file(root, layout::MARKER) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(OpenError::NoMarker { path: path.to_owned() }),
        other => other.attempt("open", at)?,
    };
    let mut text = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut text).attempt("read", at)?;
    let bad = |source| OpenError::BadMarker { path: at(), source };
    let format: Format = serde_json::from_slice(&text).map_err(bad)?;
    if format.format > FORMAT {
        return Err(OpenError::NewerFormat { path: path.to_owned(), found: format.format, known: FORMAT });
    }
    serde_json::from_slice(&text).map_err(bad)
}

pub(super) fn write(disk: &dyn Disk, root: &OwnedFd, path: &Utf8Path, marker: &Marker) -> Result<(), OpenError> {
    const ASIDE: &str = ".location.json.new";
    let at = || path.join(layout::MARKER);
    let text = serde_json::to_vec_pretty(marker).map_err(|source| OpenError::BadMarker { path: at(), source })?;
    // A crash in an earlier attempt may have left one; the marker itself is not there, so nobody uses it.
    let _ = disk.unlink(root.as_fd(), ASIDE.as_ref());
    let file = disk.create(root.as_fd(), ASIDE).attempt("create", at)?;
    crate::write::all(disk, &file, &text).attempt("write", at)?;
    disk.fsync(file.as_fd(), Kind::File).attempt("make durable", at)?;
    disk.rename(root.as_fd(), ASIDE.as_ref(), root.as_fd(), layout::MARKER).attempt("name", at)?;
    disk.fsync(root.as_fd(), Kind::Folder).attempt("make durable", || path.to_owned())?;
    Ok(())
}
