//! Stored records.

use axum::{Json, extract::State};
use patchwharf_model::api::{LogQuery, LogRecord, Page};

use super::view;
use crate::api::{ApiResult, Shared, extract::Query, page};

/// Records of this server's log, oldest first: those after a number, or the newest.
#[utoipa::path(get, path = "/logs", tag = "logs", params(LogQuery), responses((status = 200, body = Page<LogRecord>)))]
pub(crate) async fn list(State(app): Shared, Query(query): Query<LogQuery>) -> ApiResult<Json<Page<LogRecord>>> {
    let filter = view::filter(&query, app.instance, query.after, page::limit(query.limit)?);
    let records = patchwharf_db::logs::tail(&app.db, &filter).await?;
    let items = records.into_iter().map(view::stored).collect();
    Ok(Json(Page { items, next: None, total: None }))
}
