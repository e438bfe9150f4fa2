//! Verify, delete, reconcile: each a job.

use axum::extract::State;
use patchwharf_model::{
    api::{DownloadStart, Job, PackageChoice, PackageDelete, ReconcileStart, ReviseStart},
    job::{DeleteUnused, JobRequest},
};

use super::{choice, deletion};
use crate::api::{
    ApiResult, Shared,
    extract::Json,
    start::{self, Asked, Started},
};

/// Hashes packages and compares them with what is recorded.
#[utoipa::path(post, path = "/packages/verify", tag = "packages", request_body = PackageChoice,
    params(("Idempotency-Key" = Option<String>, Header)), responses((status = 202, body = Job)))]
pub(super) async fn verify(State(app): Shared, asked: Asked, Json(choice): Json<PackageChoice>) -> ApiResult<Started> {
    let of = choice::selection(&app, choice).await?;
    start::job(&app, &asked, JobRequest::Verify { of }).await
}

/// Deletes packages, rows and folders. Refused while a policy needs one, unless told otherwise.
#[utoipa::path(post, path = "/packages/delete", tag = "packages", request_body = PackageDelete,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 202, body = Job), (status = 409,
        description = "A policy needs one of them: `still-needed`; so many must be confirmed: `confirmation-needed`")))]
pub(super) async fn delete(State(app): Shared, asked: Asked, Json(wish): Json<PackageDelete>) -> ApiResult<Started> {
    let packages = choice::named(&app, wish.of).await?;
    deletion::confirmed(&app, &packages, wish.confirm).await?;
    if !wish.although_needed {
        choice::needed(&app, &packages).await?;
    }
    let although_needed = wish.although_needed;
    start::job(&app, &asked, JobRequest::Delete { packages, although_needed }).await
}

/// Downloads software update packages: stages every bulletin that is current, enabled and not downloaded.
#[utoipa::path(post, path = "/store/download", tag = "packages", request_body = DownloadStart,
    params(("Idempotency-Key" = Option<String>, Header)), responses((status = 202, body = Job)))]
pub(super) async fn download(State(app): Shared, asked: Asked, Json(wish): Json<DownloadStart>) -> ApiResult<Started> {
    start::job(&app, &asked, JobRequest::Download { dry_run: wish.dry_run }).await
}

/// Revises software updates: stages anew every package whose update the vendor has revised. Policies follow by their rule.
#[utoipa::path(post, path = "/store/revise", tag = "packages", request_body = ReviseStart,
    params(("Idempotency-Key" = Option<String>, Header)), responses((status = 202, body = Job)))]
pub(super) async fn revise(State(app): Shared, asked: Asked, Json(wish): Json<ReviseStart>) -> ApiResult<Started> {
    start::job(&app, &asked, JobRequest::Revise { dry_run: wish.dry_run }).await
}

/// Compares database and disk in both directions and clears what no one owns; with `dry_run` it only says so.
#[utoipa::path(post, path = "/store/reconcile", tag = "packages", request_body = ReconcileStart,
    params(("Idempotency-Key" = Option<String>, Header)), responses((status = 202, body = Job)))]
pub(super) async fn reconcile(
    State(app): Shared,
    asked: Asked,
    Json(wish): Json<ReconcileStart>,
) -> ApiResult<Started> {
    start::job(&app, &asked, JobRequest::Reconcile { dry_run: wish.dry_run }).await
}

/// Deletes packages that nothing uses, by the rules `unused.*` of the settings, or those that the request gives for this
/// run. A rule is off until somebody switches it on; with `dry_run` the job only names packages, rules and bytes.
#[utoipa::path(post, path = "/store/delete-unused", tag = "packages", request_body = DeleteUnused,
    params(("Idempotency-Key" = Option<String>, Header)), responses((status = 202, body = Job)))]
pub(super) async fn delete_unused(
    State(app): Shared,
    asked: Asked,
    Json(wish): Json<DeleteUnused>,
) -> ApiResult<Started> {
    start::job(&app, &asked, JobRequest::DeleteUnused(wish)).await
}
