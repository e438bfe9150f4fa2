//! Core Services: package locations, and what is set.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use patchwharf_model::api::{Location, Settings};

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
