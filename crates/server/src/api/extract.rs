//! Extractors whose refusals are problem documents.

use axum::{
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::request::Parts,
};
use patchwharf_model::api::Code;
use serde::de::DeserializeOwned;

use super::error::ApiError;

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
    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(refuse_body(&rejection)),
        }
    }
}

fn refuse_body(rejection: &JsonRejection) -> ApiError {
    let code = match rejection.status().as_u16() {
        413 => Code::BodyTooLarge,
        415 => Code::UnsupportedMediaType,
        422 => Code::InvalidBody,
        _ => Code::BadRequest,
    };
    ApiError::new(code, rejection.body_text())
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let refuse = |rejection: QueryRejection| ApiError::new(Code::InvalidQuery, rejection.body_text());
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
