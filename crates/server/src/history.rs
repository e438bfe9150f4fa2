//! How the store and its disks fill: noted once an hour, for charts and for a forecast.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use patchwharf_db::{
    history as table,
    notifications::{self, SpaceSample},
    packages,
};
use patchwharf_model::Timestamp;

use crate::{app::App, notify::free, operations::OperationError};

/// How often it is looked whether a sample is due.
const EVERY: Duration = Duration::from_secs(60);
/// Time between two samples.
const APART: SignedDuration = SignedDuration::from_hours(1);
/// What the store held is kept so long.
const KEEP: SignedDuration = SignedDuration::from_hours(366 * 24);
/// What a forecast looks back at.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A shorter history says nothing.
const LEAST: SignedDuration = SignedDuration::from_hours(6);

/// Takes samples until the server ends.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        if app.db.damage().is_none()
            && let Err(error) = take(&app).await
        {
            tracing::warn!(error = %format!("{error}"), "what the store holds could not be noted; trying again");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Takes the samples that are due. Servers of one database share what the store holds; a disk is each one's own.
///
/// # Errors
/// The database failed.
pub(crate) async fn take(app: &Arc<App>) -> Result<(), OperationError> {
    let now = app.clock.now();
    let lately = now.checked_sub(APART).unwrap_or(Timestamp::MIN);
    let is_new = |at: Timestamp| at <= now;
    if !table::samples(&app.db, lately).await?.iter().any(|sample| is_new(sample.at)) {
        let totals = packages::totals(&app.db).await?;
        let mut write = app.db.write("system", "history", now).await?;
        table::note(&mut write, totals.packages, totals.size_bytes, totals.disk_bytes).await?;
        if let Some(limit) = app.ages.now().and_then(|now| now.checked_sub(KEEP).ok()) {
            table::prune(&mut write, limit).await?;
        }
        write.commit().await?;
    }
    for location in app.locations.iter() {
        let place = place(location.id());
        let noted = notifications::samples(&app.db, &place, lately).await?;
        if noted.iter().any(|sample| is_new(sample.at)) {
            continue;
        }
        let Some(bytes) = free(app, location.path()).await else { continue };
        let mut write = app.db.write("system", "history", now).await?;
        notifications::put_sample(&mut write, &place, bytes).await?;
        write.commit().await?;
    }
    Ok(())
}

/// The name of a location among the samples of free space.
pub(crate) fn place(location: patchwharf_model::LocationId) -> String {
    format!("location {location}")
}

/// What samples say of when a disk is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forecast {
    /// The samples are of too short a time.
    Unknown,
    /// It has not become less.
    Never,
    /// In so many seconds, at the pace of so many hours.
    Full {
        /// Seconds from now.
        seconds: u64,
        /// Hours that the pace is taken from.
        hours: i64,
    },
}

/// When it is full at the pace of the days before.
pub(crate) fn forecast(samples: &[SpaceSample], now: SpaceSample) -> Forecast {
    let since = now.at.checked_sub(LOOK_BACK).unwrap_or(Timestamp::MIN);
    let first = samples.iter().find(|sample| sample.at >= since);
    let Some(first) = first.filter(|first| now.at.duration_since(first.at) >= LEAST) else { return Forecast::Unknown };
    let used = first.free_bytes.saturating_sub(now.free_bytes);
    if used == 0 {
        return Forecast::Never;
    }
    let lived = now.at.duration_since(first.at);
    let seconds = u128::from(now.free_bytes) * u128::from(lived.as_secs().unsigned_abs()) / u128::from(used);
    Forecast::Full { seconds: u64::try_from(seconds).unwrap_or(u64::MAX), hours: lived.as_secs() / 3600 }
}
