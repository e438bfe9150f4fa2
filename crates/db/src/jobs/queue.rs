//! Into the queue, and what an administrator asks of a job.

use jiff::Timestamp;
use patchwharf_model::{
    InstanceId, JobId,
    job::{JobKind, Progress, Report},
};

use super::read::SHOW;
use super::{Id, Job};
use crate::{
    DbError, Result, Write,
    sql::{args, json},
};

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
    /// The only server that may claim it; none: any.
    pub only_on: Option<InstanceId>,
}

/// What became of a [`NewJob`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The job.
    pub job_id: JobId,
    /// True: it was there already (same dedup key or operation id).
    pub existing: bool,
}

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

/// Puts a job in the queue, or finds the one that is there. The actor is that of the transaction.
///
/// # Errors
/// When the database fails.
pub async fn enqueue(w: &mut Write<'_>, new: &NewJob) -> Result<Enqueued> {
    const WHAT: &str = "put a job in the queue";
    const FIND: &str = "SELECT job_id FROM job WHERE operation_id = $1 \
         OR (dedup_key = $2 AND state IN ('queued', 'running', 'paused')) \
         ORDER BY CASE WHEN operation_id = $1 THEN 0 ELSE 1 END LIMIT 1";
    const INSERT: &str = "INSERT INTO job (job_id, kind, payload, priority, dedup_key, operation_id, state, \
         not_before, attempt, progress, actor, created_at, only_on) \
         VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, 0, $8, $9, $10, $11) ON CONFLICT DO NOTHING";
    let (now, actor) = (w.now(), w.actor().to_owned());
    let same = |new: &NewJob| args![new.operation_id.as_deref(), new.dedup_key.as_deref()];
    let id = JobId::new();
    let values = args![
        id,
        new.kind,
        &new.payload,
        new.priority,
        new.dedup_key.as_deref(),
        new.operation_id.as_deref(),
        new.not_before.unwrap_or(now),
        json(&Progress::default()),
        actor,
        now,
        new.only_on,
    ];
    // The second round is for a twin of another server that ended between our two statements.
    for _ in 0..3 {
        if let Some(found) = w.first::<Id>(WHAT, FIND, same(new)).await? {
            return Ok(Enqueued { job_id: found.job_id, existing: true });
        }
        if w.run(WHAT, INSERT, values.clone()).await? > 0 {
            w.audit("job.create", format!("job {id}"), None, Some(format!("{} {}", new.kind, new.payload)));
            return Ok(Enqueued { job_id: id, existing: false });
        }
    }
    Err(DbError::Refused(format!("a job like {} came and went at the same moment: try again", new.kind)))
}

/// Asks a job to cancel, pause or go on. What is queued or paused changes at once; what runs is told when it renews.
/// Audited. Returns the job as it is now.
///
/// # Errors
/// `NotFound`; `Refused` when the job has ended.
pub async fn ask(w: &mut Write<'_>, job: JobId, ask: Ask) -> Result<Job> {
    const WHAT: &str = "ask a job to change";
    const CANCEL: &str = "UPDATE job SET cancel_asked = 1, \
         ended_at = CASE WHEN state = 'running' THEN ended_at ELSE $2 END, \
         report = CASE WHEN state = 'running' THEN report ELSE $3 END, \
         state = CASE WHEN state = 'running' THEN state ELSE 'cancelled' END \
         WHERE job_id = $1 AND state IN ('queued', 'running', 'paused')";
    const PAUSE: &str = "UPDATE job SET pause_asked = CASE WHEN state = 'running' THEN 1 ELSE 0 END, \
         state = CASE WHEN state = 'queued' THEN 'paused' ELSE state END \
         WHERE job_id = $1 AND state IN ('queued', 'running', 'paused')";
    const RESUME: &str = "UPDATE job SET pause_asked = 0, \
         not_before = CASE WHEN state = 'running' THEN not_before ELSE $2 END, \
         state = CASE WHEN state = 'paused' THEN 'queued' ELSE state END \
         WHERE job_id = $1 AND state IN ('queued', 'running', 'paused')";
    let before = w.first::<Job>(WHAT, SHOW, args![job]).await?.ok_or_else(|| DbError::not_found("job", job))?;
    let now = w.now();
    let (name, changed) = match ask {
        Ask::Cancel => {
            let report = Report { summary: format!("cancelled by {} before it ran", w.actor()), ..Report::default() };
            ("job.cancel", w.run(WHAT, CANCEL, args![job, now, json(&report)]).await?)
        }
        Ask::Pause => ("job.pause", w.run(WHAT, PAUSE, args![job]).await?),
        Ask::Resume => ("job.resume", w.run(WHAT, RESUME, args![job, now]).await?),
    };
    if changed == 0 {
        return Err(DbError::Refused(format!("job {job} has ended ({})", before.state)));
    }
    let after = w.first::<Job>(WHAT, SHOW, args![job]).await?.ok_or_else(|| DbError::not_found("job", job))?;
    w.audit(name, format!("job {job}"), Some(before.state.to_string()), Some(after.state.to_string()));
    Ok(after)
}

/// Deletes jobs that ended before a time, but keeps the newest `keep`. Returns how many went.
///
/// # Errors
/// When the database fails.
pub async fn prune(w: &mut Write<'_>, ended_before: Timestamp, keep: u32) -> Result<u64> {
    const PRUNE: &str = "DELETE FROM job WHERE ended_at < $1 AND job_id NOT IN \
         (SELECT job_id FROM job WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT $2)";
    w.run("delete old jobs", PRUNE, args![ended_before, keep]).await
}
