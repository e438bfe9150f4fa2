//! Adding a location, and changing the default one.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_db::locations as table;
use patchwharf_model::LocationId;
use patchwharf_store::{Location, OpenError, layout};

use crate::{
    access::By,
    app::App,
    operations::{OperationError, cores, with_causes},
    words::bytes,
};

/// What became of a wish for a location.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// The location.
    pub(crate) id: LocationId,
    /// Its folder.
    pub(crate) path: Utf8PathBuf,
}

/// Times that the path is looked at again because another server has added a location meanwhile.
const ROUNDS: usize = 10;

/// Makes the location at a path, or opens the one that is there; new packages still go to the default one. Where a known
/// location's folder was moved to the path as a whole, the path is changed.
///
/// # Errors
/// The path is not fit to be a location, or holds a known one that is still where it was too: the text says why and what
/// to do.
pub(crate) async fn add(app: &Arc<App>, path: &Utf8Path, by: &By) -> Result<Change, OperationError> {
    // What is found not to lie in or around another is on record before the next one is looked at.
    let _one = app.locations.0.adding.lock().await;
    let path = trimmed(path);
    let mut rows = table::list(&app.db).await?;
    for _ in 0..ROUNDS {
        if let Some(row) = rows.iter().find(|row| row.path == path) {
            return Ok(Change { id: row.location_id, path });
        }
        let (own, wanted, others) = (Arc::clone(app), path.clone(), rows.clone());
        let found = cores::blocking(move || find_or_make(&own, &wanted, &others)).await?.map_err(unfit)?;
        let mut write = by.write(app).await?;
        let now = table::known(&mut write).await?;
        if now != rows {
            // Another server was faster: what it has added is another folder to lie apart from.
            rows = now;
            continue;
        }
        match &found {
            Found::New { id, .. } => table::create(&mut write, *id, &path).await?,
            Found::Moved { id } => table::set_path(&mut write, *id, &path).await?,
            Found::Twice { id, there } => return Err(twice(*id, there, &path)),
        }
        write.commit().await?;
        let id = match found {
            Found::New { id, made } => {
                tracing::info!(location = %id, %path, made, "package location added");
                id
            }
            Found::Moved { id } | Found::Twice { id, .. } => {
                tracing::info!(location = %id, %path, "package location is at another path now");
                id
            }
        };
        app.locations.reload(&app.db).await?;
        return Ok(Change { id, path });
    }
    let text = format!("other servers add package locations all the time: {path} was not added; try again");
    Err(OperationError::new("conflict", text).transient())
}

/// What lies at a path.
enum Found {
    /// One that is not on record.
    New {
        id: LocationId,
        /// Whether it was made just now.
        made: bool,
    },
    /// A known one, whose folder is no longer where it was.
    Moved { id: LocationId },
    /// One of two: the known one is where it was, too.
    Twice { id: LocationId, there: Utf8PathBuf },
}

fn twice(id: LocationId, there: &Utf8Path, path: &Utf8Path) -> OperationError {
    let text = format!(
        "{path} holds package location {id}, which lies at {there} still: one location is at one place. If its folder is to \
         be moved, move it as a whole and say this again; if this is a copy, move or rename what it is not, or give an \
         empty folder and use `patchwharf location relocate`. Nothing was changed"
    );
    OperationError::new("refused", text)
}

/// Makes a path the location for new packages, adding it where it is none yet. Packages stay where they are.
///
/// # Errors
/// As [`add`]; or it is not open, read-only, or has no room beyond the reserve.
pub(crate) async fn make_default(app: &Arc<App>, path: &Utf8Path, by: &By) -> Result<Change, OperationError> {
    let change = add(app, path, by).await?;
    let location = app.locations.get(change.id).map_err(|e| OperationError::new("location-unfit", e.text))?;
    if location.is_read_only() {
        let text = format!("the file system of {} is read-only: mount it for writing and try again", change.path);
        return Err(OperationError::new("location-unfit", text));
    }
    let space = location.space().map_err(|e| unfit(e.into()))?;
    let reserve_bytes = app.config.fetch.reserve_bytes;
    if space.free_bytes <= reserve_bytes {
        let text = format!(
            "{} are free at {}, and {} stay reserved (`fetch.reserve-bytes`): no package would fit. \
             Make room there, or take another folder; the location for new packages was not changed",
            bytes(space.free_bytes),
            change.path,
            bytes(reserve_bytes)
        );
        return Err(OperationError::new("no-space", text));
    }
    let mut write = by.write(app).await?;
    table::set_default(&mut write, change.id).await?;
    write.commit().await?;
    tracing::info!(location = %change.id, path = %change.path, "new packages go to another location from now on");
    app.locations.reload(&app.db).await?;
    Ok(change)
}

/// The same path without what means nothing: doubled and trailing separators.
fn trimmed(path: &Utf8Path) -> Utf8PathBuf {
    path.components().collect()
}

fn find_or_make(app: &App, path: &Utf8Path, others: &[table::Location]) -> Result<Found, OpenError> {
    let apart_from = |others: &[&table::Location]| {
        let others: Vec<&Utf8Path> = others.iter().map(|row| row.path.as_path()).collect();
        Location::fits(path, &others)
    };
    if std::fs::symlink_metadata(path.join(layout::MARKER)).is_err() {
        apart_from(&others.iter().collect::<Vec<_>>())?;
        let id = Location::create(path, app.deployment, app.clock.now())?.id();
        return Ok(Found::New { id, made: true });
    }
    // The path alone first: nothing is opened behind a link.
    apart_from(&[])?;
    let id = Location::open(path, None, app.deployment)?.id();
    let known = others.iter().find(|row| row.location_id == id);
    if let Some(row) = known.filter(|row| Location::is_at(&row.path, id) != Some(false)) {
        return Ok(Found::Twice { id, there: row.path.clone() });
    }
    apart_from(&others.iter().filter(|row| row.location_id != id).collect::<Vec<_>>())?;
    Ok(if known.is_some() { Found::Moved { id } } else { Found::New { id, made: false } })
}

/// Whether a location does not answer where it should be, so that it can be given up; else why not, for people.
///
/// # Errors
/// The runtime is shutting down.
pub(crate) async fn is_lost(app: &Arc<App>, row: &table::Location) -> Result<Result<(), String>, OperationError> {
    let (path, id) = (row.path.clone(), row.location_id);
    let look = cores::blocking(move || Location::is_at(&path, id));
    // A disk that fails or hangs does not answer.
    let found = tokio::time::timeout(super::PATIENCE, look).await;
    if found.unwrap_or(Ok(None))? != Some(true) {
        return Ok(Ok(()));
    }
    let why = app.locations.get(id).err().map_or_else(String::new, |closed| format!(" ({})", closed.text));
    Ok(Err(format!(
        "package location {} is not lost: its folder is there{why}. Move its packages with `patchwharf location relocate \
         {0}` and remove the originals with `patchwharf location prune {0}`, or take the folder away first if it is to be \
         given up with everything in it. Nothing was changed",
        row.path
    )))
}

fn unfit(error: OpenError) -> OperationError {
    let full = matches!(&error, OpenError::Disk(error) if error.is_full());
    OperationError::new(if full { "no-space" } else { "location-unfit" }, with_causes(&error)).because(error)
}
