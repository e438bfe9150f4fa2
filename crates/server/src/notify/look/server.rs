//! A server that cannot work.

use std::sync::Arc;

use super::{
    super::{Message, Trouble, decide::News, message::Line},
    own,
};
use crate::app::App;

pub(super) fn look(app: &Arc<App>) -> Trouble {
    trouble(app, app.jobs.held())
}

fn trouble(app: &Arc<App>, held: Option<String>) -> Trouble {
    let lines: Vec<Line> =
        held.iter().map(|reason| Line { item: "jobs wait".into(), reason: reason.clone() }).collect();
    Trouble {
        kind: own(app, "server"),
        count: lines.len() as u64,
        headline: "the server is degraded: packages are served, jobs wait".into(),
        well: "the server works again",
        lines,
        advice: String::new(),
        same: held.unwrap_or_default(),
        is_event: false,
        seen: String::new(),
    }
}

/// The message about a damaged database, which cannot be kept in it.
pub(crate) fn damaged(app: &Arc<App>, found: &str) -> Message {
    let now = app.clock.now();
    let held = format!("the resource database is damaged: {found}");
    Message::of(app, &trouble(app, Some(held)), News::Bad, now, now)
}
