//! Opening what the database names, and letting go of what is no longer there.

use std::{io, sync::Arc};

use patchwharf_db::locations as table;
use patchwharf_model::DeploymentId;
use patchwharf_store::{Location, OpenError, stamps::Stamps};

use super::{Entry, Place};
use crate::operations::with_causes;

/// The list as it is now, from the database's rows and the list as it was. Blocks.
pub(super) fn follow(
    mut rows: Vec<table::Location>,
    before: &[Entry],
    deployment: DeploymentId,
    stamps: &Arc<Stamps>,
) -> Vec<Entry> {
    rows.sort_by_key(|row| !row.is_default);
    let known = |row: &table::Location| before.iter().find(|entry| entry.id == row.location_id);
    let after: Vec<Entry> = rows
        .into_iter()
        .map(|row| {
            let place = place(&row, known(&row), deployment, stamps);
            Entry { id: row.location_id, path: row.path, is_default: row.is_default, place }
        })
        .collect();
    for entry in &after {
        tell(before.iter().find(|old| old.id == entry.id), entry);
    }
    after
}

fn place(row: &table::Location, known: Option<&Entry>, deployment: DeploymentId, stamps: &Arc<Stamps>) -> Place {
    if let Some(Entry { place: Place::Open(open), .. }) = known
        && open.path() == row.path
        && (row.is_default || open.is_in_place())
    {
        return Place::Open(Arc::clone(open));
    }
    match open(row, deployment) {
        Ok(location) => Place::Open(Arc::new(location.sharing(Arc::clone(stamps)))),
        Err(error) => Place::Closed(with_causes(&error)),
    }
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
