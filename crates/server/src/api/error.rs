//! The one error of the API, and how it becomes an answer.

use std::{error::Error, fmt, sync::Arc};

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use patchwharf_db::{DbError, ErrorClass};
use patchwharf_model::{
    JobId,
    api::{Code, Problem, Refers},
};

use crate::operations::OperationError;

/// Seconds after which a busy server may be asked again.
const RETRY_AFTER_SECONDS: u32 = 2;

/// Why a request is not answered as asked. It becomes a problem document in `api/answer.rs`, where the request's id
/// is known and the whole chain of causes is logged once.
#[derive(Clone, Debug)]
pub struct ApiError {
    pub(super) problem: Box<Problem>,
    pub(super) retry_after_seconds: Option<u32>,
    pub(super) source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What handlers return.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// A refusal with its stable code. The detail says what was attempted on what, why not, and what to do.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let retry_after_seconds = (code.status() == 503).then_some(RETRY_AFTER_SECONDS);
        Self { problem: Box::new(Problem::new(code, detail)), retry_after_seconds, source: None }
    }

    /// A fault of the server: the client gets code and request id only, the log gets everything.
    #[must_use]
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let detail = "The server could not do this. Its log says why, under this request's id: `patchwharf log tail`.";
        Self { source: Some(source.into().into()), ..Self::new(Code::Internal, detail) }
    }

    /// Logs a fault of the server, once, with the whole chain of causes.
    pub(crate) fn log(&self, request: &str) {
        if self.problem.status >= 500 && self.problem.code != Code::Busy.as_str() {
            let (detail, chain) = (&self.problem.detail, chain(self.source.as_deref()));
            tracing::error!(%request, %detail, %chain, "request failed");
        }
    }

    /// The problem document in the making.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Says when to come back.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Adds the cause, for the log only.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into().into());
        self
    }

    /// Names a job that is in the way or mends the matter.
    #[must_use]
    pub fn with_job(mut self, job: JobId) -> Self {
        self.problem.job = Some(job);
        self
    }

    /// Names the things that the refusal is about.
    #[must_use]
    pub fn with_items(mut self, items: Vec<String>) -> Self {
        self.problem.items = items;
        self
    }

    /// Says what refers to the thing.
    #[must_use]
    pub fn with_refers(mut self, refers: Refers) -> Self {
        self.problem.refers = Some(Box::new(refers));
        self
    }
}

fn chain(mut error: Option<&(dyn Error + Send + Sync + 'static)>) -> String {
    let Some(first) = error.take() else { return String::new() };
    let mut text = first.to_string();
    let mut source = first.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem.detail)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response =
            StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<OperationError> for ApiError {
    fn from(error: OperationError) -> Self {
        let code = match error.code {
            "not-found" => Code::NotFound,
            "still-needed" => Code::StillNeeded,
            "no-space" => Code::NoSpace,
            "location-unfit" => Code::LocationUnfit,
            "invalid-setting" => Code::InvalidSetting,
            // The location is not mounted: nothing is wrong with the package, it cannot be had now.
            "no-location" => Code::NotStaged,
            "refused" | "conflict" => Code::Conflict,
            _ if error.transient => Code::Busy,
            _ => return Self::internal(error),
        };
        Self::new(code, error.text.clone()).because(error)
    }
}

impl From<axum::Error> for ApiError {
    fn from(error: axum::Error) -> Self {
        Self::internal(error)
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        let code = match (&error, error.class()) {
            (DbError::NotFound { .. }, _) => Code::NotFound,
            (DbError::Ambiguous { .. }, _) => Code::AmbiguousName,
            (DbError::Refused(_), _) => Code::Conflict,
            (_, ErrorClass::Busy | ErrorClass::ConnectionLost) => {
                return Self::new(Code::Busy, "The database is busy. Try again in a moment.").because(error);
            }
            (_, ErrorClass::Full) => {
                return Self::new(Code::NoSpace, "The database has no room left on its disk: make some and try again.")
                    .because(error);
            }
            // Trying again does not help: no Retry-After.
            (DbError::Damaged(_), _) => {
                let refused = Self::new(Code::ReadOnly, sentence(&error.to_string()));
                return Self { retry_after_seconds: None, ..refused };
            }
            _ => return Self::internal(error),
        };
        let items = if let DbError::Ambiguous { feeds, .. } = &error { feeds.clone() } else { Vec::new() };
        let mut detail = sentence(&error.to_string());
        if let DbError::NotFound { kind: kind @ ("feed" | "bulletin" | "package" | "policy" | "job"), .. } = &error {
            detail.push_str(&format!(" `patchwharf {kind} list` shows what there is."));
        }
        Self::new(code, detail).with_items(items)
    }
}

impl ApiError {
    /// The same error under another code, where the caller knows better what a refusal of the database means.
    #[must_use]
    pub fn refused_as(self, code: Code) -> Self {
        if self.problem.code == Code::Conflict.as_str() { Self::new(code, self.problem.detail) } else { self }
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).chain(['.']).collect())
}
