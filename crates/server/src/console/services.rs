//! Core Services: package locations, and what is set.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use patchwharf_model::api::{Location, Setting, Settings};

use super::{page, shell::Shell};
use crate::{
    access::Principal,
    api::{ApiResult, Shared, settings},
    words,
};

/// Headings of settings, and how the names of those below them begin; what has no heading stands with the last.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Severity and languages", &["severity.", "feeds."]),
    ("Bandwidth and proxy", &["fetch."]),
    ("Retention", &["packages.", "originals.", "retention.", "log."]),
    ("Unused packages", &["unused."]),
    ("By the clock", &["integrity.", "download.", "revise."]),
];

#[derive(Template)]
#[template(path = "services.html")]
struct Show {
    shell: Shell,
    settings: Settings,
    config: Vec<(String, String)>,
}

impl Show {
    fn bytes(&self, bytes: &u64) -> String {
        words::bytes(*bytes)
    }

    /// A setting as people call it.
    fn label<'a>(&self, setting: &'a Setting) -> &'a str {
        match setting.name.as_str() {
            "severity.levels" => "Custom severity levels",
            "feeds.languages" => "Languages",
            "fetch.max-rate" => "Bandwidth of downloads, bytes per second",
            "fetch.proxy" => "Proxy of downloads",
            "packages.grace" => "Files of replaced versions stay",
            "packages.keep-quarantine" => "Quarantine is kept",
            "retention.jobs" => "Ended jobs are kept",
            "retention.audit" => "The audit trail is kept",
            "log.keep" => "Log records are kept",
            "download.every" => "Download software update packages every",
            "revise.every" => "Revise software updates every",
            "originals.keep-for" => "Originals stay at least",
            "integrity.light-every" => "Check lengths and time stamps every",
            "integrity.full-every" => "Check every byte every",
            "integrity.max-rate" => "Checks read at most, bytes per second",
            "integrity.only-between" => "Full checks only between",
            "unused.superseded-after" => "Unused: superseded for",
            "unused.disabled-after" => "Unused: bulletin disabled for",
            "unused.without-policy-after" => "Unused: in no policy, staged before",
            "unused.by-the-clock" => "Delete unused packages by the clock",
            other => other,
        }
    }

    /// What a setting means, as a sentence: the command line's marks for code are left out.
    fn meaning(&self, setting: &Setting) -> String {
        let text = setting.meaning.replace('`', "");
        let mut letters = text.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
    }

    /// Settings by what they are about; the package location has a section of its own.
    fn groups(&self) -> Vec<(&'static str, Vec<&Setting>)> {
        let mut groups: Vec<(&'static str, Vec<&Setting>)> = Vec::new();
        for (heading, _) in GROUPS {
            groups.push((heading, Vec::new()));
        }
        for setting in self.settings.settings.iter().filter(|setting| setting.name != "package-location") {
            let fits = |names: &[&str]| names.iter().any(|name| setting.name.starts_with(name));
            let at = GROUPS.iter().position(|(_, names)| fits(names)).unwrap_or(GROUPS.len() - 1);
            groups[at].1.push(setting);
        }
        groups
    }

    fn elsewhere(&self) -> String {
        let count = self.settings.elsewhere.packages;
        format!("{} {}", words::count(count, "package"), if count == 1 { "is" } else { "are" })
    }

    fn free(&self, location: &Location) -> String {
        match (location.free_bytes, location.total_bytes) {
            (Some(free), Some(total)) => format!("{} of {}", words::bytes(free), words::bytes(total)),
            _ => "not known".to_owned(),
        }
    }
}

/// The page.
pub(super) async fn show(State(app): Shared, who: Principal) -> ApiResult<Response> {
    let settings = settings::show(State(Arc::clone(&app))).await?.0;
    let mut config = Vec::new();
    flatten("", &settings.config, &mut config);
    page::html(&Show { shell: Shell::new(who, "/console/services", "services.js"), settings, config })
}

/// Sections and keys as `section.key`.
fn flatten(prefix: &str, value: &serde_json::Value, out: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (key, value) in fields {
                let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flatten(&name, value, out);
            }
        }
        serde_json::Value::String(text) => out.push((prefix.to_owned(), text.clone())),
        other => out.push((prefix.to_owned(), other.to_string())),
    }
}
