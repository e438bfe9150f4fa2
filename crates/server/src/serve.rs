//! Package downloads.

use axum::{extract::State, response::Response};

use crate::api::{ApiError, ApiResult, Shared};

/// A file of a package.
#[utoipa::path(get, path = "/packages/{package}/{version}/{file}", tag = "download", security((), ("token" = [])),
    responses((status = 200)))]
pub(crate) async fn file(State(_app): Shared) -> ApiResult<Response> {
    Err(ApiError::internal("not yet"))
}
