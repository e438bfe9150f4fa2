//! What an integrity check has found: by pages, or all at once as JSON or CSV.

mod csv;

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use patchwharf_db::findings;
use patchwharf_model::{
    JobId,
    api::{Code, ExportFormat, Finding, FindingQuery, Page},
};

use crate::{
    access::{Export, Principal},
    api::{
        ApiError, ApiResult, Shared,
        export::{self, Listed},
        extract::{Path, Query},
        page,
    },
    app::App,
};

/// What an integrity check has found, worst first: a page, or with `format` everything, streamed.
#[utoipa::path(get, path = "/jobs/{job}/findings", tag = "jobs", params(("job" = JobId, Path), FindingQuery),
    responses((status = 200, description = "A page; with `format=json` all findings as an array, with `format=csv` all as CSV", content(
        (Listed<Finding> = "application/json"),
        (String = "text/csv"),
    ))))]
pub(super) async fn findings(
    State(app): Shared,
    who: Principal,
    Path(job): Path<JobId>,
    Query(query): Query<FindingQuery>,
) -> ApiResult<Response> {
    match query.format {
        None => Ok(axum::Json(page_of_findings(&app, job, query).await?).into_response()),
        Some(format) => {
            patchwharf_db::jobs::show(&app.db, job).await?;
            Ok(export(Export::begin(&app.reads, &who)?, app, job, wanted(query)?, format))
        }
    }
}

/// A page of what a check has found.
///
/// # Errors
/// `not-found`, `invalid-query`.
pub(crate) async fn page_of_findings(app: &App, job: JobId, query: FindingQuery) -> ApiResult<Page<Finding>> {
    patchwharf_db::jobs::show(&app.db, job).await?;
    let rows = findings::list(&app.db, job, &wanted(query)?)
        .await
        .map_err(|error| ApiError::from(error).refused_as(Code::InvalidQuery))?;
    Ok(page::page(rows, |finding| finding))
}

fn wanted(query: FindingQuery) -> ApiResult<findings::FindingQuery> {
    Ok(findings::FindingQuery {
        limit: page::limit(query.limit)?,
        kinds: query.kind.0,
        gravities: query.gravity.0,
        outcomes: query.outcome.0,
        package: query.package,
        text: query.text,
        with_total: query.cursor.is_none(),
        cursor: query.cursor,
    })
}

fn export(place: Export, app: Arc<App>, job: JobId, wanted: findings::FindingQuery, format: ExportFormat) -> Response {
    let (heading, line) = (csv::heading, csv::line);
    let written = export::Written { name: format!("findings-{job}"), format, heading, line };
    export::stream(place, written, move |cursor| {
        let wanted = findings::FindingQuery { with_total: false, limit: export::PIECE, cursor, ..wanted.clone() };
        let app = Arc::clone(&app);
        async move { findings::list(&app.db, job, &wanted).await }
    })
}
