//! One update: a page of its own, and what a bulletin's page shows of it when somebody opens it there.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, http::HeaderMap, response::Response};
use patchwharf_model::{
    api::{UpdateDetailView, UpdateReference},
    rule::Rule,
    update::VendorDigest,
};

use super::{page, shell::Shell, when::When};
use crate::{
    access::Principal,
    api::{ApiResult, Path, Shared, updates},
    words,
};

#[derive(Template)]
#[template(path = "update.html", blocks = ["part"])]
struct Show {
    shell: Shell,
    update: UpdateDetailView,
}

impl Show {
    fn bytes(&self, bytes: &u64) -> String {
        words::bytes(*bytes)
    }

    fn at(&self, at: &patchwharf_model::Timestamp) -> When {
        When(*at)
    }

    /// What the vendor pins a file by.
    fn digest(&self, digest: &VendorDigest) -> (&'static str, String) {
        match digest {
            VendorDigest::Sha256(digest) => ("SHA-256", digest.to_string()),
            VendorDigest::Sha1(digest) => ("SHA-1 only", digest.to_string()),
        }
    }

    /// An update that the feed has, by its key.
    fn related(&self, key: &str) -> Option<&UpdateReference> {
        self.update.related.iter().find(|related| related.key == key)
    }

    /// The two rules of an update, each with its heading.
    fn rules(&self, update: &UpdateDetailView) -> [(&'static str, Vec<(usize, String)>); 2] {
        let told = |rule: &Option<Rule>| rule.as_ref().map(lines).unwrap_or_default();
        let detail = &update.detail;
        [("Is installed when", told(&detail.is_installed)), ("Is installable when", told(&detail.is_installable))]
    }

    /// A vendor's address that a browser may follow: never `javascript:` and its kin.
    fn is_link(&self, url: &str) -> bool {
        url.starts_with("https://") || url.starts_with("http://")
    }
}

/// A rule as indented lines that people can read.
fn lines(rule: &Rule) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    write(rule, 0, &mut out);
    out
}

fn write(rule: &Rule, depth: usize, out: &mut Vec<(usize, String)>) {
    let line = match rule {
        Rule::And { .. } => "all of these hold:".to_owned(),
        Rule::Or { .. } => "one of these holds:".to_owned(),
        Rule::Not { .. } => "this does not hold:".to_owned(),
        Rule::True => "always".to_owned(),
        Rule::False => "never".to_owned(),
        other => plain(other),
    };
    out.push((depth, line));
    if depth < patchwharf_model::rule::MAX_DEPTH {
        rule.children().for_each(|child| write(child, depth + 1, out));
    }
}

/// A rule without rules in it: its name and what it asks, as its JSON says it without the marks.
fn plain(rule: &Rule) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(rule) else { return "a rule".to_owned() };
    let name = fields.get("rule").and_then(|name| name.as_str()).unwrap_or("rule").replace('-', " ");
    let facts: Vec<String> = fields
        .iter()
        .filter(|(key, value)| *key != "rule" && *key != "inner" && !value.is_null())
        .map(|(key, value)| format!("{} {}", key.replace(['_', '-'], " "), told(value)))
        .collect();
    if facts.is_empty() { name } else { format!("{name}: {}", facts.join(", ")) }
}

fn told(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Object(fields) => fields
            .iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(k, v)| format!("{k} {}", told(v)))
            .collect::<Vec<_>>()
            .join(" "),
        serde_json::Value::Array(items) => items.iter().map(told).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// The page, or only what a bulletin's page shows of it.
pub(super) async fn show(
    State(app): Shared,
    who: Principal,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> ApiResult<Response> {
    let update = updates::show(State(Arc::clone(&app)), Path(name)).await?.0;
    let show = Show { shell: Shell::new(who, "/console/bulletins", "main.js"), update };
    if page::is_part(&headers) { page::html(&show.as_part()) } else { page::html(&show) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn rules_read_as_indented_sentences() {
        let rule: Rule = serde_json::from_str(
            r#"{"rule":"and","rules":[{"rule":"not","inner":{"rule":"clustered-os"}},{"rule":"true"}]}"#,
        )
        .unwrap();
        let text: Vec<String> = lines(&rule).into_iter().map(|(depth, line)| format!("{depth} {line}")).collect();
        assert_eq!(text, ["0 all of these hold:", "1 this does not hold:", "2 clustered os", "1 always"]);
    }
}
