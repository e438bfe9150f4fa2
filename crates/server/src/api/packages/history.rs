//! How the store and its disks filled over time.

use std::sync::Arc;

use axum::{Json, extract::State};
use jiff::SignedDuration;
use patchwharf_db::{history, notifications};
use patchwharf_model::{
    Timestamp,
    api::{Code, FreeSample, HistoryQuery, Room, StagedSample, StoreHistory},
};

use crate::{
    api::{ApiError, ApiResult, Shared, extract::Query, locations},
    app::App,
    history::{self as forecasts, Forecast},
};

const DEFAULT_DAYS: u32 = 30;
const MOST_DAYS: u32 = 366;

/// How the store and its disks filled over time, about one sample an hour, with a forecast for each disk.
#[utoipa::path(get, path = "/store/history", tag = "packages", params(HistoryQuery),
    responses((status = 200, body = StoreHistory)))]
pub(crate) async fn history(State(app): Shared, Query(query): Query<HistoryQuery>) -> ApiResult<Json<StoreHistory>> {
    let days = query.days.unwrap_or(DEFAULT_DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(ApiError::new(Code::InvalidQuery, format!("`days` is {days}; it can be 1 to {MOST_DAYS}.")));
    }
    let now = app.clock.now();
    let since = now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MIN);
    let mut staged: Vec<_> = history::samples(&app.db, since).await?;
    staged.retain(|sample| sample.at <= now);
    let totals = app.counts.totals(&app.db).await?;
    let (packages, size_bytes, disk_bytes) = (totals.packages, totals.size_bytes, totals.disk_bytes);
    staged.push(history::StoreSample { at: now, packages, size_bytes, disk_bytes });
    let staged = staged.into_iter().map(|row| StagedSample {
        at: row.at,
        packages: row.packages,
        size_bytes: row.size_bytes,
        disk_bytes: row.disk_bytes,
    });
    Ok(Json(StoreHistory { staged: staged.collect(), rooms: rooms(&app, since, now).await? }))
}

async fn rooms(app: &Arc<App>, since: Timestamp, now: Timestamp) -> ApiResult<Vec<Room>> {
    let mut rooms = Vec::new();
    for location in locations::view::shown(app).await? {
        let (Some(free_bytes), Some(total_bytes)) = (location.free_bytes, location.total_bytes) else { continue };
        let mut samples = notifications::samples(&app.db, &forecasts::place(location.id), since).await?;
        samples.retain(|sample| sample.at < now);
        let last = notifications::SpaceSample { at: now, free_bytes };
        let full_in_seconds = match forecasts::forecast(&samples, last) {
            Forecast::Full { seconds, .. } => Some(seconds),
            Forecast::Unknown | Forecast::Never => None,
        };
        samples.push(last);
        let free = samples.into_iter().map(|row| FreeSample { at: row.at, free_bytes: row.free_bytes }).collect();
        rooms.push(Room { path: location.path, total_bytes, free, full_in_seconds });
    }
    Ok(rooms)
}
