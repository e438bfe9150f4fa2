//! The queue of jobs, their leases, progress, items and history.

use std::collections::HashSet;

use jiff::Timestamp;
use patchwharf_model::{
    InstanceId, JobId,
    job::{JobKind, JobState, Progress, Report, ReportItem},
};

use crate::{
    Db, DbError, Page, Result, Write,
    page::Cursor,
    sql::{Cells, Column, IntoValue, Record, Text, args, json, record, rows},
};

const SHOW: &str = "SELECT * FROM job WHERE job_id = $1";

/// Queued and due, or running under a lease that has run out; the most urgent, then the oldest.
const CLAIM: &str = "UPDATE job SET state = 'running', lease_owner = $1, lease_until = $3, attempt = attempt + 1, \
     waiting_for = '', started_at = COALESCE(started_at, $2) WHERE job_id = (SELECT job_id FROM job \
     WHERE (state = 'queued' AND not_before <= $2) OR (state = 'running' AND lease_until < $2) \
     ORDER BY priority DESC, not_before, job_id LIMIT 1) RETURNING *";
/// On PostgreSQL claims run side by side: each skips the rows that another is just taking.
const CLAIM_SHARED: &str = "UPDATE job SET state = 'running', lease_owner = $1, lease_until = $3, attempt = attempt + 1, \
     waiting_for = '', started_at = COALESCE(started_at, $2) WHERE job_id = (SELECT job_id FROM job \
     WHERE (state = 'queued' AND not_before <= $2) OR (state = 'running' AND lease_until < $2) \
     ORDER BY priority DESC, not_before, job_id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *";

record!(
    struct Id {
        job_id: JobId,
    }
);
record!(
    struct Due {
        due: Option<Timestamp>,
    }
);
record!(
    struct Count {
        outcome: String,
        failed: bool,
        number: u64,
    }
);

struct Line(ReportItem);

impl Record for Line {
    fn read(row: &dyn Cells) -> Result<Self> {
        Ok(Self(ReportItem {
            item: String::read(row, "item")?,
            outcome: String::read(row, "outcome")?,
            failed: bool::read(row, "failed")?,
            reason: String::read(row, "reason")?,
        }))
    }
}

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
    const WHAT: &str = "put a job in the queue";
    const FIND: &str = "SELECT job_id FROM job WHERE operation_id = $1 \
         OR (dedup_key = $2 AND state IN ('queued', 'running', 'paused')) \
         ORDER BY CASE WHEN operation_id = $1 THEN 0 ELSE 1 END LIMIT 1";
    const INSERT: &str = "INSERT INTO job (job_id, kind, payload, priority, dedup_key, operation_id, state, \
         not_before, attempt, progress, actor, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, 0, $8, $9, $10) ON CONFLICT DO NOTHING";
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

/// Claims the next job in one statement: queued and due, or running with a lease that has run out.
///
/// # Errors
/// When the database fails.
pub async fn claim(db: &Db, owner: InstanceId, now: Timestamp, lease_until: Timestamp) -> Result<Option<Job>> {
    db.change("claim a job", if db.is_shared() { CLAIM_SHARED } else { CLAIM }, args![owner, now, lease_until]).await
}

/// When the next queued job becomes due, or the next lease runs out: how long a worker may sleep.
///
/// # Errors
/// When the database fails.
pub async fn next_due(db: &Db) -> Result<Option<Timestamp>> {
    const DUE: &str = "SELECT MIN(due) AS due FROM (SELECT MIN(not_before) AS due FROM job WHERE state = 'queued' \
         UNION ALL SELECT MIN(lease_until) AS due FROM job WHERE state = 'running') AS dues";
    Ok(db.first::<Due>("find the next job", DUE, args![]).await?.and_then(|row| row.due))
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
    const WHAT: &str = "put a job back in the queue";
    const REQUEUE: &str = "UPDATE job SET state = 'queued', not_before = $3, waiting_for = $4, lease_owner = NULL, \
         lease_until = NULL WHERE job_id = $1 AND lease_owner = $2 AND state = 'running'";
    let held = w.run(WHAT, REQUEUE, args![job, owner, not_before, waiting_for]).await? > 0;
    if held {
        free_locks(w, WHAT, &[job]).await?;
    }
    Ok(held)
}

