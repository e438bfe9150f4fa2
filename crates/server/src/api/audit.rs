//! The audit trail.

mod csv;

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use patchwharf_db::audit;
use patchwharf_model::{
    Sha256,
    api::{AuditChain, AuditChainQuery, AuditEntry, AuditQuery, Code, Page},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    ApiError, ApiResult, Shared,
    export::{self, Listed},
    extract::Query,
    page,
};
use crate::{app::App, trail};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(chain))
}

/// Who changed what, newest first: a page, or with `format` everything, streamed.
#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, description = "A page; with `format=json` all changes as an array, with `format=csv` all as CSV", content(
        (Listed<AuditEntry> = "application/json"),
        (String = "text/csv"),
    ))))]
async fn list(State(app): Shared, Query(query): Query<AuditQuery>) -> ApiResult<Response> {
    match query.format {
        None => Ok(Json(changes(&app, query).await?).into_response()),
        Some(format) => {
            let (heading, line) = (csv::heading, csv::line);
            let written = export::Written { name: "audit".to_owned(), format, heading, line };
            Ok(export::stream(written, move |cursor| {
                let (app, query) = (Arc::clone(&app), AuditQuery { cursor, ..query.clone() });
                async move {
                    let rows = audit::list(&app.db, filter(&query), query.cursor.as_deref(), export::PIECE).await?;
                    Ok(rows.map(trail::entry))
                }
            }))
        }
    }
}

/// A page of changes.
///
/// # Errors
/// `invalid-query`.
pub(crate) async fn changes(app: &App, query: AuditQuery) -> ApiResult<Page<AuditEntry>> {
    let limit = page::limit(query.limit)?;
    let rows = audit::list(&app.db, filter(&query), query.cursor.as_deref(), limit)
        .await
        .map_err(|error| ApiError::from(error).refused_as(Code::InvalidQuery))?;
    Ok(page::page(rows, trail::entry))
}

fn filter(query: &AuditQuery) -> audit::AuditFilter<'_> {
    audit::AuditFilter { object: query.object.as_deref(), action: query.action.as_deref(), since: query.since }
}

/// Reads the chain of changes from its beginning to its end: whether one was altered, removed or cut off, and where.
#[utoipa::path(get, path = "/audit/chain", tag = "audit", params(AuditChainQuery), responses((status = 200, body = AuditChain)))]
async fn chain(State(app): Shared, Query(query): Query<AuditChainQuery>) -> ApiResult<Json<AuditChain>> {
    let kept = query.kept.as_deref().map(kept).transpose()?;
    Ok(Json(trail::chain(&app, kept).await?))
}

fn kept(text: &str) -> ApiResult<(i64, Sha256)> {
    let parts =
        text.trim().split_once(':').and_then(|(number, digest)| Some((number.parse().ok()?, digest.parse().ok()?)));
    parts.ok_or_else(|| {
        let detail = format!("`kept` must be `number:digest`, a change and the 64 digits of its digest, not {text:?}.");
        ApiError::new(Code::InvalidQuery, detail)
    })
}
