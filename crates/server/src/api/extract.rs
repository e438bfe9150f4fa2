//! Extractors whose refusals are problem documents.

use axum::{
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::{HeaderMap, header, request::Parts},
};
use patchwharf_model::api::Code;
use serde::de::DeserializeOwned;

use super::{body, error::ApiError};

/// The largest JSON body that is read: room for 20,000 ids.
const BODY_LIMIT_BYTES: u64 = 1024 * 1024;

/// A JSON body of a closed schema.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

/// Query parameters of a closed schema.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

/// Parts of the path.
#[derive(Debug)]
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = body::read(body, &parts.headers, BODY_LIMIT_BYTES).await?;
        if !is_json(&parts.headers) {
            let detail = "The body must be JSON, with the header `Content-Type: application/json`.";
            return Err(ApiError::new(Code::UnsupportedMediaType, detail));
        }
        axum::Json::<T>::from_bytes(&bytes).map(|json| Self(json.0)).map_err(|rejection| refuse_body(&rejection))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn refuse_body(rejection: &JsonRejection) -> ApiError {
    let code = if rejection.status().as_u16() == 422 { Code::InvalidBody } else { Code::BadRequest };
    ApiError::new(code, plain(&rejection.body_text()))
}

/// What was wrong, without how the server reads it.
fn plain(text: &str) -> String {
    const OPENINGS: [&str; 3] = [
        "Failed to deserialize query string: ",
        "Failed to deserialize the JSON body into the target type: ",
        "Failed to parse the request body as JSON: ",
    ];
    OPENINGS.iter().find_map(|opening| text.strip_prefix(opening)).unwrap_or(text).to_owned()
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let refuse = |rejection: QueryRejection| ApiError::new(Code::InvalidQuery, plain(&rejection.body_text()));
        axum::extract::Query::<T>::from_request_parts(parts, state).await.map(|query| Self(query.0)).map_err(refuse)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let refuse = |rejection: PathRejection| ApiError::new(Code::NotFound, rejection.body_text());
        axum::extract::Path::<T>::from_request_parts(parts, state).await.map(|path| Self(path.0)).map_err(refuse)
    }
}
