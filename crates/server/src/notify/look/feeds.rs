//! Feeds whose catalogue grows old.

use std::sync::Arc;

use jiff::SignedDuration;
use patchwharf_db::feeds::{self, Feed};
use patchwharf_model::Timestamp;

use super::{super::message::Line, Trouble};
use crate::{app::App, operations::OperationError, words::count};

pub(super) async fn look(app: &Arc<App>) -> Result<Trouble, OperationError> {
    let mut stale: Vec<Feed> = feeds::list(&app.db, false).await?;
    stale.retain(|feed| is_stale(app, feed.schedule_minutes, feed.last_import_at.unwrap_or(feed.created_at)));
    let many = stale.len() as u64;
    let same = stale.iter().map(|feed| feed.feed_id.to_string()).collect::<Vec<_>>().join(" ");
    let lines = stale.into_iter().map(|feed| {
        let last = feed.last_import_at.map_or_else(
            || "it was never imported".to_owned(),
            |last| format!("last good import {}", last.strftime("%Y-%m-%d %H:%M UTC")),
        );
        let why = feed.last_error.map_or_else(String::new, |why| format!("; {why}"));
        Line { item: format!("feed {}", feed.name), reason: format!("{last}{why}") }
    });
    Ok(Trouble {
        kind: "feeds".into(),
        count: many,
        headline: match many {
            1 => "1 feed is stale".to_owned(),
            _ => format!("{} are stale", count(many, "feed")),
        },
        well: "all feeds are up to date again",
        lines: lines.collect(),
        advice:
            "New bulletins of these vendors are not seen. Try `patchwharf feed import NAME`, which says what is wrong."
                .into(),
        same,
        is_event: false,
        seen: String::new(),
    })
}

/// Whether a feed is late that has this schedule and was imported then: only feeds with a schedule can be. One whose last
/// import lies in the future was imported by a wrong clock.
pub(crate) fn is_stale(app: &App, schedule_minutes: Option<u32>, last: Timestamp) -> bool {
    let Some(minutes) = schedule_minutes else { return false };
    let least = SignedDuration::try_from(app.config.notify.stale_feed).unwrap_or(SignedDuration::MAX);
    let most = least.max(SignedDuration::from_mins(2 * i64::from(minutes)));
    app.clock.now().duration_since(last) > most
}
