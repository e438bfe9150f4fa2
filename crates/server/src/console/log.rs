//! The log viewer. Its records come by the API's event stream; the page is the frame.

use askama::Template;
use axum::{http::Uri, response::Response};

use super::{page, query::Asked, shell::Shell};
use crate::{access::Principal, api::ApiResult};

#[derive(Template)]
#[template(path = "log.html")]
struct Viewer {
    shell: Shell,
    asked: Asked,
}

impl Viewer {
    fn levels(&self) -> [&'static str; 5] {
        ["error", "warn", "info", "debug", "trace"]
    }

    fn is_level(&self, level: &str) -> bool {
        self.asked.get("level") == level
    }
}

/// The page.
pub(super) async fn viewer(who: Principal, uri: Uri) -> ApiResult<Response> {
    page::html(&Viewer { shell: Shell::new(who, "/console/log", "log.js"), asked: Asked::of(&uri) })
}
