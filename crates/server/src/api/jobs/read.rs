//! List and show.

use axum::{Json, extract::State};
use patchwharf_db::jobs;
use patchwharf_model::{
    JobId,
    api::{Code, Job, JobDetail, JobQuery, Page},
};

use super::view;
use crate::api::{
    ApiResult, Shared,
    extract::{Path, Query},
    page,
};

/// Jobs, newest first.
#[utoipa::path(get, path = "/jobs", tag = "jobs", params(JobQuery), responses((status = 200, body = Page<Job>)))]
pub(crate) async fn list(State(app): Shared, Query(query): Query<JobQuery>) -> ApiResult<Json<Page<Job>>> {
    let query = jobs::JobQuery {
        states: query.state.0,
        kinds: query.kind.0,
        cursor: query.cursor,
        limit: page::limit(query.limit)?,
    };
    let rows =
        jobs::list(&app.db, &query).await.map_err(|e| crate::api::ApiError::from(e).refused_as(Code::InvalidQuery))?;
    Ok(Json(page::page(rows, |row| view::job(&app, row))))
}

/// A job with its report.
#[utoipa::path(get, path = "/jobs/{job}", tag = "jobs", params(("job" = JobId, Path)), responses((status = 200, body = JobDetail)))]
pub(crate) async fn show(State(app): Shared, Path(job): Path<JobId>) -> ApiResult<Json<JobDetail>> {
    Ok(Json(view::detail(&app, jobs::show(&app.db, job).await?)))
}
