//! Making a location ours that another deployment has made.

use std::{io, os::fd::AsFd as _};

use camino::Utf8Path;
use patchwharf_model::{DeploymentId, LocationId, Timestamp};
use rustix::fs::{AtFlags, renameat, statat};

use super::{
    Location, OpenError, check,
    marker::{self, Marker},
};
use crate::{
    disk::{Disk as _, Kind, Native},
    error::Attempt as _,
    folder, layout,
};

/// The new marker under this name, until it takes the place of the old one.
const ASIDE: &str = ".location.json.new";

impl Location {
    /// What the marker of a folder says, whoever made it. Changes nothing.
    ///
    /// # Errors
    /// There is none, it cannot be understood, or a newer server made it.
    pub fn marker_of(path: &Utf8Path) -> Result<Marker, OpenError> {
        marker::read(&check::existing_root(path)?, path)
    }

    /// Makes the folder a location of `deployment`: its marker is written anew, durably, and the old one is kept beside it.
    /// The location keeps its id; a folder without a marker that can be understood gets `id`. Nothing else is touched.
    ///
    /// # Errors
    /// The folder is not fit to be a location, a newer server made it, or the disk failed. Then the old marker is in its place.
    pub fn take_over(
        path: &Utf8Path,
        id: LocationId,
        deployment: DeploymentId,
        now: Timestamp,
    ) -> Result<Marker, OpenError> {
        let root = check::existing_root(path)?;
        let found = match marker::read(&root, path) {
            Ok(found) if found.deployment_id == deployment => return Ok(found),
            Ok(found) => Some(found),
            Err(OpenError::NoMarker { .. } | OpenError::BadMarker { .. }) => None,
            Err(error) => return Err(error),
        };
        let new = match &found {
            Some(old) => Marker { deployment_id: deployment, ..old.clone() },
            None => Marker { format: marker::FORMAT, location_id: id, deployment_id: deployment, made_at: now },
        };
        let (disk, at) = (Native::default(), || path.join(layout::MARKER));
        let text = serde_json::to_vec_pretty(&new).map_err(|source| OpenError::BadMarker { path: at(), source })?;
        let _ = disk.unlink(root.as_fd(), ASIDE.as_ref());
        let file = disk.create(root.as_fd(), ASIDE).attempt("create", at)?;
        crate::write::all(&disk, &file, &text).attempt("write", at)?;
        disk.fsync(file.as_fd(), Kind::File).attempt("make durable", at)?;
        if statat(&root, layout::MARKER, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            let whose = found.map_or_else(|| "unreadable".to_owned(), |old| old.deployment_id.to_string());
            let old = folder::file(&root, layout::MARKER).attempt("open", at)?;
            let kept = format!("{}{whose}", layout::OLD_MARKER_PREFIX);
            match disk.link(&old, root.as_fd(), &kept) {
                // An earlier attempt was killed here.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                other => other.attempt("keep the old marker of", || path.to_owned())?,
            }
            disk.fsync(root.as_fd(), Kind::Folder).attempt("make durable", || path.to_owned())?;
        }
        // Over the old marker, which is kept: at every moment there is a whole one.
        renameat(&root, ASIDE, &root, layout::MARKER).attempt("name", at)?;
        disk.fsync(root.as_fd(), Kind::Folder).attempt("make durable", || path.to_owned())?;
        Ok(new)
    }
}
