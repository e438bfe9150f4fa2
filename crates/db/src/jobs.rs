//! The queue of jobs, their leases, progress, items and history.

use std::collections::HashSet;

use jiff::Timestamp;
use patchwharf_model::{
    InstanceId, JobId,
    job::{JobKind, JobState, Progress, Report, ReportItem},
};

use crate::{Db, Page, Result, Write, sql::record};

record!(
    /// A job.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Job {
        /// Its id.
        pub job_id: JobId,
        /// What it does.
        pub kind: JobKind,
        /// JSON, closed schema per kind.
        pub payload: String,
        /// Higher goes first.
        pub priority: i64,
        /// One unfinished job per key.
        pub dedup_key: Option<String>,
        /// The caller's own id of the request, if it gave one: the same id twice is one job.
        pub operation_id: Option<String>,
        /// Where it stands.
        pub state: JobState,
        /// Not claimed before this.
        pub not_before: Timestamp,
        /// Queued again: what it waits for.
        pub waiting_for: String,
        /// How often it was claimed.
        pub attempt: u32,
        /// The instance that runs it.
        pub lease_owner: Option<InstanceId>,
        /// Until when, if it is not renewed.
        pub lease_until: Option<Timestamp>,
        /// Somebody asked to cancel it.
        pub cancel_asked: bool,
        /// Somebody asked to pause it.
        pub pause_asked: bool,
        /// How far it has come.
        pub progress: Progress,
        /// What it left behind when it ended.
        pub report: Option<Report>,
        /// Who asked for it.
        pub actor: String,
        /// When.
        pub created_at: Timestamp,
        /// When it was first claimed.
        pub started_at: Option<Timestamp>,
        /// When it ended.
        pub ended_at: Option<Timestamp>,
    }
);

/// A job to put in the queue.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// What it does.
    pub kind: JobKind,
    /// JSON.
    pub payload: String,
    /// Higher goes first; 0 is usual.
    pub priority: i64,
    /// One unfinished job per key.
    pub dedup_key: Option<String>,
    /// The caller's own id of the request: the same id twice is one job, also after it has ended.
    pub operation_id: Option<String>,
    /// Not claimed before this; none: at once.
    pub not_before: Option<Timestamp>,
}

/// What became of a [`NewJob`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The job.
    pub job_id: JobId,
    /// True: it was there already (same dedup key or operation id).
    pub existing: bool,
}

record!(
    /// What a lease holder learns when it renews.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Asked {
        /// Stop and end as cancelled.
        pub cancel_asked: bool,
        /// Stop and pause.
        pub pause_asked: bool,
    }
);

/// What an administrator may ask of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// End it.
    Cancel,
    /// Stop it for now.
    Pause,
    /// Go on with a paused one.
    Resume,
}

/// Which jobs. Empty: all.
#[derive(Clone, Debug, Default)]
pub struct JobQuery {
    /// One of these states.
    pub states: Vec<JobState>,
    /// One of these kinds.
    pub kinds: Vec<JobKind>,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// Rows per page, 1 to 1000.
    pub limit: u32,
}

/// Puts a job in the queue, or finds the one that is there. The actor is that of the transaction.
///
/// # Errors
/// When the database fails.
pub async fn enqueue(w: &mut Write<'_>, new: &NewJob) -> Result<Enqueued> {
    let _ = (w, new);
    todo!()
}

/// Claims the next job in one statement: queued and due, or running with a lease that has run out.
///
/// # Errors
/// When the database fails.
pub async fn claim(db: &Db, owner: InstanceId, now: Timestamp, lease_until: Timestamp) -> Result<Option<Job>> {
    let _ = (db, owner, now, lease_until);
    todo!()
}

/// When the next queued job becomes due, or the next lease runs out: how long a worker may sleep.
///
/// # Errors
/// When the database fails.
pub async fn next_due(db: &Db) -> Result<Option<Timestamp>> {
    let _ = db;
    todo!()
}

