//! Styles and scripts, part of the program. Their addresses carry a digest of them all, so browsers keep them for good.

use std::sync::OnceLock;

use axum::{
    extract::Query,
    http::header,
    response::{IntoResponse as _, Response},
};
use patchwharf_model::api::Code;
use serde::Deserialize;

use crate::api::{ApiError, ApiResult, Path};

macro_rules! assets {
    ($($name:literal: $kind:literal),+ $(,)?) => {
        /// Name, media type, bytes.
        const ASSETS: &[(&str, &str, &[u8])] =
            &[$(($name, $kind, include_bytes!(concat!("../../assets/", $name)))),+];
    };
}

assets! {
    "console.css": "text/css; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "early.js": "text/javascript; charset=utf-8",
    "main.js": "text/javascript; charset=utf-8",
    "api.js": "text/javascript; charset=utf-8",
    "dialog.js": "text/javascript; charset=utf-8",
    "ways.js": "text/javascript; charset=utf-8",
    "look.js": "text/javascript; charset=utf-8",
    "words.js": "text/javascript; charset=utf-8",
    "tasks.js": "text/javascript; charset=utf-8",
    "follow.js": "text/javascript; charset=utf-8",
    "table.js": "text/javascript; charset=utf-8",
    "bulletins.js": "text/javascript; charset=utf-8",
    "bulletin.js": "text/javascript; charset=utf-8",
    "columns.js": "text/javascript; charset=utf-8",
    "views.js": "text/javascript; charset=utf-8",
    "packages.js": "text/javascript; charset=utf-8",
    "policies.js": "text/javascript; charset=utf-8",
    "jobs.js": "text/javascript; charset=utf-8",
    "log.js": "text/javascript; charset=utf-8",
    "record.js": "text/javascript; charset=utf-8",
    "stream.js": "text/javascript; charset=utf-8",
    "services.js": "text/javascript; charset=utf-8",
    "feed.js": "text/javascript; charset=utf-8",
    "supply.js": "text/javascript; charset=utf-8",
    "source.js": "text/javascript; charset=utf-8",
    "feeds.js": "text/javascript; charset=utf-8",
    "account.js": "text/javascript; charset=utf-8",
    "door.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

/// A digest of all of them: scripts import each other by plain names, so they change together.
fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let all: Vec<u8> = ASSETS.iter().flat_map(|(_, _, bytes)| bytes.iter().copied()).collect();
        patchwharf_trust::sha256(&all).to_string()[..12].to_owned()
    })
}

/// An asset's address.
pub(super) fn address(name: &str) -> String {
    format!("/console/assets/{name}?v={}", version())
}

/// Which version a page asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    v: Option<String>,
}

/// An asset. With the version of now it never changes; without, it is asked for anew each time.
pub(super) async fn file(Path(name): Path<String>, Query(asked): Query<Asked>) -> ApiResult<Response> {
    let found = ASSETS.iter().find(|(known, ..)| *known == name);
    let (_, kind, bytes) = found.ok_or_else(|| ApiError::new(Code::NotFound, "There is no such file."))?;
    let keep = match asked.v.as_deref() {
        Some(v) if v == version() => "private, max-age=31536000, immutable",
        _ => "private, max-age=60",
    };
    Ok(([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, keep)], *bytes).into_response())
}