/// Notes that a running job has stopped because a pause was asked. Frees its package locks. False: the lease was lost.
///
/// # Errors
/// When the database fails.
pub async fn paused(w: &mut Write<'_>, job: JobId, owner: InstanceId, progress: &Progress) -> Result<bool> {
    const WHAT: &str = "pause a job";
    const PAUSED: &str = "UPDATE job SET state = 'paused', pause_asked = 0, progress = $3, lease_owner = NULL, \
         lease_until = NULL WHERE job_id = $1 AND lease_owner = $2 AND state = 'running'";
    let held = w.run(WHAT, PAUSED, args![job, owner, json(progress)]).await? > 0;
    if held {
        free_locks(w, WHAT, &[job]).await?;
        w.audit("job.paused", format!("job {job}"), Some("running".into()), Some("paused".into()));
    }
    Ok(held)
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

/// Writes how things ended, in bulk; a thing that comes again replaces its line.
///
/// # Errors
/// When the database fails.
pub async fn put_items(w: &mut Write<'_>, job: JobId, items: &[ReportItem]) -> Result<()> {
    const WHAT: &str = "write the items of a job";
    const PUT: &str = "INSERT INTO job_item (job_id, item, outcome, failed, reason) \
         SELECT $1, CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS TEXT), CAST(value ->> 2 AS BIGINT), \
         CAST(value ->> 3 AS TEXT) FROM json_each($2) WHERE true ON CONFLICT (job_id, item) \
         DO UPDATE SET outcome = excluded.outcome, failed = excluded.failed, reason = excluded.reason";
    // One statement cannot change a row twice on PostgreSQL: the last line of a thing wins.
    let last: std::collections::BTreeMap<&str, &ReportItem> = items.iter().map(|i| (i.item.as_str(), i)).collect();
    let lines = last.values().map(|i| (&i.item, &i.outcome, i64::from(i.failed), &i.reason));
    w.run(WHAT, PUT, vec![job.into_value(), rows(WHAT, lines)?]).await?;
    Ok(())
}

/// The things of a job that have a line already and did not fail: what a resumed job need not do again.
///
/// # Errors
/// When the database fails.
pub async fn items_done(db: &Db, job: JobId) -> Result<HashSet<String>> {
    const DONE: &str = "SELECT item AS text FROM job_item WHERE job_id = $1 AND failed = 0";
    let rows = db.all::<Text>("read what a job has done", DONE, args![job]).await?;
    Ok(rows.into_iter().map(|row| row.text).collect())
}

/// Lines of a job: failures first, then by item; `limit` at a time. `cursor` as in lists.
///
/// # Errors
/// When the database fails.
pub async fn items(db: &Db, job: JobId, cursor: Option<&str>, limit: u32) -> Result<Page<ReportItem>> {
    const ITEMS: &str = "SELECT item, outcome, failed, reason FROM job_item WHERE job_id = $1 \
         AND (failed < $2 OR (failed = $2 AND item > $3)) ORDER BY failed DESC, item LIMIT $4";
    let after = cursor.map(Cursor::decode).transpose()?;
    let (failed, item) = match &after {
        None => (2, ""),
        Some(cursor) => (cursor.number()?, cursor.id.as_str()),
    };
    let limit = limit.clamp(1, 1000);
    let lines = db.all::<Line>("list the items of a job", ITEMS, args![job, failed, item, limit + 1]).await?;
    let lines = lines.into_iter().map(|l| l.0).collect();
    Ok(Page::cut(lines, limit, None, |l: &ReportItem| Cursor::of_number(i64::from(l.failed), &l.item)))
}

/// How many lines there are, by outcome: `(outcome, failed, count)`.
///
/// # Errors
/// When the database fails.
pub async fn item_counts(db: &Db, job: JobId) -> Result<Vec<(String, bool, u64)>> {
    const COUNTS: &str = "SELECT outcome, failed, COUNT(*) AS number FROM job_item WHERE job_id = $1 \
         GROUP BY outcome, failed ORDER BY outcome, failed";
    let rows = db.all::<Count>("count the items of a job", COUNTS, args![job]).await?;
    Ok(rows.into_iter().map(|row| (row.outcome, row.failed, row.number)).collect())
}

/// A page of jobs, newest first.
///
/// # Errors
/// `Refused` for a cursor that is none of ours.
pub async fn list(db: &Db, query: &JobQuery) -> Result<Page<Job>> {
    const LIST: &str = "SELECT * FROM job WHERE (created_at < $1 OR (created_at = $1 AND job_id < $2)) \
         AND ($3 = '' OR $3 LIKE '% ' || state || ' %') AND ($4 = '' OR $4 LIKE '% ' || kind || ' %') \
         ORDER BY created_at DESC, job_id DESC LIMIT $5";
    let words = |names: Vec<&str>| if names.is_empty() { String::new() } else { format!(" {} ", names.join(" ")) };
    let states = words(query.states.iter().map(|s| s.as_str()).collect());
    let kinds = words(query.kinds.iter().map(|k| k.as_str()).collect());
    let after = query.cursor.as_deref().map(Cursor::decode).transpose()?;
    let (at, id) = match &after {
        None => (i64::MAX, ""),
        Some(cursor) => (cursor.number()?, cursor.id.as_str()),
    };
    let limit = query.limit.clamp(1, 1000);
    let rows = db.all("list jobs", LIST, args![at, id, states, kinds, limit + 1]).await?;
    Ok(Page::cut(rows, limit, None, |job: &Job| Cursor::of_number(job.created_at.as_microsecond(), job.job_id)))
}

/// One job.
///
/// # Errors
/// `NotFound`.
pub async fn show(db: &Db, id: JobId) -> Result<Job> {
    db.first("show a job", SHOW, args![id]).await?.ok_or_else(|| DbError::not_found("job", id))
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
