//! The job engine: rows are claimed by lease, run by workers, watched, stopped, tried again.

mod context;
mod follow;
mod hold;
mod progress;
mod run;
mod settle;
mod stop;
mod worker;

use std::{
    collections::HashMap,
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use patchwharf_db::{
    Db, Result,
    jobs::{self as table, Ask, NewJob},
};
use patchwharf_model::{
    InstanceId, JobId, Timestamp,
    job::{JobRequest, JobState, Progress},
};
use tokio::sync::{Notify, watch};

pub use context::JobContext;
pub use progress::{FileHandle, ProgressHandle};
pub(crate) use run::panic_text;
pub use stop::{Stop, StopReason};

use crate::{
    access::By,
    clock::Clock,
    operations::{Ending, OperationError},
};

/// The jobs of this server's database. Clones share one engine.
#[derive(Clone)]
pub struct Jobs(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    instance: InstanceId,
    lease: Duration,
    /// Rung when there may be something to claim.
    bell: Notify,
    /// Rung when a job has left `running`.
    left: Notify,
    closing: AtomicBool,
    /// Why no job may run now.
    held: Mutex<Option<String>>,
    running: Mutex<HashMap<JobId, Stop>>,
    followers: Mutex<HashMap<JobId, watch::Sender<Snapshot>>>,
    next_number: AtomicU64,
}

/// What workers run: `operations::run`, or what a test puts in its place.
pub type Runner = Arc<dyn Fn(JobRequest, JobContext) -> Run + Send + Sync>;
/// A running operation.
pub type Run = Pin<Box<dyn Future<Output = std::result::Result<Ending, OperationError>> + Send>>;

/// Who wants a job, and how.
#[derive(Clone, Debug)]
pub struct Order {
    /// Who asked: `admin`, `system`.
    pub actor: String,
    /// From where: `api`, `schedule`, `job 0190...`.
    pub source: String,
    /// Only one unfinished job per key: a second order joins the first. None: the request itself is the key.
    pub dedup_key: Option<String>,
    /// The caller's own id of this order: the same id twice is one job, also after it has ended (C-25).
    pub operation_id: Option<String>,
    /// Higher goes first; 0 is ordinary.
    pub priority: i64,
    /// Not before this time; none means now.
    pub not_before: Option<Timestamp>,
}

impl Order {
    /// Who asks for what happens by the clock.
    pub const CLOCK: &str = "system";

    /// An ordinary order through the API: now, deduplicated by the request itself.
    #[must_use]
    pub fn by(actor: impl Into<String>) -> Self {
        let (actor, source) = (actor.into(), "api".to_owned());
        Self { actor, source, dedup_key: None, operation_id: None, priority: 0, not_before: None }
    }

    /// The same from somewhere else: `schedule`, `job 0190...`.
    #[must_use]
    pub fn from(self, source: impl Into<String>) -> Self {
        Self { source: source.into(), ..self }
    }
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// The job.
    pub job: JobId,
    /// Whether a job that was there already was joined instead of a new one made.
    pub joined: bool,
}

/// Where a job stands, numbered so that a follower can resume.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Rises with every snapshot of this server, also over a restart.
    pub number: u64,
    /// State.
    pub state: JobState,
    /// How far it is.
    pub progress: Progress,
}

impl Jobs {
    /// An engine without workers yet: [`Jobs::start_workers`] adds them.
    #[must_use]
    pub fn new(db: Db, clock: Clock, instance: InstanceId, lease: Duration) -> Self {
        let started = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or_default();
        Self(Arc::new(Inner {
            db,
            clock,
            instance,
            lease,
            bell: Notify::new(),
            left: Notify::new(),
            closing: AtomicBool::new(false),
            held: Mutex::default(),
            running: Mutex::default(),
            followers: Mutex::default(),
            next_number: AtomicU64::new(started),
        }))
    }

    /// Orders a job, or joins an unfinished one of the same key (C-25: the same order twice is one effect).
    ///
    /// # Errors
    /// The database failed.
    pub async fn order(&self, request: JobRequest, order: Order) -> Result<Ordered> {
        let mut write = self.0.db.write(&order.actor, &order.source, self.0.clock.now()).await?;
        let ordered = self.order_in(&mut write, &request, &order).await?;
        write.commit().await?;
        self.wake();
        Ok(ordered)
    }

    /// Orders a job within a transaction of the caller, who calls [`Jobs::wake`] after its commit.
    ///
    /// # Errors
    /// The database failed.
    pub async fn order_in(
        &self,
        write: &mut patchwharf_db::Write<'_>,
        request: &JobRequest,
        order: &Order,
    ) -> Result<Ordered> {
        // The payload is plain data: its serialization cannot fail.
        let payload = serde_json::to_string(request).unwrap_or_default();
        let only_on = request.is_local().then_some(self.0.instance);
        let by_content = || {
            let server = only_on.map_or_else(String::new, |server| format!(" on {server}"));
            format!("{}:{}{server}", request.kind(), patchwharf_trust::sha256(payload.as_bytes()))
        };
        let new = NewJob {
            kind: request.kind(),
            dedup_key: Some(order.dedup_key.clone().unwrap_or_else(by_content)),
            operation_id: order.operation_id.clone(),
            priority: order.priority,
            not_before: order.not_before,
            only_on,
            payload,
        };
        let enqueued = table::enqueue(write, &new).await?;
        Ok(Ordered { job: enqueued.job_id, joined: enqueued.existing })
    }

    /// Asks a job to end for good: a queued or paused one ends at once, a running one at its next step.
    ///
    /// # Errors
    /// No such job, it has ended, or the database failed.
    pub async fn cancel(&self, job: JobId, by: impl Into<By>) -> Result<JobState> {
        self.ask(job, Ask::Cancel, Some(StopReason::Cancelled), by.into()).await
    }

    /// Asks a job to pause.
    ///
    /// # Errors
    /// No such job, it is not queued or running, or the database failed.
    pub async fn pause(&self, job: JobId, by: impl Into<By>) -> Result<JobState> {
        self.ask(job, Ask::Pause, Some(StopReason::Paused), by.into()).await
    }

    /// Puts a paused job back into the queue; it goes on where it stopped.
    ///
    /// # Errors
    /// No such job, it has ended or runs, or the database failed.
    pub async fn resume(&self, job: JobId, by: impl Into<By>) -> Result<JobState> {
        self.ask(job, Ask::Resume, None, by.into()).await
    }

    async fn ask(&self, job: JobId, ask: Ask, stop: Option<StopReason>, by: By) -> Result<JobState> {
        let mut write = self.0.db.write(&by.actor, &by.source, self.0.clock.now()).await?;
        let now = table::ask(&mut write, job, ask).await?;
        write.commit().await?;
        if let (Some(reason), Some(running)) = (stop, self.running().get(&job)) {
            running.ask(reason);
        }
        self.wake();
        Ok(now.state)
    }

    /// Looks for claimable jobs now.
    pub fn wake(&self) {
        self.0.bell.notify_waiters();
    }

    /// How many jobs run here now.
    #[must_use]
    pub fn running_count(&self) -> usize {
        self.running().len()
    }

    fn running(&self) -> MutexGuard<'_, HashMap<JobId, Stop>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_number(&self) -> u64 {
        self.0.next_number.fetch_add(1, Ordering::Relaxed)
    }

    fn is_closing(&self) -> bool {
        self.0.closing.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").field("instance", &self.0.instance).finish_non_exhaustive()
    }
}