/// Renews a lease, writes progress, and learns what was asked, in one statement. None: the lease is lost, stop.
///
/// # Errors
/// When the database fails.
pub async fn renew(
    db: &Db,
    job: JobId,
    owner: InstanceId,
    lease_until: Timestamp,
    progress: &Progress,
) -> Result<Option<Asked>> {
    let _ = (db, job, owner, lease_until, progress);
    todo!()
}

/// At start: takes back what this instance held when it died; the jobs are queued again. Returns them.
///
/// # Errors
/// When the database fails.
pub async fn take_back(w: &mut Write<'_>, owner: InstanceId) -> Result<Vec<JobId>> {
    let _ = (w, owner);
    todo!()
}

/// Ends a job (`Done`, `Failed`, `Cancelled`) with its report, and frees its package locks. False: the lease was lost
/// and nothing was written.
///
/// # Errors
/// When the database fails.
pub async fn finish(
    w: &mut Write<'_>,
    job: JobId,
    owner: InstanceId,
    state: JobState,
    report: &Report,
    progress: &Progress,
) -> Result<bool> {
    let _ = (w, job, owner, state, report, progress);
    todo!()
}

/// Puts a running job back in the queue until `not_before`, and says what it waits for. Frees its package locks.
/// False: the lease was lost.
///
/// # Errors
/// When the database fails.
pub async fn requeue(
    w: &mut Write<'_>,
    job: JobId,
    owner: InstanceId,
    not_before: Timestamp,
    waiting_for: &str,
) -> Result<bool> {
    let _ = (w, job, owner, not_before, waiting_for);
    todo!()
}

/// Notes that a running job has stopped because a pause was asked. Frees its package locks. False: the lease was lost.
///
/// # Errors
/// When the database fails.
pub async fn paused(w: &mut Write<'_>, job: JobId, owner: InstanceId, progress: &Progress) -> Result<bool> {
    let _ = (w, job, owner, progress);
    todo!()
}

/// Asks a job to cancel, pause or go on. What is queued or paused changes at once; what runs is told when it renews.
/// Audited. Returns the job as it is now.
///
/// # Errors
/// `NotFound`; `Refused` when the job has ended.
pub async fn ask(w: &mut Write<'_>, job: JobId, ask: Ask) -> Result<Job> {
    let _ = (w, job, ask);
    todo!()
}

/// Writes how things ended, in bulk; a thing that comes again replaces its line.
///
/// # Errors
/// When the database fails.
pub async fn put_items(w: &mut Write<'_>, job: JobId, items: &[ReportItem]) -> Result<()> {
    let _ = (w, job, items);
    todo!()
}

/// The things of a job that have a line already and did not fail: what a resumed job need not do again.
///
/// # Errors
/// When the database fails.
pub async fn items_done(db: &Db, job: JobId) -> Result<HashSet<String>> {
    let _ = (db, job);
    todo!()
}

/// Lines of a job: failures first, then by item; `limit` at a time. `cursor` as in lists.
///
/// # Errors
/// When the database fails.
pub async fn items(db: &Db, job: JobId, cursor: Option<&str>, limit: u32) -> Result<Page<ReportItem>> {
    let _ = (db, job, cursor, limit);
    todo!()
}

/// How many lines there are, by outcome: `(outcome, failed, count)`.
///
/// # Errors
/// When the database fails.
pub async fn item_counts(db: &Db, job: JobId) -> Result<Vec<(String, bool, u64)>> {
    let _ = (db, job);
    todo!()
}

/// A page of jobs, newest first.
///
/// # Errors
/// `Refused` for a cursor that is none of ours.
pub async fn list(db: &Db, query: &JobQuery) -> Result<Page<Job>> {
    let _ = (db, query);
    todo!()
}

/// One job.
///
/// # Errors
/// `NotFound`.
pub async fn show(db: &Db, id: JobId) -> Result<Job> {
    let _ = (db, id);
    todo!()
}

/// Deletes jobs that ended before a time, but keeps the newest `keep`. Returns how many went.
///
/// # Errors
/// When the database fails.
pub async fn prune(w: &mut Write<'_>, ended_before: Timestamp, keep: u32) -> Result<u64> {
    let _ = (w, ended_before, keep);
    todo!()
}
