//! One import of a feed at a time.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use jiff::SignedDuration;
use patchwharf_db::jobs::{self as table, JobQuery};
use patchwharf_model::{
    FeedId,
    job::{JobKind, JobRequest, JobState},
};

use crate::{
    jobs::JobContext,
    operations::{Ending, OperationError},
};

/// Feeds that this process imports now.
static RUNNING: Mutex<BTreeSet<FeedId>> = Mutex::new(BTreeSet::new());

/// The right to import a feed; given back when dropped.
#[derive(Debug)]
pub(super) struct Turn(FeedId);

/// Takes the turn, or says to come again: another job imports this feed now, here or on another server. Of two servers
/// that begin at once the one with the older job goes on.
pub(super) async fn take(ctx: &JobContext, feed: FeedId) -> Result<Result<Turn, Ending>, OperationError> {
    let later = |waiting_for: String| {
        Ok(Err(Ending::Later { not_before: ctx.now() + SignedDuration::from_secs(1), waiting_for }))
    };
    if !RUNNING.lock().unwrap_or_else(PoisonError::into_inner).insert(feed) {
        return later("another job that imports the same feed".to_owned());
    }
    let turn = Turn(feed);
    if ctx.app.db.is_shared() {
        let states = vec![JobState::Running];
        let query = JobQuery { states, kinds: vec![JobKind::Import], cursor: None, limit: 1_000 };
        let running = table::list(&ctx.app.db, &query).await?;
        let other = running.rows.iter().find(|job| {
            let alive = job.lease_until.is_some_and(|until| until > ctx.now());
            job.job_id < ctx.job && alive && imports(&job.payload, feed)
        });
        if let Some(job) = other {
            return later(format!("job {}, which imports the same feed", job.job_id));
        }
    }
    Ok(Ok(turn))
}

fn imports(payload: &str, feed: FeedId) -> bool {
    matches!(serde_json::from_str(payload), Ok(JobRequest::Import { feed: other, .. }) if other == feed)
}

impl Drop for Turn {
    fn drop(&mut self) {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}
