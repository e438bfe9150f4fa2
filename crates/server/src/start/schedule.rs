//! What happens by the clock: imports that are due, integrity checks, the sweep of retired versions, retention.

use std::{sync::Arc, time::Duration};

use patchwharf_db::{feeds, jobs as job_table, logs as log_table, settings};
use patchwharf_model::{
    Timestamp,
    job::{IntegrityCheck, JobRequest, Selection},
};

use crate::{
    app::App,
    jobs::Order,
    operations::{integrity::settings::ByTheClock, retry},
};

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(20);
/// How often retired versions are swept.
const SWEEP: Duration = Duration::from_secs(3600);
/// How often old jobs and log records are deleted.
const TIDY: Duration = Duration::from_secs(3600);
/// How often the whole resource database is checked.
const CHECK: Duration = Duration::from_secs(24 * 3600);
/// Ended jobs stay so long, and the newest stay anyway.
const KEEP_JOBS: Duration = Duration::from_secs(90 * 24 * 3600);
const KEEP_NEWEST_JOBS: u32 = 1_000;
/// Average size of a log record, to turn the limit on records into one on bytes.
const RECORD_BYTES: u64 = 300;

pub(super) async fn run(app: Arc<App>) {
    loop {
        // Nothing can be written down: neither that work was ordered, nor that it was done.
        if app.db.damage().is_some() {
            return;
        }
        if let Err(error) = tick(&app).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "scheduled work could not be ordered; trying again"
            );
        }
        if let Err(error) = retry::due(&app).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "what failed could not be ordered again yet");
        }
        tokio::time::sleep(TICK).await;
    }
}

/// One look at the clock: orders what is due.
///
/// # Errors
/// The database failed.
pub async fn tick(app: &App) -> patchwharf_db::Result<()> {
    let now = app.clock.now();
    for feed in feeds::due(&app.db, now).await? {
        let request = JobRequest::Import { feed: feed.feed_id, confirm_shrink: false };
        app.jobs.order(request, Order::by("system").from("schedule")).await?;
    }
    checks(app, now).await?;
    if is_due(app, "schedule.last-sweep", SWEEP, now).await? {
        app.jobs.order(JobRequest::Reconcile { dry_run: false }, background()).await?;
    }
    if is_due(app, "schedule.last-tidy", TIDY, now).await? {
        let log = &app.config.log;
        log_table::prune(&app.db, before(now, log.keep), log.keep_records.saturating_mul(RECORD_BYTES)).await?;
        let mut write = app.db.write("system", "schedule", now).await?;
        job_table::prune(&mut write, before(now, KEEP_JOBS), KEEP_NEWEST_JOBS).await?;
        write.commit().await?;
        app.db.analyze().await?;
    }
    if is_due(app, "schedule.last-check", CHECK, now).await? {
        for found in app.db.integrity_check().await? {
            tracing::error!("the resource database is damaged: {found}; put a backup of it in its place");
        }
    }
    Ok(())
}

/// Integrity checks: by stamps often, of every byte now and then, from the disk itself, for what the kernel remembers says
/// nothing of what the disk has kept. They mend what they find.
async fn checks(app: &App, now: Timestamp) -> patchwharf_db::Result<()> {
    let by_clock = ByTheClock::read(app).await?;
    let check = IntegrityCheck {
        repair: true,
        max_bytes_per_second: by_clock.max_bytes_per_second,
        ..IntegrityCheck::full(Selection::All)
    };
    // The name is that of the verification that the full check has taken the place of: its times go on.
    if is_due(app, "schedule.last-verify", by_clock.full_every, now).await? {
        let full = IntegrityCheck { past_cache: true, only_between: by_clock.only_between, ..check.clone() };
        app.jobs.order(JobRequest::IntegrityCheck(full), background()).await?;
    }
    if is_due(app, "schedule.last-light-check", by_clock.light_every, now).await? {
        let light = IntegrityCheck { light: true, ..check };
        app.jobs.order(JobRequest::IntegrityCheck(light), background()).await?;
    }
    Ok(())
}

/// Ordinary work goes first.
fn background() -> Order {
    Order { priority: -10, ..Order::by("system").from("schedule") }
}

/// Whether so much time has passed since the last time, which is noted then. The first time is one period after the
/// first start. Zero means never.
async fn is_due(app: &App, name: &str, every: Duration, now: Timestamp) -> patchwharf_db::Result<bool> {
    if every.is_zero() {
        return Ok(false);
    }
    let last = settings::get(&app.db, name).await?.and_then(|text| text.parse::<Timestamp>().ok());
    let due = last.is_some_and(|last| last <= before(now, every));
    if due || last.is_none() {
        let mut write = app.db.write("system", "schedule", now).await?;
        settings::set(&mut write, name, &now.to_string()).await?;
        write.commit().await?;
    }
    Ok(due)
}

fn before(now: Timestamp, span: Duration) -> Timestamp {
    now.checked_sub(span).unwrap_or(Timestamp::MIN)
}
