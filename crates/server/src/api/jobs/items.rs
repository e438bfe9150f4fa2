//! All lines of a job's report: by pages, or all at once as JSON or CSV. The report itself has the first ones only.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use patchwharf_db::jobs;
use patchwharf_model::{
    JobId,
    api::{Code, JobItemQuery},
    job::ReportItem,
};

use crate::{
    access::{Export, Principal},
    api::{
        ApiError, ApiResult, Shared,
        export::{self, Listed},
        extract::{Path, Query},
        page,
    },
    csv,
};

/// All lines of a job's report, failures first: a page, or with `format` everything, streamed. The report itself has the first
/// ones only.
#[utoipa::path(get, path = "/jobs/{job}/items", tag = "jobs", params(("job" = JobId, Path), JobItemQuery),
    responses((status = 200, description = "A page; with `format=json` all lines as an array, with `format=csv` all as CSV", content(
        (Listed<ReportItem> = "application/json"),
        (String = "text/csv"),
    ))))]
pub(super) async fn items(
    State(app): Shared,
    who: Principal,
    Path(job): Path<JobId>,
    Query(query): Query<JobItemQuery>,
) -> ApiResult<Response> {
    jobs::show(&app.db, job).await?;
    let JobItemQuery { outcome, format, cursor, limit } = query;
    let Some(format) = format else {
        let rows = jobs::items(&app.db, job, outcome.as_deref(), cursor.as_deref(), page::limit(limit)?)
            .await
            .map_err(|error| ApiError::from(error).refused_as(Code::InvalidQuery))?;
        return Ok(Json(page::page(rows, |item| item)).into_response());
    };
    let written = export::Written { name: format!("job-{job}"), format, heading, line };
    Ok(export::stream(Export::begin(&app.reads, &who)?, written, move |cursor| {
        let (app, outcome) = (Arc::clone(&app), outcome.clone());
        async move { jobs::items(&app.db, job, outcome.as_deref(), cursor.as_deref(), export::PIECE).await }
    }))
}

fn heading() -> String {
    let mut text = String::new();
    csv::record(&mut text, ["item", "outcome", "failed", "reason"]);
    text
}

fn line(text: &mut String, item: &ReportItem) {
    let failed = if item.failed { "yes" } else { "no" };
    csv::record(text, [item.item.as_str(), &item.outcome, failed, &item.reason]);
}
