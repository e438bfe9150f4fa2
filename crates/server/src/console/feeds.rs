//! Catalogue feeds.

use askama::Template;
use axum::{extract::State, http::HeaderMap, response::Response};
use patchwharf_model::{
    Timestamp,
    api::{Feed, FeedSource},
};

use super::{activity::Activity, feed, page, shell::Shell, when::WhenOr};
use crate::{
    access::Principal,
    api::{ApiResult, Shared, feeds},
};

#[derive(Template)]
#[template(path = "feeds.html", blocks = ["table"])]
struct Table {
    shell: Shell,
    feeds: Vec<Feed>,
    activity: Activity,
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
        feed.source.url()
    }

    fn takes(&self, feed: &Feed) -> String {
        feed::in_words(&feed.rules)
    }

    fn stages(&self, feed: &Feed) -> Option<String> {
        feed.auto_stage.as_ref().map(feed::in_words)
    }
}

/// All feeds, or only their table where a script asks for it.
pub(super) async fn table(State(app): Shared, who: Principal, headers: HeaderMap) -> ApiResult<Response> {
    let activity = Activity::now(&app).await?;
    let feeds = feeds::list(State(app)).await?.0.items;
    let table = Table { shell: Shell::new(who, "/console/feeds", "feeds.js"), feeds, activity };
    if page::is_part(&headers) { page::html(&table.as_table()) } else { page::html(&table) }
}
