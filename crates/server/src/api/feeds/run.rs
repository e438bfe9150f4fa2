//! Import and preview: each a job.

use axum::extract::State;
use patchwharf_db::feeds;
use patchwharf_model::{
    Role,
    api::{FeedImport, FeedPreview, Job},
    job::JobRequest,
};

use super::check;
use crate::api::{
    ApiResult, Shared,
    auth::must_have,
    extract::{Json, Path},
    start::{self, Asked, Started},
};

/// Imports the vendor's catalogue. `confirm_shrink`, which takes one that has lost much of itself, is an administrator's word.
#[utoipa::path(post, path = "/feeds/{feed}/import", tag = "feeds", request_body = FeedImport,
    params(("feed" = String, Path), ("Idempotency-Key" = Option<String>, Header)), responses((status = 202, body = Job)))]
pub(super) async fn import(
    State(app): Shared,
    Path(name): Path<String>,
    asked: Asked,
    Json(wish): Json<FeedImport>,
) -> ApiResult<Started> {
    if wish.confirm_shrink {
        must_have(&asked.who, Role::Administrator)?;
    }
    let feed = feeds::show(&app.db, &name).await?.feed_id;
    start::job(&app, &asked, JobRequest::Import { feed, confirm_shrink: wish.confirm_shrink }).await
}

/// Counts what rules would take of the vendor's catalogue: updates, bulletins, files, bytes. Nothing is changed.
#[utoipa::path(post, path = "/feeds/{feed}/preview", tag = "feeds", request_body = FeedPreview,
    params(("feed" = String, Path), ("Idempotency-Key" = Option<String>, Header)), responses((status = 202, body = Job)))]
pub(super) async fn preview(
    State(app): Shared,
    Path(name): Path<String>,
    asked: Asked,
    Json(wish): Json<FeedPreview>,
) -> ApiResult<Started> {
    wish.rules.iter().chain(&wish.auto_stage).try_for_each(check::rules)?;
    let feed = feeds::show(&app.db, &name).await?.feed_id;
    start::job(&app, &asked, JobRequest::Preview { feed, rules: wish.rules, auto_stage: wish.auto_stage }).await
}
