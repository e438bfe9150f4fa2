//! How long history is kept: log records, ended jobs, the audit trail.

mod audit;

use std::{sync::Arc, time::Duration};

use patchwharf_db::{jobs, logs, notifications};
use patchwharf_model::Timestamp;

use crate::{app::App, operations::OperationError, settings::keep};

/// The newest jobs stay whatever their age.
const KEEP_NEWEST_JOBS: u32 = 1_000;
/// Messages that were sent or given up, and samples of free space, stay so long.
const KEEP_NOTIFICATIONS: Duration = Duration::from_secs(30 * 24 * 3600);
/// Average size of a log record with its indexes, to turn the limit on records into one on bytes.
const RECORD_BYTES: u64 = 500;

/// Deletes what is older than it is to be kept. While the clock is doubted nothing counts as old.
///
/// # Errors
/// The database failed, or what is cut from the audit trail could not be written to its file.
pub async fn tidy(app: &Arc<App>) -> Result<(), OperationError> {
    let old = app.ages.now();
    let log = &app.config.log;
    let most_bytes = log.keep_records.saturating_mul(RECORD_BYTES);
    logs::prune(&app.db, before(old, keep::LOG.now(app).await?).unwrap_or(Timestamp::MIN), most_bytes).await?;
    if let Some(limit) = before(old, keep::JOBS.now(app).await?) {
        let mut write = app.db.write("system", "retention", app.clock.now()).await?;
        let gone = jobs::prune(&mut write, limit, KEEP_NEWEST_JOBS).await?;
        if gone > 0 {
            write.audit("job.prune", "job", Some(format!("{gone} jobs that ended before {limit}")), None);
        }
        write.commit().await?;
    }
    if let Some(limit) = before(old, KEEP_NOTIFICATIONS) {
        let mut write = app.db.write("system", "retention", app.clock.now()).await?;
        notifications::prune(&mut write, limit).await?;
        write.commit().await?;
    }
    if let Some(limit) = before(old, keep::AUDIT.now(app).await?) {
        audit::cut(app, limit).await?;
    }
    Ok(())
}

/// The time before which things go; none: nothing goes.
fn before(old: Option<Timestamp>, keep: Duration) -> Option<Timestamp> {
    old.filter(|_| !keep.is_zero()).map(|now| now.checked_sub(keep).unwrap_or(Timestamp::MIN))
}
