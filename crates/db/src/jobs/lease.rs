//! Claims and leases: who runs a job, and until when.

use jiff::Timestamp;
use patchwharf_model::{
    InstanceId, JobId,
    job::{JobState, Progress, Report},
};

use super::{Id, Job};
use crate::{
    Db, Result, Write,
    sql::{args, json, record, rows},
};

/// Queued and due, or running under a lease that has run out, and not for another server alone; the most urgent, then the
/// oldest.
const CLAIM: &str = "UPDATE job SET state = 'running', lease_owner = $1, lease_until = $3, attempt = attempt + 1, \
     waiting_for = '', started_at = COALESCE(started_at, $2) WHERE job_id = (SELECT job_id FROM job \
     WHERE (only_on IS NULL OR only_on = $1) \
     AND ((state = 'queued' AND not_before <= $2) OR (state = 'running' AND lease_until < $2)) \
     ORDER BY priority DESC, not_before, job_id LIMIT 1) RETURNING *";

/// On PostgreSQL claims run side by side: each skips the rows that another is just taking.
const CLAIM_SHARED: &str = "UPDATE job SET state = 'running', lease_owner = $1, lease_until = $3, attempt = attempt + 1, \
     waiting_for = '', started_at = COALESCE(started_at, $2) WHERE job_id = (SELECT job_id FROM job \
     WHERE (only_on IS NULL OR only_on = $1) \
     AND ((state = 'queued' AND not_before <= $2) OR (state = 'running' AND lease_until < $2)) \
     ORDER BY priority DESC, not_before, job_id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *";

record!(
    struct Due {
        due: Option<Timestamp>,
    }
);

/// Frees the package locks of jobs that hold no lease any more.
async fn free_locks(w: &mut Write<'_>, what: &'static str, jobs: &[JobId]) -> Result<()> {
    const FREE: &str = "UPDATE package SET lock_job = NULL, lock_until = NULL \
         WHERE lock_job IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1))";
    if !jobs.is_empty() {
        w.run(what, FREE, vec![rows(what, jobs.iter().map(|id| (id,)))?]).await?;
    }
    Ok(())
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

/// Claims the next job in one statement: queued and due, or running with a lease that has run out.
///
/// # Errors
/// When the database fails.
pub async fn claim(db: &Db, owner: InstanceId, now: Timestamp, lease_until: Timestamp) -> Result<Option<Job>> {
    db.change("claim a job", if db.is_shared() { CLAIM_SHARED } else { CLAIM }, args![owner, now, lease_until]).await
}

/// When the next job that this server may claim becomes due, or its lease runs out: how long a worker may sleep.
///
/// # Errors
/// When the database fails.
pub async fn next_due(db: &Db, owner: InstanceId) -> Result<Option<Timestamp>> {
    const DUE: &str = "SELECT MIN(due) AS due FROM (SELECT MIN(not_before) AS due FROM job WHERE state = 'queued' \
         AND (only_on IS NULL OR only_on = $1) UNION ALL SELECT MIN(lease_until) AS due FROM job \
         WHERE state = 'running' AND (only_on IS NULL OR only_on = $1)) AS dues";
    Ok(db.first::<Due>("find the next job", DUE, args![owner]).await?.and_then(|row| row.due))
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
    const RENEW: &str = "UPDATE job SET lease_until = $3, progress = $4 \
         WHERE job_id = $1 AND lease_owner = $2 AND state = 'running' RETURNING cancel_asked, pause_asked";
    db.change("renew the lease of a job", RENEW, args![job, owner, lease_until, json(progress)]).await
}

/// At start: takes back what this instance held when it died; the jobs are queued again. Returns them.
///
/// # Errors
/// When the database fails.
pub async fn take_back(w: &mut Write<'_>, owner: InstanceId) -> Result<Vec<JobId>> {
    const WHAT: &str = "take back the jobs of this server";
    const TAKE: &str = "UPDATE job SET state = 'queued', lease_owner = NULL, lease_until = NULL \
         WHERE lease_owner = $1 AND state = 'running' RETURNING job_id";
    let ids: Vec<JobId> = w.all::<Id>(WHAT, TAKE, args![owner]).await?.into_iter().map(|row| row.job_id).collect();
    for id in &ids {
        w.audit("job.take-back", format!("job {id}"), Some("running".into()), Some("queued".into()));
    }
    free_locks(w, WHAT, &ids).await?;
    Ok(ids)
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
    const WHAT: &str = "end a job";
    const FINISH: &str = "UPDATE job SET state = $3, report = $4, progress = $5, ended_at = $6, lease_owner = NULL, \
         lease_until = NULL, waiting_for = '' WHERE job_id = $1 AND lease_owner = $2 AND state = 'running'";
    let values = args![job, owner, state, json(report), json(progress), w.now()];
    if w.run(WHAT, FINISH, values).await? == 0 {
        return Ok(false);
    }
    free_locks(w, WHAT, &[job]).await?;
    w.audit("job.end", format!("job {job}"), Some("running".into()), Some(format!("{state}: {}", report.summary)));
    Ok(true)
}

/// Puts a running job back in the queue until `not_before`, and says what it waits for and how far it is. Frees its package
/// locks.
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
    progress: &Progress,
) -> Result<bool> {
    const WHAT: &str = "put a job back in the queue";
    const REQUEUE: &str = "UPDATE job SET state = 'queued', not_before = $3, waiting_for = $4, progress = $5, \
         lease_owner = NULL, lease_until = NULL WHERE job_id = $1 AND lease_owner = $2 AND state = 'running'";
    let held = w.run(WHAT, REQUEUE, args![job, owner, not_before, waiting_for, json(progress)]).await? > 0;
    if held {
        free_locks(w, WHAT, &[job]).await?;
    }
    Ok(held)
}

/// Notes that a running job has stopped because a pause was asked. Frees its package locks. False: the lease was lost, or
/// the pause was taken back (see [`is_resumed`]).
///
/// # Errors
/// When the database fails.
pub async fn paused(w: &mut Write<'_>, job: JobId, owner: InstanceId, progress: &Progress) -> Result<bool> {
    const WHAT: &str = "pause a job";
    const PAUSED: &str = "UPDATE job SET state = 'paused', pause_asked = 0, progress = $3, lease_owner = NULL, \
         lease_until = NULL WHERE job_id = $1 AND lease_owner = $2 AND state = 'running' AND pause_asked = 1";
    let held = w.run(WHAT, PAUSED, args![job, owner, json(progress)]).await? > 0;
    if held {
        free_locks(w, WHAT, &[job]).await?;
        w.audit("job.paused", format!("job {job}"), Some("running".into()), Some("paused".into()));
    }
    Ok(held)
}

/// Whether a job that has stopped for a pause is to go on at once: it is still ours, and the pause was taken back.
///
/// # Errors
/// When the database fails.
pub async fn is_resumed(w: &mut Write<'_>, job: JobId, owner: InstanceId) -> Result<bool> {
    const RESUMED: &str = "SELECT job_id AS text FROM job WHERE job_id = $1 AND lease_owner = $2 AND state = 'running' \
         AND pause_asked = 0 AND cancel_asked = 0";
    let found: Option<crate::sql::Text> =
        w.first("look whether a pause was taken back", RESUMED, args![job, owner]).await?;
    Ok(found.is_some())
}
