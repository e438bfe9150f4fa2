//! What happens by the clock: imports that are due, integrity checks, the sweep of retired versions, retention.

use std::{sync::Arc, time::Duration};

use patchwharf_db::{feeds, settings, timers};
use patchwharf_model::{
    Timestamp,
    job::{IntegrityCheck, JobRequest, Selection},
};

use crate::{
    app::App,
    jobs::Order,
    operations::{
        OperationError, download, integrity::settings as integrity, retry, revise, unused::settings as unused,
    },
    retention,
    settings::take_up,
    token, trail,
};

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(20);
/// How often retired versions are swept.
const SWEEP: Duration = Duration::from_secs(3600);
/// How often old jobs and log records are deleted.
const TIDY: Duration = Duration::from_secs(3600);
/// How often the whole resource database is checked.
const CHECK: Duration = Duration::from_secs(24 * 3600);
/// How often the head of the audit trail is signed and logged.
const SEAL: Duration = Duration::from_secs(3600);
/// Nothing is planned further ahead than this: what is was planned by a clock that ran ahead.
const FARTHEST: Duration = Duration::from_secs(8 * 24 * 3600);

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
        if let Err(error) = token::note_change(&app).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a new token is not on the audit trail yet");
        }
        if let Err(error) = retry::due(&app).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "what failed could not be ordered again yet");
        }
        app.attempts.log_untold(app.clock.instant());
        tokio::time::sleep(TICK).await;
    }
}

/// One look at the clock: orders what is due.
///
/// # Errors
/// The database failed, or a thread of the work did.
pub async fn tick(app: &Arc<App>) -> Result<(), OperationError> {
    let now = app.clock.now();
    // Another server of this database may have been told something.
    if let Err(error) = take_up(app).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "what is set could not be taken up");
    }
    if app.ages.was_set_back() {
        pull_in(app, Duration::ZERO).await?;
    }
    for feed in feeds::due(&app.db, now).await? {
        let request = JobRequest::Import { feed: feed.feed_id, confirm_shrink: false };
        app.jobs.order(request, Order::by("system").from("schedule")).await?;
    }
    checks(app, now).await?;
    if is_due(app, "schedule.last-download", integrity::how_often(app, download::EVERY).await?, now).await? {
        app.jobs.order(JobRequest::Download { dry_run: false }, background()).await?;
    }
    if is_due(app, "schedule.last-revise", integrity::how_often(app, revise::EVERY).await?, now).await? {
        app.jobs.order(JobRequest::Revise { dry_run: false }, background()).await?;
    }
    if is_due(app, "schedule.last-sweep", SWEEP, now).await? {
        app.jobs.order(JobRequest::Reconcile { dry_run: false }, background()).await?;
    }
    let backup = &app.config.backup;
    if let Some(folder) = &backup.folder
        && is_due(app, &format!("schedule.last-backup {}", app.instance), backup.every, now).await?
    {
        let request = JobRequest::Backup {
            folder: folder.to_string(),
            passphrase_file: backup.passphrase_file.as_ref().map(ToString::to_string),
            keep: Some(backup.keep),
            quick: false,
        };
        app.jobs.order(request, background()).await?;
    }
    if is_due(app, "schedule.last-tidy", TIDY, now).await? {
        pull_in(app, FARTHEST).await?;
        retention::tidy(app).await?;
        app.db.analyze().await?;
    }
    // Each server remembers the trail for itself.
    if is_due(app, &format!("schedule.last-seal {}", app.instance), SEAL, now).await? {
        trail::seal(app).await?;
    }
    if is_due(app, &format!("schedule.last-trail-check {}", app.instance), CHECK, now).await? {
        trail::check(app).await?;
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
    let by_clock = integrity::ByTheClock::read(app).await?;
    let check = IntegrityCheck {
        repair: true,
        max_bytes_per_second: by_clock.max_bytes_per_second,
        ..IntegrityCheck::full(Selection::All)
    };
    // The name is that of the verification that the full check has taken the place of: its times go on.
    if is_due(app, "schedule.last-verify", by_clock.full_every, now).await? {
        let full = IntegrityCheck {
            past_cache: true,
            only_between: by_clock.only_between,
            delete_unused: unused::by_the_clock(app).await?,
            ..check.clone()
        };
        app.jobs.order(JobRequest::IntegrityCheck(full), background()).await?;
    }
    if is_due(app, "schedule.last-light-check", by_clock.light_every, now).await? {
        let light = IntegrityCheck { light: true, ..check };
        app.jobs.order(JobRequest::IntegrityCheck(light), background()).await?;
    }
    Ok(())
}

/// Makes due what waits for a time further ahead than `far`.
async fn pull_in(app: &App, far: Duration) -> patchwharf_db::Result<()> {
    let mut write = app.db.write("system", "schedule", app.clock.now()).await?;
    let changed = timers::pull_in(&mut write, far).await?;
    write.commit().await?;
    if changed > 0 {
        tracing::warn!(changed, "what a clock that ran ahead had put off is due now");
        app.jobs.wake();
    }
    Ok(())
}

/// Ordinary work goes first.
fn background() -> Order {
    Order { priority: -10, ..Order::by(Order::CLOCK).from("schedule") }
}

/// Whether so much time has passed since the last time, which is noted then. The first time is one period after the
/// first start. Zero means never. A last time that lies in the future was written by a clock that ran ahead.
async fn is_due(app: &App, name: &str, every: Duration, now: Timestamp) -> patchwharf_db::Result<bool> {
    if every.is_zero() {
        return Ok(false);
    }
    let last = settings::get(&app.db, name).await?.and_then(|text| text.parse::<Timestamp>().ok());
    let due = last.is_some_and(|last| last <= before(now, every) || before(last, every) > now);
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
