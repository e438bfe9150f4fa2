//! Backups.

use std::sync::Arc;

use axum::extract::State;
use patchwharf_model::{
    api::{BackupStart, Code, Job},
    job::JobRequest,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    ApiError, ApiResult, Shared,
    extract::Json,
    start::{self, Asked, Started},
};
use crate::app::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create))
}

/// Backs up database, keys, configuration and packages into a folder of the server. The folder may hold earlier backups:
/// contents that are there are not copied again. Wants a passphrase file or `plain`.
#[utoipa::path(post, path = "/backups", tag = "backups", request_body = BackupStart,
    params(("Idempotency-Key" = Option<String>, Header)), responses((status = 202, body = Job)))]
async fn create(State(app): Shared, asked: Asked, Json(wish): Json<BackupStart>) -> ApiResult<Started> {
    let refuse = |detail: &str| Err(ApiError::new(Code::InvalidBody, detail));
    if wish.passphrase_file.is_some() == wish.plain {
        return refuse(
            "Keys are part of a backup. Name a `passphrase_file` to seal them, or say `plain` when the folder is as safe as \
             the server; one of the two.",
        );
    }
    if !wish.folder.starts_with('/') {
        return refuse("The folder must be an absolute path on the server.");
    }
    if wish.keep == Some(0) {
        return refuse("`keep` is at least 1: the newest backup always stays.");
    }
    let request = JobRequest::Backup {
        folder: wish.folder,
        passphrase_file: wish.passphrase_file,
        keep: wish.keep,
        quick: wish.quick,
    };
    start::job(&app, &asked, request).await
}
