//! How a location is shown.

use std::{collections::HashMap, sync::Arc};

use patchwharf_db::locations as table;
use patchwharf_model::{LocationId, api};

use crate::{
    api::ApiResult,
    app::App,
    locations::{Entry, Place},
    operations::cores,
};

/// All locations, the default one first.
pub(crate) async fn all(app: &Arc<App>) -> ApiResult<Vec<api::Location>> {
    with(app, &table::usage(&app.db).await?).await
}

/// The same, with counts that may be a few seconds old in a large store.
pub(crate) async fn shown(app: &Arc<App>) -> ApiResult<Vec<api::Location>> {
    with(app, &app.counts.usage(&app.db).await?).await
}

async fn with(app: &Arc<App>, usage: &[table::Usage]) -> ApiResult<Vec<api::Location>> {
    let mut rows = table::list(&app.db).await?;
    rows.sort_by_key(|row| !row.is_default);
    let usage: HashMap<LocationId, table::Usage> = usage.iter().map(|used| (used.location_id, used.clone())).collect();
    let entries = app.locations.entries();
    // A file system that is away may take its time to say so.
    Ok(cores::blocking(move || {
        rows.into_iter()
            .map(|row| {
                let entry = entries.iter().find(|entry| entry.id == row.location_id);
                let used = usage.get(&row.location_id).cloned();
                one(row, entry, used)
            })
            .collect()
    })
    .await?)
}

fn one(row: table::Location, entry: Option<&Entry>, used: Option<table::Usage>) -> api::Location {
    let (open, reason) = match entry.map(|entry| &entry.place) {
        Some(Place::Open(location)) => (Some(location), String::new()),
        Some(Place::Closed(why)) => (None, why.clone()),
        None => (None, "another server has added it; it is opened here in a moment".to_owned()),
    };
    let space = open.and_then(|location| location.space().ok());
    let used = used.as_ref();
    api::Location {
        id: row.location_id,
        path: row.path.into_string(),
        is_default: row.is_default,
        created_at: row.created_at,
        open: open.is_some(),
        read_only: open.is_some_and(|location| location.is_read_only()),
        reason,
        free_bytes: space.map(|space| space.free_bytes),
        total_bytes: space.map(|space| space.total_bytes),
        packages: used.map_or(0, |used| used.packages),
        size_bytes: used.map_or(0, |used| used.size_bytes),
        originals: used.map_or(0, |used| used.originals),
        original_bytes: used.map_or(0, |used| used.original_bytes),
    }
}

/// What lies at other locations than the default one.
pub(in crate::api) fn elsewhere(locations: &[api::Location]) -> api::Elsewhere {
    locations.iter().filter(|location| !location.is_default).fold(api::Elsewhere::default(), |sum, location| {
        api::Elsewhere { packages: sum.packages + location.packages, size_bytes: sum.size_bytes + location.size_bytes }
    })
}
