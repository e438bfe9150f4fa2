//! An audit trail that does not hold.

use std::sync::Arc;

use super::{
    super::{Trouble, message::Line},
    own,
};
use crate::app::App;

pub(super) fn look(app: &Arc<App>) -> Trouble {
    let lines: Vec<Line> = app.trail.trouble().map(|(item, reason)| Line { item, reason }).into_iter().collect();
    Trouble {
        kind: own(app, "trail"),
        count: lines.len() as u64,
        headline: "the audit trail does not hold".into(),
        well: "the audit trail holds again",
        // More of the same is no other trouble.
        same: if lines.is_empty() { String::new() } else { "broken".into() },
        lines,
        advice: "Somebody has altered it, or an older copy of the database is in its place. `patchwharf audit verify` reads all of it; \
                 compare it with a backup and with the heads in older logs (--kept)."
            .into(),
        is_event: false,
        seen: String::new(),
    }
}
