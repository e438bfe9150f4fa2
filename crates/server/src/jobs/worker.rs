//! Workers: each claims a job, runs it, and looks for the next.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use patchwharf_db::jobs as table;
use patchwharf_model::{JobId, Timestamp};
use tokio::{task::JoinSet, time::Instant};

use super::{Jobs, Runner, Stop, StopReason};
use crate::app::App;

/// Longest sleep between looks at a database that other servers fill as well.
const SHARED_POLL: Duration = Duration::from_secs(1);
/// Longest sleep otherwise: the bell rings for everything that happens here.
const OWN_POLL: Duration = Duration::from_secs(10);
/// Wait after the database failed.
const AFTER_ERROR: Duration = Duration::from_secs(1);

impl Jobs {
    /// Starts the workers. They end after [`Jobs::close`].
    #[must_use]
    pub fn start_workers(&self, app: &Arc<App>, runner: &Runner) -> JoinSet<()> {
        (0..app.config.workers).map(|_| worker(Arc::clone(app), Arc::clone(runner))).collect()
    }

    /// Claims no more, asks every running job to stop, and waits for them at most so long. Jobs go back to the queue.
    pub async fn close(&self, within: Duration) {
        self.0.closing.store(true, Ordering::Release);
        for stop in self.running().values() {
            stop.ask(StopReason::Shutdown);
        }
        self.wake();
        let deadline = Instant::now() + within;
        loop {
            let left = self.0.left.notified();
            if self.running().is_empty() || tokio::time::timeout_at(deadline, left).await.is_err() {
                return;
            }
        }
    }

    /// Notes that a job runs here. None: it does already (its lease ran out while the database was away).
    pub(super) fn enter(&self, job: JobId) -> Option<Running> {
        let stop = Stop::new();
        let mut running = self.running();
        if running.contains_key(&job) {
            return None;
        }
        running.insert(job, stop.clone());
        if self.is_closing() {
            stop.ask(StopReason::Shutdown);
        }
        Some(Running { jobs: self.clone(), job, stop })
    }
}

/// A job that runs here; leaves the list when dropped.
pub(super) struct Running {
    jobs: Jobs,
    job: JobId,
    pub(super) stop: Stop,
}

impl Running {
    /// The job goes on: nobody has asked it to end yet.
    pub(super) fn anew(&mut self) -> Stop {
        self.stop = Stop::new();
        self.jobs.running().insert(self.job, self.stop.clone());
        if self.jobs.is_closing() {
            self.stop.ask(StopReason::Shutdown);
        }
        self.stop.clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.jobs.running().remove(&self.job);
        self.jobs.0.left.notify_waiters();
        // A worker may be free now for what waited for this job.
        self.jobs.wake();
    }
}

async fn worker(app: Arc<App>, runner: Runner) {
    let jobs = app.jobs.clone();
    while !jobs.is_closing() {
        let mut bell = std::pin::pin!(jobs.0.bell.notified());
        bell.as_mut().enable();
        if jobs.held().is_some() {
            let _ = tokio::time::timeout(OWN_POLL, bell).await;
            continue;
        }
        let now = app.clock.now();
        let wait = match table::claim(&app.db, app.instance, now, now + jobs.0.lease).await {
            Ok(Some(job)) => {
                if let Some(running) = jobs.enter(job.job_id) {
                    super::run::run(&app, &runner, job, running).await;
                }
                continue;
            }
            Ok(None) => idle_time(&app).await,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot look for jobs; trying again");
                AFTER_ERROR
            }
        };
        let _ = tokio::time::timeout(wait, bell).await;
    }
}

/// How long nothing can become due.
async fn idle_time(app: &App) -> Duration {
    let longest = if app.db.is_shared() { SHARED_POLL } else { OWN_POLL };
    match table::next_due(&app.db, app.instance).await {
        Ok(Some(due)) => until(app.clock.now(), due).clamp(Duration::from_millis(50), longest),
        Ok(None) => longest,
        Err(_) => AFTER_ERROR,
    }
}

fn until(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or_default()
}
