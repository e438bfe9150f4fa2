//! From rows to wire types.

use patchwharf_db::jobs;
use patchwharf_model::{
    api::{Job, JobDetail},
    job::{JobRequest, Report},
};

use crate::api::{ApiError, ApiResult};

pub(in crate::api) fn job(row: jobs::Job) -> Job {
    Job {
        id: row.job_id,
        kind: row.kind,
        state: row.state,
        waiting_for: row.waiting_for,
        attempt: row.attempt,
        cancel_asked: row.cancel_asked,
        pause_asked: row.pause_asked,
        progress: row.progress,
        summary: row.report.map(|report| report.summary).unwrap_or_default(),
        actor: row.actor,
        created_at: row.created_at,
        not_before: row.not_before,
        started_at: row.started_at,
        ended_at: row.ended_at,
    }
}

pub(in crate::api) fn detail(row: jobs::Job) -> ApiResult<JobDetail> {
    let request: JobRequest = serde_json::from_str(&row.payload).map_err(ApiError::internal)?;
    let report: Option<Report> = row.report.clone();
    Ok(JobDetail { job: job(row), request, report })
}
