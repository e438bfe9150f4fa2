//! Pages as answers.

use askama::Template;
use axum::{
    http::StatusCode,
    response::{Html, IntoResponse as _, Response},
};

use super::assets;
use crate::api::{ApiError, ApiResult};

/// A rendered page.
///
/// # Errors
/// It cannot be rendered.
pub(super) fn html(page: &impl Template) -> ApiResult<Response> {
    Ok(Html(page.render().map_err(ApiError::internal)?).into_response())
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Problem<'a> {
    title: &'a str,
    detail: &'a str,
    code: &'a str,
    style: String,
}

/// An error as a page.
pub(super) fn problem(error: &ApiError) -> Response {
    let problem = error.problem();
    let page = Problem {
        title: &problem.title,
        detail: &problem.detail,
        code: &problem.code,
        style: assets::address("console.css"),
    };
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Html(page.render().unwrap_or_else(|_| "The page cannot be shown.".to_owned()))).into_response()
}
