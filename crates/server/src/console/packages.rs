//! Software packages.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use patchwharf_db::packages::Totals;
use patchwharf_model::{
    api::{PackageQuery, PackageSummary, Page, View, ViewPlace},
    package::VersionState,
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
    api::{ApiResult, Shared, extract::Query, packages},
    words,
};

#[derive(Template)]
#[template(path = "packages.html", blocks = ["table"])]
struct Table {
    shell: Shell,
    views: Vec<View>,
    asked: Asked,
    page: Page<PackageSummary>,
    totals: Arc<Totals>,
    activity: Activity,
    locations: std::collections::HashMap<patchwharf_model::LocationId, String>,
}

/// The fields of the form.
const FIELDS: [&str; 5] = ["text", "state", "replaced", "weak", "unproved"];

impl Table {
    /// A box that is ticked or not cannot show that the contrary is asked for.
    fn fields(&self) -> Vec<&'static str> {
        FIELDS.into_iter().filter(|field| self.asked.get(field) != "false").collect()
    }

    fn kept(&self) -> Vec<(&str, &str)> {
        self.asked.kept(&self.fields())
    }

    fn conditions(&self) -> Vec<Condition> {
        self.asked.conditions(&self.fields())
    }

    fn states(&self) -> [VersionState; 9] {
        VersionState::ALL
    }

    fn doing(&self, row: &PackageSummary) -> Option<&Doing> {
        self.activity.packages.get(&row.id)
    }

    fn size(&self, row: &PackageSummary) -> String {
        words::bytes(row.size_bytes)
    }

    fn packages(&self) -> String {
        words::count(self.totals.packages, "package")
    }

    fn files(&self) -> String {
        words::count(self.totals.files, "proved file")
    }

    fn bytes(&self, bytes: &u64) -> String {
        words::bytes(*bytes)
    }

    fn verified(&self, row: &PackageSummary) -> WhenOr {
        WhenOr(row.verified_at, "never")
    }

    fn since(&self, row: &PackageSummary) -> WhenOr {
        WhenOr(row.since, "")
    }

    fn location(&self, row: &PackageSummary) -> &str {
        row.location.and_then(|id| self.locations.get(&id)).map_or("\u{2013}", String::as_str)
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
    let query: PackageQuery = asked.read()?;
    let page = packages::list(State(Arc::clone(&app)), Query(query)).await?.0;
    let totals = app.counts.totals(&app.db).await?;
    let locations = patchwharf_db::locations::list(&app.db).await?;
    let activity = Activity::now(&app).await?.on_packages(&page.items);
    let part = page::is_part(&headers);
    let views = if part { Vec::new() } else { saved(&app, &who, ViewPlace::Packages).await? };
    let table = Table {
        views,
        shell: Shell::new(who, "/console/packages", "packages.js"),
        asked,
        page,
        totals,
        activity,
        locations: locations.into_iter().map(|row| (row.location_id, row.path.to_string())).collect(),
    };
    if part { page::html(&table.as_table()) } else { page::html(&table) }
}
