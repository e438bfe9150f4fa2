//! Files of folders that are not ours.

use std::sync::Arc;

use super::{Put, Target};
use crate::{Access, Given, TakeAs, Taken, error::Attempt as _, inode::Inode, place::PlaceError, stamp};

impl Target<'_> {
    /// A file of a foreign folder: copied by the first version that wants it, sharing blocks where the file system can, and
    /// linked by the others. What is hashed is our own copy, so that nobody can change it between proof and placing.
    pub(super) fn given(&self, given: &Given) -> Result<Put, PlaceError> {
        let mut placed = given.placed();
        if let Some(inode) = placed.as_ref().filter(|inode| !inode.is_lost()) {
            match self.linked(inode.file(), None, &given.digests().sha256) {
                // Its last name went with a placing that failed: it is taken once more.
                Err(PlaceError::Disk(e)) if e.is_missing() => {}
                other => {
                    let put = other?;
                    return Ok(Put { fresh: Some(put.fresh.unwrap_or_else(|| Arc::clone(inode))), ..put });
                }
            }
        }
        let (file, stat) = given.open().attempt("open", || given.path())?;
        let found = stamp::from_stat(&stat);
        if !self.location.stamps.stands(given.stamp(), &found) {
            return Err(PlaceError::Exchanged { path: given.path() });
        }
        // Whoever else may write to it would write into our package.
        let link = given.wish() == TakeAs::Link && Access::of_file(&stat).is_fine();
        let put = match link {
            true => self.linked(&file, Some(given.stamp()), &given.digests().sha256),
            false => self.copy_of(&file, &given.digests().sha256, given.wish() != TakeAs::Copy),
        };
        let mut put = put.map_err(|e| match e {
            PlaceError::Exchanged { .. } => PlaceError::Exchanged { path: given.path() },
            other => other,
        })?;
        given.note(match (&put.fresh, put.same_data) {
            (None, _) => Taken::Linked,
            (Some(_), true) => Taken::Shared,
            (Some(_), false) => Taken::Copied,
        });
        // Nobody has said that the foreign file's bytes are on its disk.
        let inode = put.fresh.get_or_insert_with(|| Arc::new(Inode::new(file)));
        *placed = Some(Arc::clone(inode));
        Ok(put)
    }
}
