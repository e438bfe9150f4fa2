//! The audit trail.

use std::sync::Arc;

use axum::{Json, extract::State};
use patchwharf_db::audit;
use patchwharf_model::api::{AuditEntry, AuditQuery, Code, Page};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ApiError, ApiResult, Shared, extract::Query, page};
use crate::app::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Who changed what, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditQuery), responses((status = 200, body = Page<AuditEntry>)))]
pub(crate) async fn list(State(app): Shared, Query(query): Query<AuditQuery>) -> ApiResult<Json<Page<AuditEntry>>> {
    let limit = page::limit(query.limit)?;
    let filter =
        audit::AuditFilter { object: query.object.as_deref(), action: query.action.as_deref(), since: query.since };
    let rows = audit::list(&app.db, filter, query.cursor.as_deref(), limit)
        .await
        .map_err(|error| ApiError::from(error).refused_as(Code::InvalidQuery))?;
    Ok(Json(page::page(rows, entry)))
}

fn entry(row: audit::AuditRow) -> AuditEntry {
    AuditEntry {
        id: row.audit_id,
        at: row.at,
        actor: row.actor,
        source: row.source,
        action: row.action,
        object: row.object,
        before: row.before,
        after: row.after,
    }
}
