//! Opening what the database names, and letting go of what is no longer there.

use std::{io, sync::Arc};

use patchwharf_db::locations as table;
use patchwharf_model::DeploymentId;
use patchwharf_store::{Location, OpenError, stamps::Stamps};

use super::{Entry, Place};
use crate::operations::with_causes;

/// A location as it is now, from its row and from how it was. Blocks.
pub(super) fn follow(
    row: table::Location,
    known: Option<&Entry>,
    deployment: DeploymentId,
    stamps: &Arc<Stamps>,
) -> Entry {
    let place = place(&row, known, deployment, stamps);
    Entry { id: row.location_id, path: row.path, is_default: row.is_default, place }
}

/// What is believed of a location after a look at it; none: its file system hangs.
pub(super) fn seen(row: &table::Location, known: Option<&Entry>, seen: Option<Entry>) -> Entry {
    let place = match (seen, known) {
        // A look that hung may be one at where it was before.
        (Some(seen), _) if seen.path == row.path => seen.place,
        // As with one that is away: what is open is not taken for gone.
        (_, Some(Entry { place: place @ Place::Open(open), .. })) if row.is_default && open.path() == row.path => {
            place.clone()
        }
        _ => Place::Closed(format!(
            "its file system does not answer: the other machine or the disk of {} hangs. Bring it back, or unmount it",
            row.path
        )),
    };
    let now = Entry { id: row.location_id, path: row.path.clone(), is_default: row.is_default, place };
    tell(known, &now);
    now
}

fn place(row: &table::Location, known: Option<&Entry>, deployment: DeploymentId, stamps: &Arc<Stamps>) -> Place {
    if let Some(Entry { place: Place::Open(open), .. }) = known
        && open.path() == row.path
        && (row.is_default || open.is_in_place())
        && !can_be_written_again(open)
    {
        return Place::Open(Arc::clone(open));
    }
    match open(row, deployment) {
        Ok(location) => Place::Open(Arc::new(location.sharing(Arc::clone(stamps)))),
        Err(error) => Place::Closed(with_causes(&error)),
    }
}

/// Whether a location was opened for reading only, and its file system is mounted for writing by now.
fn can_be_written_again(open: &Location) -> bool {
    open.is_read_only() && !open.is_on_read_only_file_system()
}

/// What lies at a location whose disk turned read-only can still be served, and moved away. New packages cannot go there.
fn open(row: &table::Location, deployment: DeploymentId) -> Result<Location, OpenError> {
    let id = Some(row.location_id);
    match Location::open(&row.path, id, deployment) {
        Err(OpenError::Disk(error)) if error.source.kind() == io::ErrorKind::ReadOnlyFilesystem && !row.is_default => {
            Location::open_read_only(&row.path, id, deployment)
        }
        other => other,
    }
}

/// Says what has changed, once.
fn tell(before: Option<&Entry>, now: &Entry) {
    let (id, path) = (now.id, &now.path);
    match (before.map(|entry| &entry.place), &now.place) {
        (None | Some(Place::Closed(_)), Place::Open(open)) => {
            tracing::info!(location = %id, %path, read_only = open.is_read_only(), "package location is open");
        }
        (Some(Place::Open(was)), Place::Open(open)) if !Arc::ptr_eq(was, open) => {
            tracing::info!(location = %id, %path, read_only = open.is_read_only(), "package location is open anew");
        }
        (None | Some(Place::Open(_)), Place::Closed(why)) => {
            tracing::warn!(
                location = %id, %path,
                "package location is not open, nothing at it is touched; it is opened by itself when it is there: {why}"
            );
        }
        _ => {}
    }
}
