//! Certificates that cannot be renewed, or end soon.

use std::sync::Arc;

use super::{
    super::{Trouble, message::Line},
    own,
};
use crate::app::App;

pub(super) fn look(app: &Arc<App>) -> Trouble {
    let lines = app.tls.all().into_iter().map(|(thing, reason)| Line { item: thing.to_owned(), reason });
    let lines: Vec<Line> = lines.collect();
    let same = lines.iter().map(|line| format!("{}: {}", line.item, line.reason)).collect::<Vec<_>>().join("; ");
    Trouble {
        kind: own(app, "tls"),
        count: lines.len() as u64,
        headline: "the server's certificate needs somebody".into(),
        well: "the server's certificate is in order again",
        lines,
        advice: "See what the server shows with `patchwharf tls show`.".into(),
        same,
        is_event: false,
        seen: String::new(),
    }
}
