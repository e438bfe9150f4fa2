//! Findings as CSV.

use patchwharf_model::api::Finding;

use crate::csv;

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
    csv::record(&mut text, COLUMNS);
    text
}

/// One finding.
pub(super) fn line(text: &mut String, finding: &Finding) {
    let id = |id: Option<String>| id.unwrap_or_default();
    csv::record(
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
