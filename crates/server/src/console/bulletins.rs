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
    api::{BulletinQuery, BulletinState, BulletinSummary, Page, View, ViewPlace},
};

use super::{
    activity::{Activity, Doing},
    page,
    query::Asked,
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

impl Table {
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
    let activity = Activity::now(&app).await?;
    let part = page::is_part(&headers);
    let (custom, feeds) = if part { Default::default() } else { choices(&app).await? };
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
