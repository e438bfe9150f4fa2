//! The Patch Remediation Center.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use patchwharf_model::{
    Severity,
    api::{BulletinQuery, BulletinState, BulletinSummary, BulletinTrouble, Page, View, ViewPlace},
};

use super::{
    activity::{Activity, Doing},
    page,
    query::{Asked, Condition},
    shell::Shell,
    views::saved,
    when::WhenOr,
};
use crate::{
    access::Principal,
    api::{ApiResult, Shared, bulletins, extract::Query},
    app::App,
};

#[derive(Template)]
#[template(path = "bulletins.html", blocks = ["table"])]
struct Table {
    shell: Shell,
    views: Vec<View>,
    asked: Asked,
    page: Page<BulletinSummary>,
    activity: Activity,
    /// The filter as the API takes it, for actions on all that match.
    filter: String,
    /// Custom severities in use.
    custom: Vec<String>,
    feeds: Vec<patchwharf_model::api::Feed>,
}

/// The fields of the form.
const FIELDS: [&str; 6] = ["text", "severity", "state", "custom_severity", "feed", "revised_from"];

impl Table {
    /// Sorted columns: by what, name, classes.
    fn columns(&self) -> [(&'static str, &'static str, &'static str); 9] {
        [
            ("name", "Bulletin", ""),
            ("severity", "Severity", "c-severity"),
            ("custom-severity", "Custom severity", "c-custom"),
            ("downloaded", "Downloaded, proved", "c-downloaded"),
            ("policies", "Policies", "c-policies"),
            ("updates", "Updates", "roomy c-updates"),
            ("packages", "Packages", "roomy c-packages"),
            ("released", "Released", "roomy c-released"),
            ("revised", "Revised", "c-revised"),
        ]
    }

    /// Fields that stand there and show what is asked for.
    fn fields(&self) -> Vec<&'static str> {
        let hides = |field: &&str| match *field {
            "custom_severity" => !self.custom.iter().any(|name| name == self.asked.get("custom_severity")),
            "feed" => !self.feeds.iter().any(|feed| feed.id.to_string() == self.asked.get("feed")),
            _ => false,
        };
        FIELDS.into_iter().filter(|field| !hides(field)).collect()
    }

    fn kept(&self) -> Vec<(&str, &str)> {
        self.asked.kept(&self.fields())
    }

    fn conditions(&self) -> Vec<Condition> {
        self.asked.conditions(&self.fields())
    }

    /// One feed is no choice, unless it is chosen.
    fn chooses_feed(&self) -> bool {
        self.feeds.len() > 1 || !self.asked.get("feed").is_empty()
    }

    fn severities(&self) -> impl Iterator<Item = Severity> {
        Severity::ALL.into_iter().rev()
    }

    fn states(&self) -> [BulletinState; 9] {
        BulletinState::ALL
    }

    fn doing(&self, row: &BulletinSummary) -> Option<&Doing> {
        self.activity.bulletins.get(&row.id)
    }

    fn proof(&self, row: &BulletinSummary) -> WhenOr {
        WhenOr(row.oldest_proof_at, "never")
    }

    /// What is wrong, in words.
    fn why(&self, trouble: &BulletinTrouble) -> String {
        why(trouble)
    }

    fn released(&self, row: &BulletinSummary) -> WhenOr {
        WhenOr(row.released_at, "\u{2013}")
    }

    fn revised(&self, row: &BulletinSummary) -> WhenOr {
        WhenOr(Some(row.revised_at), "")
    }

    fn last_row(&self) -> u64 {
        self.asked.first_row() + (self.page.items.len() as u64).saturating_sub(1)
    }

    fn next(&self) -> Option<String> {
        self.page.next.as_ref().map(|cursor| self.asked.next(cursor, self.last_row() + 1))
    }
}

/// What is wrong with a bulletin's package, in words.
pub(super) fn why(trouble: &BulletinTrouble) -> String {
    match (trouble.reason.as_str(), trouble.unproved) {
        ("", true) => "unproved, not served: nobody vouches for its digests".to_owned(),
        (reason, _) => format!("{}: {reason}", trouble.state),
    }
}

/// The table, or only its rows where a script asks for them.
pub(super) async fn table(State(app): Shared, who: Principal, headers: HeaderMap, uri: Uri) -> ApiResult<Response> {
    let asked = Asked::of(&uri);
    let mut query: BulletinQuery = asked.read()?;
    let filter = serde_json::to_string(&query.filter()).map_err(crate::api::ApiError::internal)?;
    if asked.get("sort").is_empty() {
        query.sort = patchwharf_model::api::BulletinSort::Revised;
        query.order = patchwharf_model::api::Order::Descending;
    }
    let page = bulletins::list(State(Arc::clone(&app)), Query(query)).await?.0;
    let ids: Vec<_> = page.items.iter().map(|row| row.id).collect();
    let activity = Activity::now(&app).await?.on_bulletins(&app, &ids).await?;
    let part = page::is_part(&headers);
    // A part shows none of the fields; it only has to know whether they show what is asked for.
    let asks = !asked.get("custom_severity").is_empty() || !asked.get("feed").is_empty();
    let (custom, feeds) = if part && !asks { Default::default() } else { choices(&app).await? };
    let views = if part { Vec::new() } else { saved(&app, &who, ViewPlace::Bulletins).await? };
    let table = Table {
        views,
        shell: Shell::new(who, "/console/bulletins", "bulletins.js"),
        asked,
        page,
        activity,
        filter,
        custom,
        feeds,
    };
    if part { page::html(&table.as_table()) } else { page::html(&table) }
}

/// What the filter offers to choose from.
async fn choices(app: &Arc<App>) -> ApiResult<(Vec<String>, Vec<patchwharf_model::api::Feed>)> {
    let custom = patchwharf_db::bulletins::custom_severities(&app.db).await?;
    let feeds = crate::api::feeds::list(State(Arc::clone(app))).await?.0.items;
    Ok((custom, feeds))
}
