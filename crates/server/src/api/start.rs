//! Starting a job: the answer is 202 with the job; the same order twice is one job.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use patchwharf_model::{
    api::{Code, Job},
    job::JobRequest,
};

use super::{ApiError, ApiResult, jobs::view};
use crate::{access::Principal, app::App, jobs::Order};

/// Names a request, so that sending it again has no second effect.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Who asks for a job, and under which name they may ask again.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Who.
    pub(super) who: Principal,
    operation_id: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let who = Principal::from_request_parts(parts, state).await?;
        Ok(Self { who, operation_id: operation_id(&parts.headers)? })
    }
}

/// Orders a job for who asks, or joins the unfinished one that does the same.
pub(super) async fn job(app: &Arc<App>, asked: &Asked, request: JobRequest) -> ApiResult<Started> {
    let operation_id = asked.operation_id.clone();
    let order = Order { operation_id: operation_id.clone(), ..Order::by(&asked.who.name).from(&asked.who.source) };
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
