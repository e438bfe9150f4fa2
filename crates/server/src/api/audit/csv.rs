//! Changes as CSV.

use patchwharf_model::api::AuditEntry;

use crate::csv;

const COLUMNS: [&str; 9] = ["number", "at", "who", "from", "action", "object", "before", "after", "digest"];

/// The first line.
pub(super) fn heading() -> String {
    let mut text = String::new();
    csv::record(&mut text, COLUMNS);
    text
}

/// One change.
pub(super) fn line(text: &mut String, change: &AuditEntry) {
    let AuditEntry { id, at, actor, source, action, object, before, after, digest } = change;
    let (id, at, digest) = (id.to_string(), at.to_string(), digest.map(|digest| digest.to_string()));
    let [before, after, digest] = [before, after, &digest].map(|text| text.as_deref().unwrap_or_default());
    csv::record(text, [&id, &at, actor, source, action, object, before, after, digest]);
}
