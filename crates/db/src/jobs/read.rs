//! Lists of jobs.

use jiff::Timestamp;
use patchwharf_model::{
    JobId,
    job::{JobKind, JobState},
};

use super::{Job, UnderWay};
use crate::{Db, DbError, Page, Result, page::Cursor, sql::args};

pub(super) const SHOW: &str = "SELECT * FROM job WHERE job_id = $1";

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

/// Jobs that have not ended, at most `limit` of each state: what runs, what is paused, what waits, each in the order in which it
/// is claimed.
///
/// # Errors
/// When the database fails.
pub async fn under_way(db: &Db, limit: u32) -> Result<Vec<UnderWay>> {
    let mut jobs = Vec::new();
    for state in [JobState::Running, JobState::Paused, JobState::Queued] {
        jobs.extend(db.all("find the jobs that are under way", UNDER_WAY, args![state, limit]).await?);
    }
    Ok(jobs)
}

const UNDER_WAY: &str = "SELECT job_id, kind, state, payload, progress FROM job WHERE state = $1 \
     ORDER BY priority DESC, not_before LIMIT $2";

/// Jobs that failed after a time, oldest first; of those that ended right then, those after a job.
///
/// # Errors
/// When the database fails.
pub async fn failed_since(db: &Db, after: Timestamp, job: Option<JobId>, limit: u32) -> Result<Vec<Job>> {
    const FAILED: &str = "SELECT * FROM job WHERE ended_at >= $1 AND (ended_at > $1 OR ($2 <> '' AND job_id > $2)) \
         AND state || '' = 'failed' ORDER BY ended_at, job_id LIMIT $3";
    let job = job.map_or_else(String::new, |job| job.to_string());
    db.all("find jobs that failed", FAILED, args![after, job, limit]).await
}

/// One job.
///
/// # Errors
/// `NotFound`.
pub async fn show(db: &Db, id: JobId) -> Result<Job> {
    db.first("show a job", SHOW, args![id]).await?.ok_or_else(|| DbError::not_found("job", id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connection::Sql, plan};

    #[tokio::test]
    async fn what_is_under_way_is_found_by_the_index_of_claims_and_not_sorted() {
        let (db, _folder) = plan::database().await;
        let explain = Sql::Built(format!("EXPLAIN QUERY PLAN {UNDER_WAY}"));
        let steps = plan::steps(&db, explain, args![JobState::Queued, 50_u32]).await;
        assert_eq!(steps, ["SEARCH job USING INDEX job_claim (state=?)"]);
    }
}
