//! Adoption: a job.

use axum::extract::State;
use patchwharf_model::{
    api::{AdoptionStart, Code, Job},
    job::JobRequest,
};
use patchwharf_trust::PublicKey;

use crate::api::{
    ApiError, ApiResult, Shared,
    extract::Json,
    start::{self, Asked, Started},
};

/// Takes the files of a folder on the server's machine into packages, where their digests are those of known updates,
/// whatever they are called; lists the rest as foreign. Nothing in the folder is changed.
#[utoipa::path(post, path = "/locations/adopt", tag = "locations", request_body = AdoptionStart,
    params(("Idempotency-Key" = Option<String>, Header)), responses((status = 202, body = Job)))]
pub(super) async fn adopt(State(app): Shared, asked: Asked, Json(wish): Json<AdoptionStart>) -> ApiResult<Started> {
    if !wish.path.starts_with('/') {
        return Err(ApiError::new(Code::InvalidBody, "The folder must be an absolute path on the server."));
    }
    if let Some(bad) = wish.trust.iter().find(|key| key.parse::<PublicKey>().is_err()) {
        let detail = format!("{bad:?} is no public key: 64 hexadecimal digits are needed.");
        return Err(ApiError::new(Code::InvalidBody, detail));
    }
    let AdoptionStart { path, trust, way, no_foreign_digests, dry_run } = wish;
    start::job(&app, &asked, JobRequest::Adopt { path, trust, way, no_foreign_digests, dry_run }).await
}
