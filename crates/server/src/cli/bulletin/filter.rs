//! Filters of bulletins on the command line.

use anyhow::{Context as _, Result};
use clap::Args;
use patchwharf_model::{
    Severity, Timestamp,
    api::{BulletinFilter, BulletinQuery, BulletinSort, BulletinState, Feed, List},
};
use serde::de::DeserializeOwned;

use crate::cli::{Client, client::segment};

/// Which bulletins.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct Filter {
    /// With this text in name, title or description.
    #[arg(long)]
    text: Option<String>,
    /// Of these vendor severities: critical, important, moderate, low, not-rated.
    #[arg(long, value_delimiter = ',')]
    severity: Vec<Severity>,
    /// With this custom severity.
    #[arg(long)]
    custom_severity: Option<String>,
    /// Of this vendor.
    #[arg(long)]
    vendor: Option<String>,
    /// In all of these states: enabled, disabled, downloaded, not-downloaded, damaged, current, superseded, withdrawn, unlisted.
    #[arg(long, value_delimiter = ',')]
    state: Vec<BulletinState>,
    /// Released on or after this day (2026-11-01) or time.
    #[arg(long, value_parser = moment)]
    released_from: Option<Timestamp>,
    /// Released before this day or time.
    #[arg(long, value_parser = moment)]
    released_before: Option<Timestamp>,
    /// Revised on or after this day or time.
    #[arg(long, value_parser = moment)]
    revised_from: Option<Timestamp>,
    /// Revised before this day or time.
    #[arg(long, value_parser = moment)]
    revised_before: Option<Timestamp>,
    /// That names this CVE.
    #[arg(long)]
    cve: Option<String>,
    /// That names this knowledge-base article.
    #[arg(long)]
    kb: Option<String>,
    /// Of this feed: name or id.
    #[arg(long)]
    feed: Option<String>,
}

impl Filter {
    /// None when nothing was given.
    pub(in crate::cli) async fn resolve(self, client: &Client) -> Result<Option<BulletinFilter>> {
        let feed = match self.feed {
            None => None,
            Some(name) => {
                let feed: Feed = client.get(&format!("/feeds/{}", segment(&name))).await?;
                Some(feed.id)
            }
        };
        let filter = BulletinFilter {
            text: self.text,
            severity: List(self.severity),
            custom_severity: self.custom_severity,
            vendor: self.vendor,
            state: List(self.state),
            released_from: self.released_from,
            released_before: self.released_before,
            revised_from: self.revised_from,
            revised_before: self.revised_before,
            cve: self.cve,
            kb: self.kb,
            feed,
        };
        Ok((filter != BulletinFilter::default()).then_some(filter))
    }
}

/// A list's query with this filter.
pub(super) fn query(filter: BulletinFilter) -> BulletinQuery {
    BulletinQuery {
        text: filter.text,
        severity: filter.severity,
        custom_severity: filter.custom_severity,
        vendor: filter.vendor,
        state: filter.state,
        released_from: filter.released_from,
        released_before: filter.released_before,
        revised_from: filter.revised_from,
        revised_before: filter.revised_before,
        cve: filter.cve,
        kb: filter.kb,
        feed: filter.feed,
        ..BulletinQuery::default()
    }
}

/// A sort by its name in the API.
pub(super) fn sort(text: &str) -> Result<BulletinSort> {
    named(text)
        .context("use name, severity, custom-severity, downloaded, released, revised, updates, packages, bad-packages, policies or oldest-proof")
}

fn named<T: DeserializeOwned>(text: &str) -> Result<T> {
    Ok(serde_json::from_value(serde_json::Value::String(text.to_owned()))?)
}

/// A day (its beginning in UTC) or a time.
fn moment(text: &str) -> Result<Timestamp> {
    let day =
        || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|day| day.timestamp());
    text.parse().ok().or_else(day).context("write a day as 2026-11-01 or a time as 2026-11-01T08:00:00Z")
}
