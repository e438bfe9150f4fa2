//! Feeds on the terminal.

use anyhow::Result;
use patchwharf_model::{
    Sha256,
    api::{Clause, Feed, FeedRules, FeedSource, Page},
};

use crate::cli::{Client, output};

pub(super) async fn list(client: &Client) -> Result<()> {
    let page: Page<Feed> = client.get("/feeds").await?;
    if client.json {
        return output::json(&page);
    }
    let rows = page.items.iter().map(|feed| {
        [
            feed.name.clone(),
            feed.source.kind().to_owned(),
            feed.source.url().to_owned(),
            feed.schedule_minutes.map_or_else(|| "on demand".to_owned(), |minutes| format!("every {minutes} min")),
            output::time_or(feed.last_import_at, "never"),
            feed.last_error.clone(),
        ]
    });
    output::table(["feed", "kind", "from", "import", "last import (UTC)", "last error"], rows)
}

pub(super) fn one(client: &Client, feed: &Feed) -> Result<()> {
    if client.json {
        return output::json(feed);
    }
    output::facts(&[
        ("feed", feed.name.clone()),
        ("id", feed.id.to_string()),
        ("kind", feed.source.kind().to_owned()),
        ("from", feed.source.url().to_owned()),
    ])?;
    match &feed.source {
        FeedSource::Sdp(source) => output::facts(&[("mirrors", source.mirrors.join(", "))])?,
        FeedSource::Apt(source) => output::facts(&[
            ("suite", source.suite.clone()),
            ("components", source.components.join(", ")),
            ("architectures", source.architectures.join(", ")),
            ("keys", source.keys.join(", ")),
            ("advisories", source.advisories.clone().unwrap_or_default()),
            ("mirrors", source.mirrors.join(", ")),
        ])?,
    }
    output::facts(&[
        ("import", feed.schedule_minutes.map_or_else(|| "on demand".to_owned(), |m| format!("every {m} minutes"))),
        ("rules", rules(&feed.rules)),
        ("staged after an import", feed.auto_stage.as_ref().map_or_else(|| "nothing".to_owned(), rules)),
        ("accept-sha1", output::yes(feed.accept_sha1)),
        ("trusted authorities", authorities(&feed.ca_sha256)),
        ("catalogue of", output::time_or(feed.catalogue_date, "")),
        ("last import", output::time_or(feed.last_import_at, "never")),
        ("its job", feed.last_import_job.map(|job| job.to_string()).unwrap_or_default()),
        ("last error", feed.last_error.clone()),
        ("bulletins", feed.bulletins.map(|count| count.to_string()).unwrap_or_default()),
    ])
}

fn authorities(of_its_own: &[Sha256]) -> String {
    match of_its_own {
        [] => "those of the server's machine".to_owned(),
        some => {
            let prints: Vec<String> = some.iter().map(|print| format!("SHA-256 {print}")).collect();
            format!("only {}", prints.join(", "))
        }
    }
}

fn rules(rules: &FeedRules) -> String {
    let list = |clauses: &[Clause]| clauses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match (rules.include.is_empty(), rules.exclude.is_empty()) {
        (true, true) => "everything".to_owned(),
        (false, true) => list(&rules.include),
        (true, false) => format!("everything but {}", list(&rules.exclude)),
        (false, false) => format!("{} but not {}", list(&rules.include), list(&rules.exclude)),
    }
}
