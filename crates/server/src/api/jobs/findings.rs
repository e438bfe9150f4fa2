//! What an integrity check has found: by pages, or all at once as JSON or CSV.

mod csv;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{Stream, stream};
use patchwharf_db::{DbError, findings};
use patchwharf_model::{
    JobId,
    api::{Code, ExportFormat, Finding, FindingQuery, Page},
};

use crate::{
    api::{
        ApiError, ApiResult, Shared,
        extract::{Path, Query},
        page,
    },
    app::App,
};

/// Findings in one piece of an export.
const PIECE: u32 = 1_000;

/// What an integrity check has found, worst first: a page, or with `format` everything, streamed.
#[utoipa::path(get, path = "/jobs/{job}/findings", tag = "jobs", params(("job" = JobId, Path), FindingQuery),
    responses((status = 200, description = "A page; with `format=json` all findings as an array, with `format=csv` all as CSV", content(
        (Page<Finding> = "application/json"),
        (Vec<Finding> = "application/json; format=json"),
        (String = "text/csv"),
    ))))]
pub(super) async fn findings(
    State(app): Shared,
    Path(job): Path<JobId>,
    Query(query): Query<FindingQuery>,
) -> ApiResult<Response> {
    match query.format {
        None => Ok(axum::Json(page_of_findings(&app, job, query).await?).into_response()),
        Some(format) => {
            patchwharf_db::jobs::show(&app.db, job).await?;
            Ok(export(app, job, wanted(query)?, format))
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

fn export(app: Arc<App>, job: JobId, wanted: findings::FindingQuery, format: ExportFormat) -> Response {
    let (kind, extension) = match format {
        ExportFormat::Json => ("application/json", "json"),
        ExportFormat::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
    };
    let wanted = findings::FindingQuery { with_total: false, limit: PIECE, ..wanted };
    let mut response =
        Body::from_stream(pieces(Export { app, job, wanted, format, first: true, ended: false })).into_response();
    let name = format!("attachment; filename=\"findings-{job}.{extension}\"");
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

struct Export {
    app: Arc<App>,
    job: JobId,
    wanted: findings::FindingQuery,
    format: ExportFormat,
    first: bool,
    ended: bool,
}

/// The export piece by piece. An error breaks the connection off: half a report must not look like a whole one.
fn pieces(export: Export) -> impl Stream<Item = Result<Bytes, DbError>> {
    stream::try_unfold(export, |mut export| async move {
        if export.ended {
            return Ok(None);
        }
        let piece = export.next().await?;
        Ok(Some((piece, export)))
    })
}

impl Export {
    async fn next(&mut self) -> Result<Bytes, DbError> {
        let rows = findings::list(&self.app.db, self.job, &self.wanted).await?;
        self.ended = rows.next.is_none();
        self.wanted.cursor = rows.next;
        let mut text = String::new();
        for (at, finding) in rows.rows.iter().enumerate() {
            let begins = self.first && at == 0;
            match self.format {
                ExportFormat::Csv => csv::line(&mut text, finding),
                ExportFormat::Json => {
                    text.push_str(if begins { "\n" } else { ",\n" });
                    // Our own types always serialise.
                    text.push_str(&serde_json::to_string(finding).unwrap_or_default());
                }
            }
        }
        let (head, tail) = match self.format {
            ExportFormat::Json => ("[".to_owned(), "\n]\n"),
            ExportFormat::Csv => (csv::heading(), ""),
        };
        if std::mem::take(&mut self.first) {
            text.insert_str(0, &head);
        }
        if self.ended {
            text.push_str(tail);
        }
        Ok(text.into())
    }
}
