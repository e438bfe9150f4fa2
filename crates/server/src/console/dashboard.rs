//! What needs attention now.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use patchwharf_db::packages::Totals;
use patchwharf_model::{
    Severity, Timestamp,
    api::{Feed, Job, JobQuery, List, PackageQuery, PackageSort, PackageSummary, Page},
    job::JobState,
    package::VersionState,
};

use super::{
    page,
    shell::Shell,
    when::{When, WhenOr},
};
use crate::{
    access::Principal,
    api::{ApiResult, Shared, extract::Query, feeds, jobs, packages},
    app::App,
    words,
};

#[derive(Template)]
#[template(path = "dashboard.html")]
struct Show {
    shell: Shell,
    bad: Page<PackageSummary>,
    failed: Vec<Job>,
    running: Vec<Job>,
    feeds: Vec<Feed>,
    spaces: Vec<Space>,
    totals: Arc<Totals>,
    bars: Vec<Bar>,
    damage: Option<String>,
    certificates: Vec<(&'static str, String)>,
}

/// Room on a disk.
struct Space {
    path: String,
    open: bool,
    reason: String,
    free: String,
    used_percent: u64,
    is_low: bool,
}

/// A severity with how many bulletins are downloaded, partly, or not at all; widths of 100.
struct Bar {
    severity: Severity,
    total: u64,
    downloaded: u64,
    damaged: u64,
    rest: u64,
    width: [u64; 3],
}

impl Bar {
    /// Where the second and the third part begin.
    fn starts(&self) -> (u64, u64) {
        (self.width[0], self.width[0] + self.width[1])
    }
}

impl Show {
    fn bytes(&self, bytes: &u64) -> String {
        words::bytes(*bytes)
    }

    fn packages(&self) -> String {
        words::count(self.totals.packages, "package")
    }

    fn at(&self, at: &Timestamp) -> When {
        When(*at)
    }

    fn perhaps(&self, at: &Option<Timestamp>) -> WhenOr {
        WhenOr(*at, "never")
    }

    fn failing_feeds(&self) -> impl Iterator<Item = &Feed> {
        self.feeds.iter().filter(|feed| !feed.last_error.is_empty())
    }

    /// Feeds that were never imported, and have not failed either.
    fn new_feeds(&self) -> impl Iterator<Item = &Feed> {
        self.feeds.iter().filter(|feed| feed.last_import_at.is_none() && feed.last_error.is_empty())
    }

    fn is_well(&self) -> bool {
        !self.feeds.is_empty()
            && self.new_feeds().next().is_none()
            && self.bad.items.is_empty()
            && self.failed.is_empty()
            && self.failing_feeds().next().is_none()
            && self.damage.is_none()
            && self.certificates.is_empty()
            && self.spaces.iter().all(|space| space.open && !space.is_low)
    }
}

/// The page.
pub(super) async fn show(State(app): Shared, who: Principal) -> ApiResult<Response> {
    let state = || State(Arc::clone(&app));
    let bad = PackageQuery {
        state: List(vec![
            VersionState::Corrupt,
            VersionState::Missing,
            VersionState::Unreachable,
            VersionState::VendorChanged,
        ]),
        sort: PackageSort::Since,
        limit: Some(10),
        ..PackageQuery::default()
    };
    let of = |states: Vec<JobState>| JobQuery { state: List(states), limit: Some(10), ..JobQuery::default() };
    let failed = jobs::list(state(), Query(of(vec![JobState::Failed]))).await?.0.items;
    let day_ago = app.clock.now().checked_sub(std::time::Duration::from_secs(86_400)).unwrap_or(Timestamp::MIN);
    let show = Show {
        bad: packages::list(state(), Query(bad)).await?.0,
        failed: failed.into_iter().filter(|job| job.ended_at.is_some_and(|at| at > day_ago)).collect(),
        running: jobs::list(state(), Query(of(vec![JobState::Running, JobState::Queued]))).await?.0.items,
        feeds: feeds::list(state()).await?.0.items,
        spaces: spaces(&app).await?,
        totals: app.counts.totals(&app.db).await?,
        bars: bars(&app).await?,
        damage: app.db.damage().map(|damage| damage.to_string()),
        certificates: app.tls.all(),
        shell: Shell::new(who, "/console", "main.js"),
    };
    page::html(&show)
}

async fn spaces(app: &Arc<App>) -> ApiResult<Vec<Space>> {
    let locations = crate::api::locations::view::shown(app).await?;
    let low = |free: u64, total: u64| total > 0 && free < total / 10;
    Ok(locations
        .into_iter()
        .filter(|location| location.is_default || location.packages > 0 || location.originals > 0)
        .map(|location| {
            let (free, total) = (location.free_bytes.unwrap_or(0), location.total_bytes.unwrap_or(0));
            Space {
                path: location.path,
                open: location.open,
                reason: location.reason,
                free: format!("{} free of {}", words::bytes(free), words::bytes(total)),
                used_percent: free.saturating_mul(100).checked_div(total).map_or(0, |free| 100 - free.min(100)),
                is_low: location.open && low(free, total),
            }
        })
        .collect())
}

async fn bars(app: &Arc<App>) -> ApiResult<Vec<Bar>> {
    let rows = app.counts.severities(&app.db).await?;
    let largest = rows.iter().map(|row| row.bulletins).max().unwrap_or(0).max(1);
    Ok(rows
        .iter()
        .map(|row| {
            let rest = row.bulletins.saturating_sub(row.downloaded + row.damaged);
            let width = [row.downloaded, row.damaged, rest].map(|part| part * 100 / largest);
            let (severity, total, downloaded, damaged) = (row.severity, row.bulletins, row.downloaded, row.damaged);
            Bar { severity, total, downloaded, damaged, rest, width }
        })
        .collect())
}
