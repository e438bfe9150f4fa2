//! Findings as CSV (RFC 4180), safe to open in a spreadsheet (W-11).

use patchwharf_model::api::Finding;

const COLUMNS: [&str; 19] = [
    "gravity",
    "kind",
    "outcome",
    "bulletin",
    "update",
    "package",
    "version",
    "location",
    "path",
    "expected",
    "found",
    "since",
    "policies",
    "package servers",
    "became",
    "by",
    "remedy",
    "command",
    "update id",
];

/// The first line.
pub(super) fn heading() -> String {
    let mut text = String::new();
    record(&mut text, COLUMNS.map(ToOwned::to_owned));
    text
}

/// One finding.
pub(super) fn line(text: &mut String, finding: &Finding) {
    let id = |id: Option<String>| id.unwrap_or_default();
    record(
        text,
        [
            finding.gravity.to_string(),
            finding.kind.to_string(),
            finding.outcome.to_string(),
            finding.bulletin_name.clone(),
            finding.update_key.clone(),
            id(finding.package.map(|id| id.to_string())),
            id(finding.version.map(|version| version.to_string())),
            id(finding.location.map(|id| id.to_string())),
            finding.path.clone(),
            finding.expected.clone(),
            finding.found.clone(),
            finding.since.to_string(),
            finding.policies.join("; "),
            finding.package_servers.join("; "),
            finding.became.clone(),
            finding.by.to_string(),
            finding.remedy.clone(),
            finding.command.clone(),
            id(finding.update.map(|id| id.to_string())),
        ],
    );
}

fn record(text: &mut String, cells: [String; COLUMNS.len()]) {
    for (at, value) in cells.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        cell(text, value);
    }
    text.push_str("\r\n");
}

/// A cell. What a spreadsheet would take for a formula gets an apostrophe before it.
fn cell(text: &mut String, value: &str) {
    let is_formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let needs_quotes = is_formula || value.contains([',', '"', '\n', '\r']);
    if needs_quotes {
        text.push('"');
    }
    if is_formula {
        text.push('\'');
    }
    for c in value.chars() {
        match c {
            '"' => text.push_str("\"\""),
            // A name on disk must not drive the terminal that a report is shown on.
            c if c.is_control() && !matches!(c, '\n' | '\t') => text.extend(c.escape_unicode()),
            c => text.push(c),
        }
    }
    if needs_quotes {
        text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> String {
        let mut text = String::new();
        cell(&mut text, value);
        text
    }

    #[test]
    fn w_11_no_cell_is_a_formula() {
        for start in ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            let cell = of(start);
            assert!(cell.starts_with("\"'"), "{cell}");
        }
        assert_eq!(of("a=b"), "a=b");
    }

    #[test]
    fn commas_quotes_and_line_ends_stay_in_their_cell() {
        assert_eq!(of("a,b"), "\"a,b\"");
        assert_eq!(of("say \"yes\""), "\"say \"\"yes\"\"\"");
        assert_eq!(of("two\nlines"), "\"two\nlines\"");
        assert_eq!(of("\u{1b}[2J"), "\\u{1b}[2J");
        assert_eq!(heading().matches(',').count(), COLUMNS.len() - 1);
    }
}
