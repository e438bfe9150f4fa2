//! What an import says of itself.

use patchwharf_model::job::Report;

use super::{Catalogue, Entry};
use crate::{
    jobs::JobContext,
    operations::import::{item, supersedence::Standing},
};

/// Lines of one kind in a report.
const MOST_LINES: u64 = 500;

impl Catalogue {
    pub(in crate::operations::import) fn report(&self, ctx: &JobContext, standing: &Standing) -> Report {
        let mut report = Report::default();
        let mut count = |name: &str, entry: Option<(&Entry, &str)>| {
            let count = report.counts.entry(name.to_owned()).or_default();
            *count += 1;
            if let Some((entry, reason)) = entry.filter(|_| *count <= MOST_LINES) {
                item(ctx, &format!("update {}", entry.key), name, reason);
            }
        };
        for (at, entry) in self.entries.iter().enumerate() {
            let before = entry.known.as_ref();
            match (&entry.taken, before) {
                (Some(taken), before) => {
                    if taken.withdrawn && before.is_none_or(|known| !known.withdrawn) {
                        count("withdrawn", Some((entry, "the vendor withdrew it")));
                    }
                    match before {
                        None => count("added", None),
                        Some(_) if taken.changed => count("revised", Some((entry, ""))),
                        Some(_) => count("unchanged", None),
                    }
                }
                (None, Some(known)) if known.listed => {
                    let reason = if entry.present {
                        "the feed's rules leave it out now; it is kept"
                    } else {
                        "the catalogue no longer lists it; it is kept"
                    };
                    count("no-longer-listed", Some((entry, reason)));
                }
                _ => {}
            }
            let superseded_before = before.is_some_and(|known| known.superseded_by.is_some());
            if standing.superseded_by[at].is_some() && !superseded_before && (entry.taken.is_some() || before.is_some())
            {
                count("superseded", None);
            }
        }
        for (name, number) in [("rejected", self.rejected), ("left-out", self.left_out)] {
            report.counts.insert(name.to_owned(), number);
        }
        for name in ["added", "revised", "withdrawn", "superseded", "unchanged"] {
            report.counts.entry(name.to_owned()).or_default();
        }
        let of = |name: &str| report.counts.get(name).copied().unwrap_or_default();
        report.summary = format!(
            "{} updates added, {} revised, {} withdrawn, {} superseded, {} unchanged, {} rejected{}.",
            of("added"),
            of("revised"),
            of("withdrawn"),
            of("superseded"),
            of("unchanged"),
            of("rejected"),
            if self.left_out > 0 { format!(", {} left out by the feed's rules", self.left_out) } else { String::new() }
        );
        report
    }
}
