//! Pages as answers.

use askama::Template;
use axum::{
    http::{HeaderMap, StatusCode},
    response::{Html, IntoResponse as _, Response},
};

use super::{assets, shell::Shell};
use crate::{
    access::Principal,
    api::{ApiError, ApiResult},
};

/// A rendered page.
///
/// # Errors
/// It cannot be rendered.
pub(super) fn html(page: &impl Template) -> ApiResult<Response> {
    Ok(Html(page.render().map_err(ApiError::internal)?).into_response())
}

/// Whether a script asks for the part of a page that it swaps. One that goes back in the browser's history asks for the
/// whole of it, by the same header and one more.
pub(super) fn is_part(headers: &HeaderMap) -> bool {
    headers.contains_key("hx-request") && !headers.contains_key("hx-history-restore-request")
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Problem<'a> {
    shell: Shell,
    title: &'static str,
    advice: &'static str,
    problem: &'a patchwharf_model::api::Problem,
}

/// Of somebody who is not signed in.
#[derive(Template)]
#[template(path = "outside.html")]
struct Outside<'a> {
    title: &'static str,
    detail: &'a str,
    style: String,
}

/// An error as a page: in plain words, with the menu for whoever is signed in.
pub(super) fn problem(error: &ApiError, who: Option<Principal>) -> Response {
    let problem = error.problem();
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (title, advice) = plainly(status);
    let page = match who {
        Some(who) => Problem { shell: Shell::new(who, "", "main.js"), title, advice, problem }.render(),
        None => Outside { title, detail: &problem.detail, style: assets::address("console.css") }.render(),
    };
    (status, Html(page.unwrap_or_else(|_| "The page cannot be shown.".to_owned()))).into_response()
}

/// What an error means to somebody who followed a link, and what they can do.
fn plainly(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::NOT_FOUND => (
            "There is nothing here",
            "What this address names does not exist: it may have been deleted, or the address is not quite right. Look \
             for it in the lists of the menu.",
        ),
        StatusCode::FORBIDDEN => {
            ("Your role does not allow this", "An administrator can give you another role, or do it for you.")
        }
        StatusCode::SERVICE_UNAVAILABLE => ("The server is busy", "Load the page again in a few seconds."),
        status if status.is_client_error() => (
            "This address cannot be understood",
            "Something in it is not what the page expects. Open the page from the menu, and set its filter there.",
        ),
        _ => (
            "The server could not make this page",
            "Nothing was changed. Load it again; if that does not help, the log viewer says why.",
        ),
    }
}
