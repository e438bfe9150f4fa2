//! From rows to wire types.

use patchwharf_db::jobs;
use patchwharf_model::{
    api::{Job, JobDetail},
    job::{JobRequest, JobState, Report},
};

use crate::app::App;

pub(in crate::api) fn job(app: &App, row: jobs::Job) -> Job {
    Job {
        waiting_for: waiting_for(app, row.state, row.waiting_for),
        id: row.job_id,
        kind: row.kind,
        state: row.state,
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

/// What a queued job waits for: what holds all jobs of this server, else what it said itself.
pub(super) fn waiting_for(app: &App, state: JobState, own: String) -> String {
    match app.jobs.held() {
        Some(reason) if state == JobState::Queued => reason,
        _ => own,
    }
}

pub(in crate::api) fn detail(app: &App, row: jobs::Job) -> JobDetail {
    // The report of a job outlives the version that ran it.
    let request: Option<JobRequest> = serde_json::from_str(&row.payload).ok();
    let report: Option<Report> = row.report.clone();
    JobDetail { job: job(app, row), request, report }
}
