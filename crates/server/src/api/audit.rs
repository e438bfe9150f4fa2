//! The audit trail.

mod csv;

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use patchwharf_db::{audit, bulletins as rows, logs};
use patchwharf_model::{
    Sha256,
    api::{AuditChain, AuditChainQuery, AuditEntry, AuditQuery, Code, Page},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    ApiError, ApiResult, Shared, bulletins,
    export::{self, Listed},
    extract::Query,
    page,
};
use crate::{
    access::{Export, Principal},
    app::App,
    trail,
};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(chain))
}

/// Who changed what, newest first: a page, or with `format` everything, streamed.
#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, description = "A page; with `format=json` all changes as an array, with `format=csv` all as CSV", content(
        (Listed<AuditEntry> = "application/json"),
        (String = "text/csv"),
    ))))]
async fn list(State(app): Shared, who: Principal, Query(query): Query<AuditQuery>) -> ApiResult<Response> {
    match query.format {
        None => Ok(Json(changes(&app, query).await?).into_response()),
        Some(format) => {
            let (heading, line) = (csv::heading, csv::line);
            let written = export::Written { name: "audit".to_owned(), format, heading, line };
            let objects = objects(&app, &query).await?;
            Ok(export::stream(Export::begin(&app.reads, &who)?, written, move |cursor| {
                let (app, query, objects) = (Arc::clone(&app), AuditQuery { cursor, ..query.clone() }, objects.clone());
                async move {
                    let rows =
                        audit::list(&app.db, filter(&query, &objects), query.cursor.as_deref(), export::PIECE).await?;
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
    let objects = objects(app, &query).await?;
    let rows = audit::list(&app.db, filter(&query, &objects), query.cursor.as_deref(), limit)
        .await
        .map_err(|error| ApiError::from(error).refused_as(Code::InvalidQuery))?;
    Ok(page::page(rows, trail::entry))
}

fn filter<'a>(query: &'a AuditQuery, objects: &'a [String]) -> audit::AuditFilter<'a> {
    let (object, action) = (query.object.as_deref(), query.action.as_deref());
    audit::AuditFilter { object, objects, action, since: query.since }
}

/// A bulletin and its packages, as the trail names them. The rows of deleted packages are gone; the log knows them.
async fn objects(app: &App, query: &AuditQuery) -> ApiResult<Vec<String>> {
    let Some(name) = &query.bulletin else { return Ok(Vec::new()) };
    if query.object.is_some() {
        return Err(ApiError::new(Code::InvalidQuery, "Give either `object` or `bulletin`, not both."));
    }
    let id = bulletins::one(app, name.clone()).await?;
    let mut packages = rows::refers(&app.db, id).await?.packages;
    packages.extend(logs::packages_of(&app.db, id).await?);
    packages.sort_unstable();
    packages.dedup();
    let packages = packages.into_iter().map(|package| format!("package {package}"));
    Ok(std::iter::once(format!("bulletin {id}")).chain(packages).collect())
}

/// Reads the chain of changes from its beginning to its end: whether one was altered, removed or cut off, and where.
#[utoipa::path(get, path = "/audit/chain", tag = "audit", params(AuditChainQuery),
    responses((status = 200, body = AuditChain), (status = 503, description = "`busy`: it is being read already")))]
async fn chain(State(app): Shared, Query(query): Query<AuditChainQuery>) -> ApiResult<Json<AuditChain>> {
    let kept = query.kept.as_deref().map(kept).transpose()?;
    let _reading = app.reads.chain()?;
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
