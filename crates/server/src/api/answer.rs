//! The outermost layer: gives each request its id, turns errors into problem documents, counts, and logs failures once.

use std::sync::Arc;

use axum::{
    Json,
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use patchwharf_model::api::Code;

use super::error::ApiError;
use crate::{app::App, metrics::RequestLabels};

/// Names the request in answers and in the log.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who may embed an answer.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Runs the request and finishes its answer.
pub(super) async fn finish(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = uuid::Uuid::now_v7().to_string();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|matched| matched.as_str().to_owned());
    let mut response = next.run(request).await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        error.log(&format!("{id} {method} {}", path.escape_debug()));
        response = render(error, &id, response);
    }
    let labels = RequestLabels { route: route.unwrap_or_default(), status: response.status().as_u16() };
    app.metrics.requests.get_or_create(&labels).inc();
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Pages of the console bring a policy of their own; nothing else is ever shown as a page or in one.
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // Another port of this host is the same site to a browser, and must not embed what its cookies open.
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn render(error: ApiError, id: &str, bare: Response) -> Response {
    let mut problem = error.problem;
    problem.request_id = Some(id.to_owned());
    let status = bare.status();
    let mut response = (status, Json(problem)).into_response();
    for (name, value) in bare.headers() {
        if name != header::CONTENT_LENGTH && name != header::CONTENT_TYPE {
            response.headers_mut().insert(name.clone(), value.clone());
        }
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(seconds) = error.retry_after_seconds {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == axum::http::StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"patchwharf\""));
    }
    response
}

/// A panic in a handler: logged by the panic hook, answered without its text.
pub(crate) fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    ApiError::internal("a handler panicked").into_response()
}

/// No such address.
pub(super) async fn no_route(request: Request) -> ApiError {
    let path: String = request.uri().path().chars().take(200).collect();
    ApiError::new(
        Code::NoSuchRoute,
        format!("There is no {:?} here; the addresses are described at /api/openapi.json.", path),
    )
}

/// The address exists, the method does not.
pub(super) async fn no_method(request: Request) -> ApiError {
    let path: String = request.uri().path().chars().take(200).collect();
    ApiError::new(Code::MethodNotAllowed, format!("{path:?} does not take {}.", request.method()))
}

/// What axum itself refuses in plain text (a body that is too large, a bad path) gets the form of all other errors.
pub(super) async fn refused_by_framework(response: Response) -> Response {
    let status = response.status().as_u16();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // Pages of the console say by themselves what was wrong.
    let is_ours = kind == "application/json" || kind.starts_with("text/html");
    if status < 400 || is_ours || response.extensions().get::<ApiError>().is_some() {
        return response;
    }
    let code = match status {
        404 => Code::NotFound,
        405 => Code::MethodNotAllowed,
        413 => Code::BodyTooLarge,
        415 => Code::UnsupportedMediaType,
        400..500 => Code::BadRequest,
        _ => Code::Internal,
    };
    ApiError::new(code, code.title()).into_response()
}
