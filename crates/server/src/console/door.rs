//! The pages that let somebody in. Both tell nothing before that.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::{IntoResponse as _, Redirect, Response},
};
use patchwharf_db::accounts;

use super::{assets, page, query::Asked};
use crate::{
    access::principal,
    api::{ApiResult, Shared},
};

#[derive(Template)]
#[template(path = "door.html")]
struct Door {
    style: String,
    early: String,
    script: String,
    /// `sign-in` or `set-up`.
    kind: &'static str,
    /// Where to go afterwards: a place on this server.
    back: String,
    /// Nobody can sign in yet.
    first: bool,
}

/// Name and password. A page that was sent here although its browser is signed in goes back: another page of the browser has
/// given the password, and their session has a new cookie since.
pub(super) async fn sign_in(State(app): Shared, headers: HeaderMap, uri: Uri) -> ApiResult<Response> {
    let asked = Asked::of(&uri);
    if !asked.get("back").is_empty() && principal(&app, &headers, None, false).await?.is_some() {
        return Ok(Redirect::to(&back(asked.get("back"))).into_response());
    }
    let first = !accounts::any_administrator(&app.db).await?;
    door("sign-in", back(asked.get("back")), first)
}

/// A new password, by a link: its secret stands after `#`, which only the page's script sees.
pub(super) async fn set_up(State(app): Shared) -> ApiResult<Response> {
    let first = !accounts::any_administrator(&app.db).await?;
    if app.db.damage().is_some() {
        return Ok(Redirect::to("/console/sign-in").into_response());
    }
    door("set-up", "/console".to_owned(), first)
}

fn door(kind: &'static str, back: String, first: bool) -> ApiResult<Response> {
    let [style, early, script] = ["console.css", "early.js", "door.js"].map(assets::address);
    page::html(&Door { style, early, script, kind, back, first })
}

/// Only a page of the console: a link must not lead a freshly signed-in browser elsewhere.
fn back(asked: &str) -> String {
    let safe = asked == "/console" || ["/console/", "/console?"].iter().any(|start| asked.starts_with(start));
    let plain = safe && !asked.starts_with("/console/sign-in") && asked.chars().all(|c| !c.is_control() && c != '\\');
    if plain { asked.to_owned() } else { "/console".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_stays_on_this_server() {
        assert_eq!(back("/console/bulletins?text=a"), "/console/bulletins?text=a");
        for elsewhere in
            ["", "//evil.example", "https://evil.example", "/console@evil", "/console/\\evil", "/api/v1/jobs"]
        {
            assert_eq!(back(elsewhere), "/console", "{elsewhere}");
        }
    }
}
