//! The job engine: rows are claimed by lease, run by workers, watched, stopped, tried again.

mod context;
mod progress;
mod stop;

use std::sync::Arc;

use patchwharf_model::{
    JobId, Timestamp,
    job::{JobRequest, JobState, Progress},
};
use tokio::sync::watch;

pub use context::JobContext;
pub use progress::{FileHandle, ProgressHandle};
pub use stop::{Stop, StopReason};

/// The jobs of this server's database. Clones share one engine.
#[derive(Clone, Debug, Default)]
pub struct Jobs(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {}

/// Who wants a job, and how.
#[derive(Clone, Debug)]
pub struct Order {
    /// Who asked: `admin`, `schedule`, `job 0190...`.
    pub actor: String,
    /// Only one unfinished job per key: a second order joins the first. None: the request itself is the key.
    pub dedup_key: Option<String>,
    /// The caller's own id of the request (`Idempotency-Key`): the same id twice is one job, also after it has ended.
    pub operation_id: Option<String>,
    /// Higher goes first; 0 is ordinary.
    pub priority: i32,
    /// Not before this time; none means now.
    pub not_before: Option<Timestamp>,
}

impl Order {
    /// An ordinary order: now, deduplicated by the request itself.
    #[must_use]
    pub fn by(actor: impl Into<String>) -> Self {
        Self { actor: actor.into(), dedup_key: None, operation_id: None, priority: 0, not_before: None }
    }
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// The job.
    pub job: JobId,
    /// Whether an unfinished job was joined instead of a new one made.
    pub joined: bool,
}

/// Where a job stands, numbered so that a follower can resume.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Rises with every change of this job.
    pub number: u64,
    /// State.
    pub state: JobState,
    /// How far it is.
    pub progress: Progress,
}

/// Why the engine did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    /// No such job.
    #[error("there is no job {0}; list them with `patchwharf job list`")]
    Unknown(JobId),
    /// The job is in a state in which this makes no sense.
    #[error("job {job} is {state}: it cannot be {verb}")]
    WrongState {
        /// The job.
        job: JobId,
        /// Its state.
        state: JobState,
        /// `paused`, `resumed`, `cancelled`.
        verb: &'static str,
    },
    /// The database failed.
    #[error("cannot {attempt}")]
    Database {
        /// What was attempted.
        attempt: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Jobs {
    /// Orders a job, or joins an unfinished one of the same key (C-25: the same order twice is one effect).
    ///
    /// # Errors
    /// The database failed.
    pub async fn order(&self, request: JobRequest, order: Order) -> Result<Ordered, JobsError> {
        let _ = (&self.0, request, order);
        Err(JobsError::Unknown(JobId::new()))
    }

    /// Asks a job to end for good: a queued or paused one ends at once, a running one at its next step.
    ///
    /// # Errors
    /// No such job, it has ended, or the database failed.
    pub async fn cancel(&self, job: JobId, _actor: &str) -> Result<JobState, JobsError> {
        Err(JobsError::Unknown(job))
    }

    /// Asks a job to pause.
    ///
    /// # Errors
    /// No such job, it is not queued or running, or the database failed.
    pub async fn pause(&self, job: JobId, _actor: &str) -> Result<JobState, JobsError> {
        Err(JobsError::Unknown(job))
    }

    /// Puts a paused job back into the queue; it goes on where it stopped. Also wakes one that waits for its time.
    ///
    /// # Errors
    /// No such job, it has ended or runs, or the database failed.
    pub async fn resume(&self, job: JobId, _actor: &str) -> Result<JobState, JobsError> {
        Err(JobsError::Unknown(job))
    }

    /// Follows a job, wherever it runs: the newest snapshot at once, then every change; closed after the final one.
    ///
    /// # Errors
    /// No such job, or the database failed.
    pub async fn watch(&self, job: JobId) -> Result<watch::Receiver<Snapshot>, JobsError> {
        Err(JobsError::Unknown(job))
    }

    /// Looks for claimable jobs now.
    pub fn wake(&self) {}
}
