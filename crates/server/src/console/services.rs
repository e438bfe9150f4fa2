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
            "package-location" => "Folder for new packages",
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
