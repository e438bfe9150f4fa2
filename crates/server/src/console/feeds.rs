//! Catalogue feeds.

use askama::Template;
use axum::{extract::State, response::Response};
use patchwharf_model::{
    Timestamp,
    api::{Feed, FeedSource},
};

use super::{page, shell::Shell, when::WhenOr};
use crate::{
    access::Principal,
    api::{ApiResult, Shared, feeds},
};

#[derive(Template)]
#[template(path = "feeds.html")]
struct Table {
    shell: Shell,
    feeds: Vec<Feed>,
}

impl Table {
    fn perhaps(&self, at: &Option<Timestamp>) -> WhenOr {
        WhenOr(*at, "never")
    }

    fn kind(&self, feed: &Feed) -> &'static str {
        match feed.source {
            FeedSource::Sdp(_) => "SDP",
            FeedSource::Apt(_) => "apt",
        }
    }

    fn url<'a>(&self, feed: &'a Feed) -> &'a str {
        match &feed.source {
            FeedSource::Sdp(source) => &source.url,
            FeedSource::Apt(source) => &source.url,
        }
    }

    fn rules(&self, feed: &Feed) -> String {
        serde_json::to_string_pretty(&feed.rules).unwrap_or_default()
    }
}

/// All feeds.
pub(super) async fn table(State(app): Shared, who: Principal) -> ApiResult<Response> {
    let feeds = feeds::list(State(app)).await?.0.items;
    page::html(&Table { shell: Shell::new(who, "/console/feeds", "feeds.js"), feeds })
}
