//! What the server tells people by itself.

use std::sync::Arc;

use axum::{Json, extract::State};
use patchwharf_db::notifications;
use patchwharf_model::api::{Code, Notification, NotificationTest, Page, PageQuery};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ApiError, ApiResult, Shared, extract::Query, page};
use crate::{app::App, notify};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(test))
}

/// Messages, newest first: on their way, sent, given up.
#[utoipa::path(get, path = "/notifications", tag = "notifications", params(PageQuery),
    responses((status = 200, body = Page<Notification>)))]
async fn list(State(app): Shared, Query(query): Query<PageQuery>) -> ApiResult<Json<Page<Notification>>> {
    let limit = page::limit(query.limit)?;
    let rows = notifications::list(&app.db, query.cursor.as_deref(), limit)
        .await
        .map_err(|error| ApiError::from(error).refused_as(Code::InvalidQuery))?;
    Ok(Json(page::page(rows, view)))
}

/// Sends a test message to every channel that is set up, now, and says how each took it.
#[utoipa::path(post, path = "/notifications/test", tag = "notifications",
    responses((status = 200, body = NotificationTest), (status = 409, description = "No channel is set up: `conflict`")))]
async fn test(State(app): Shared) -> ApiResult<Json<NotificationTest>> {
    if app.notify.is_empty() {
        let detail =
            "No channel is set up. Set `notify.mail` or `notify.webhook` in the server's configuration and restart it.";
        return Err(ApiError::new(Code::Conflict, detail));
    }
    Ok(Json(notify::test(&app).await))
}

fn view(row: notifications::Notification) -> Notification {
    let state = match (row.sent_at, row.next_try_at) {
        (Some(_), _) => "sent",
        (None, Some(_)) => "waiting",
        (None, None) => "given-up",
    };
    Notification {
        id: row.notification_id,
        kind: row.kind,
        channel: row.channel,
        subject: row.subject,
        created_at: row.created_at,
        state: state.to_owned(),
        attempts: row.attempts,
        next_try_at: row.next_try_at,
        sent_at: row.sent_at,
        last_error: row.last_error,
    }
}
