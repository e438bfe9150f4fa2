//! Stage, refresh, recreate: each a job.

use axum::extract::State;
use patchwharf_model::{
    api::{BulletinChoice, BulletinRefresh, Job},
    job::{JobRequest, Selection},
};

use super::choice;
use crate::api::{
    ApiResult, Shared,
    extract::Json,
    start::{self, Asked, Started},
};

/// Fetches, verifies and places the packages of bulletins.
#[utoipa::path(post, path = "/bulletins/stage", tag = "bulletins", request_body = BulletinChoice,
    params(("Idempotency-Key" = Option<String>, Header)), responses((status = 202, body = Job)))]
pub(super) async fn stage(State(app): Shared, asked: Asked, Json(choice): Json<BulletinChoice>) -> ApiResult<Started> {
    let of = Selection::Bulletins(choice::bulletins(&app, choice).await?);
    start::job(&app, &asked, JobRequest::Stage { of }).await
}

/// Mends packages. Quick: verifies every file, fetches only what is bad, then switches. Complete: a new package with
/// everything fetched anew. Either way the package can be had at every moment.
#[utoipa::path(post, path = "/bulletins/refresh", tag = "bulletins", request_body = BulletinRefresh,
    params(("Idempotency-Key" = Option<String>, Header)), responses((status = 202, body = Job)))]
pub(super) async fn refresh(State(app): Shared, asked: Asked, Json(wish): Json<BulletinRefresh>) -> ApiResult<Started> {
    let of = Selection::Bulletins(choice::bulletins(&app, wish.of).await?);
    let request = if wish.complete { JobRequest::RefreshComplete { of } } else { JobRequest::RefreshQuick { of } };
    start::job(&app, &asked, request).await
}

/// Recreates packages: a new GUID over the verified files; what does not verify is fetched.
#[utoipa::path(post, path = "/bulletins/recreate", tag = "bulletins", request_body = BulletinChoice,
    params(("Idempotency-Key" = Option<String>, Header)), responses((status = 202, body = Job)))]
pub(super) async fn recreate(
    State(app): Shared,
    asked: Asked,
    Json(choice): Json<BulletinChoice>,
) -> ApiResult<Started> {
    let of = Selection::Bulletins(choice::bulletins(&app, choice).await?);
    start::job(&app, &asked, JobRequest::Recreate { of }).await
}
