//! Pause, resume, cancel: for whoever may start a job of that kind.

use axum::{Json, extract::State};
use patchwharf_model::{JobId, api::Job};

use super::view;
use crate::{
    access::{Principal, rules},
    api::{ApiResult, Shared, auth::must_have, extract::Path},
    app::App,
};

/// Asks a job to stop for now; it goes on where it stopped when it is resumed.
#[utoipa::path(post, path = "/jobs/{job}/pause", tag = "jobs", params(("job" = JobId, Path)), responses((status = 200, body = Job)))]
pub(super) async fn pause(State(app): Shared, who: Principal, Path(job): Path<JobId>) -> ApiResult<Json<Job>> {
    may(&app, &who, job).await?;
    app.jobs.pause(job, &who).await?;
    now(&app, job).await
}

/// Lets a paused job go on; also wakes one that waits for its time.
#[utoipa::path(post, path = "/jobs/{job}/resume", tag = "jobs", params(("job" = JobId, Path)), responses((status = 200, body = Job)))]
pub(super) async fn resume(State(app): Shared, who: Principal, Path(job): Path<JobId>) -> ApiResult<Json<Job>> {
    may(&app, &who, job).await?;
    app.jobs.resume(job, &who).await?;
    now(&app, job).await
}

/// Asks a job to end for good.
#[utoipa::path(post, path = "/jobs/{job}/cancel", tag = "jobs", params(("job" = JobId, Path)), responses((status = 200, body = Job)))]
pub(super) async fn cancel(State(app): Shared, who: Principal, Path(job): Path<JobId>) -> ApiResult<Json<Job>> {
    may(&app, &who, job).await?;
    app.jobs.cancel(job, &who).await?;
    now(&app, job).await
}

/// Who may start a job may stop it: a backup or a relocation is no operator's.
async fn may(app: &App, who: &Principal, job: JobId) -> ApiResult<()> {
    let kind = patchwharf_db::jobs::show(&app.db, job).await?.kind;
    must_have(who, rules::of_job(kind))
}

async fn now(app: &App, job: JobId) -> ApiResult<Json<Job>> {
    Ok(Json(view::job(app, patchwharf_db::jobs::show(&app.db, job).await?)))
}
