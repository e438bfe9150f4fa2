//! Adding a location, and changing the default one.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_db::locations as table;
use patchwharf_model::LocationId;
use patchwharf_store::{Location, OpenError, layout};

use crate::{
    app::App,
    operations::{OperationError, cores, with_causes},
};

/// What became of a wish for a location.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// The location.
    pub(crate) id: LocationId,
    /// Its folder.
    pub(crate) path: Utf8PathBuf,
}

/// Makes the location at a path, or opens the one that is there; new packages still go to the default one.
///
/// # Errors
/// The path is not fit to be a location: the text says why and what to do.
pub(crate) async fn add(app: &Arc<App>, path: &Utf8Path, actor: &str) -> Result<Change, OperationError> {
    let rows = table::list(&app.db).await?;
    let path = trimmed(path);
    if let Some(row) = rows.iter().find(|row| row.path == path) {
        return Ok(Change { id: row.location_id, path });
    }
    let (own, wanted, others) = (Arc::clone(app), path.clone(), rows);
    let (location, made) = cores::blocking(move || open_or_make(&own, &wanted, &others)).await?.map_err(unfit)?;
    let id = location.id();
    // The list opens it anew, with what is remembered of inodes.
    drop(location);
    let mut write = app.db.write(actor, "api", app.clock.now()).await?;
    table::create(&mut write, id, &path).await?;
    write.commit().await?;
    tracing::info!(location = %id, %path, made, "package location added");
    app.locations.reload(&app.db).await?;
    Ok(Change { id, path })
}

/// Makes a path the location for new packages, adding it where it is none yet. Packages stay where they are.
///
/// # Errors
/// As [`add`]; or it is not open, read-only, or has no room beyond the reserve.
pub(crate) async fn make_default(app: &Arc<App>, path: &Utf8Path, actor: &str) -> Result<Change, OperationError> {
    let change = add(app, path, actor).await?;
    let location = app.locations.get(change.id).map_err(|e| OperationError::new("location-unfit", e.text))?;
    if location.is_read_only() {
        let text = format!("the file system of {} is read-only: mount it for writing and try again", change.path);
        return Err(OperationError::new("location-unfit", text));
    }
    let space = location.space().map_err(|e| unfit(e.into()))?;
    let reserve_bytes = app.config.fetch.reserve_bytes;
    if space.free_bytes <= reserve_bytes {
        let text = format!(
            "{} bytes are free at {}, and {reserve_bytes} stay reserved (`fetch.reserve-bytes`): no package would fit. \
             Make room there, or take another folder; the location for new packages was not changed",
            space.free_bytes, change.path
        );
        return Err(OperationError::new("no-space", text));
    }
    let mut write = app.db.write(actor, "api", app.clock.now()).await?;
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

fn open_or_make(app: &App, path: &Utf8Path, others: &[table::Location]) -> Result<(Location, bool), OpenError> {
    let others: Vec<&Utf8Path> = others.iter().map(|row| row.path.as_path()).collect();
    Location::fits(path, &others)?;
    if std::fs::symlink_metadata(path.join(layout::MARKER)).is_ok() {
        return Ok((Location::open(path, None, app.deployment)?, false));
    }
    Ok((Location::create(path, app.deployment, app.clock.now())?, true))
}

fn unfit(error: OpenError) -> OperationError {
    let full = matches!(&error, OpenError::Disk(error) if error.is_full());
    OperationError::new(if full { "no-space" } else { "location-unfit" }, with_causes(&error)).because(error)
}
