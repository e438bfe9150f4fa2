//! Starting a job: the answer is 202 with the job; the same order twice is one job.

use std::sync::Arc;

use axum::{
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use patchwharf_model::{
    api::{Code, Job},
    job::JobRequest,
};

use super::{ApiError, ApiResult, jobs::view};
use crate::{app::App, jobs::Order};

/// Names a request, so that sending it again has no second effect.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Orders a job for the administrator, or joins the unfinished one that does the same.
pub(super) async fn job(app: &Arc<App>, headers: &HeaderMap, request: JobRequest) -> ApiResult<Started> {
    let operation_id = operation_id(headers)?;
    let order = Order { operation_id: operation_id.clone(), ..Order::by("admin") };
    let ordered = app.jobs.order(request.clone(), order).await?;
    let row = patchwharf_db::jobs::show(&app.db, ordered.job).await?;
    let same = || serde_json::from_str::<JobRequest>(&row.payload).is_ok_and(|first| first == request);
    if operation_id.is_some() && ordered.joined && !same() {
        return Err(ApiError::new(
            Code::IdempotencyMismatch,
            format!(
                "This Idempotency-Key was sent before with another request, which became job {}. Use a new key.",
                ordered.job
            ),
        )
        .with_job(ordered.job));
    }
    Ok(Started(view::job(app, row)))
}

fn operation_id(headers: &HeaderMap) -> ApiResult<Option<String>> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=200).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(ApiError::new(Code::BadRequest, "An Idempotency-Key has 1 to 200 printable ASCII characters.")),
    }
}

/// 202 and the job.
#[derive(Debug)]
pub(super) struct Started(pub(super) Job);

impl IntoResponse for Started {
    fn into_response(self) -> Response {
        let place = format!("/api/v1/jobs/{}", self.0.id);
        (StatusCode::ACCEPTED, [(header::LOCATION, place)], axum::Json(self.0)).into_response()
    }
}
