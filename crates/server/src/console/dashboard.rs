//! What needs attention now.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{extract::State, response::Response};
use patchwharf_db::packages::Totals;
use patchwharf_model::{
    Severity, Timestamp,
    api::{
        Feed, HistoryQuery, Job, JobQuery, List, PackageQuery, PackageSort, PackageSummary, Page, Room, StoreHistory,
    },
    job::JobState,
    package::VersionState,
};

use super::{
    chart::{self, Chart},
    page,
    shell::Shell,
    when::{When, WhenOr},
};
use crate::{
    access::Principal,
    api::{ApiResult, Shared, extract::Query, feeds, jobs, packages},
    app::App,
    notify, words,
};

/// A disk that is full within so many seconds at its pace, two weeks, needs attention now, however much is free.
const SOON_SECONDS: u64 = 14 * 24 * 3600;
/// Days that the charts look back at.
const DAYS: u32 = 30;
const DAY: Duration = Duration::from_secs(86_400);

#[derive(Template)]
#[template(path = "dashboard.html")]
struct Show {
    shell: Shell,
    bad: Page<PackageSummary>,
    failed: Vec<Job>,
    running: Vec<Job>,
    feeds: Vec<Feed>,
    /// Of these, those whose catalogue grows old although they have a schedule.
    stale: Vec<Feed>,
    spaces: Vec<Space>,
    totals: Arc<Totals>,
    bars: Vec<Bar>,
    damage: Option<String>,
    /// What is not well with certificates and audit trail.
    troubles: Vec<(String, String)>,
    growth: Growth,
}

/// What was staged over time.
struct Growth {
    chart: Option<Chart>,
    /// In words, for who does not see the drawing.
    told: String,
    /// The first that is known, with its time, and the last.
    ends: Option<(String, Timestamp, String)>,
    highest: String,
}

/// Room on a disk.
struct Space {
    path: String,
    open: bool,
    reason: String,
    free: String,
    used_percent: u64,
    is_low: bool,
    /// Free space over time, and how it goes on.
    chart: Option<Chart>,
    /// When it is full.
    forecast: String,
}

/// A severity with how many bulletins are downloaded, partly, or not at all; widths of 100.
struct Bar {
    severity: Severity,
    total: u64,
    downloaded: u64,
    damaged: u64,
    rest: u64,
    /// What there is one of is seen.
    width: [u64; 3],
}

/// Their widths, where the whole of the largest is 100.
fn widths(parts: [u64; 3], largest: u64) -> [u64; 3] {
    parts.map(|part| if part == 0 { 0 } else { (part * 100 / largest.max(1)).max(1) })
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
            && self.troubles.is_empty()
            && self.stale.is_empty()
            && self.spaces.iter().all(|space| space.open && !space.is_low)
    }
}

fn troubles(app: &App) -> Vec<(String, String)> {
    let certificates = app.tls.all().into_iter().map(|(thing, sentence)| (thing.to_owned(), sentence));
    certificates.chain(app.trail.trouble()).collect()
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
    let day_ago = app.clock.now().checked_sub(DAY).unwrap_or(Timestamp::MIN);
    let history = packages::history(state(), Query(HistoryQuery { days: Some(DAYS) })).await?.0;
    let feeds = feeds::list(state()).await?.0.items;
    let late =
        |feed: &&Feed| feed.last_import_at.is_some_and(|last| notify::is_stale(&app, feed.schedule_minutes, last));
    let show = Show {
        bad: packages::list(state(), Query(bad)).await?.0,
        failed: failed.into_iter().filter(|job| job.ended_at.is_some_and(|at| at > day_ago)).collect(),
        running: jobs::list(state(), Query(of(vec![JobState::Running, JobState::Queued]))).await?.0.items,
        stale: feeds.iter().filter(late).cloned().collect(),
        feeds,
        spaces: spaces(&app, &history.rooms).await?,
        growth: growth(&history, app.clock.now()),
        totals: app.counts.totals(&app.db).await?,
        bars: bars(&app).await?,
        damage: app.db.damage().map(|damage| damage.to_string()),
        troubles: troubles(&app),
        shell: Shell::new(who, "/console", "main.js"),
    };
    page::html(&show)
}

/// What was staged in the last days.
fn growth(history: &StoreHistory, now: Timestamp) -> Growth {
    let points: Vec<_> = history.staged.iter().map(|sample| (sample.at, sample.size_bytes)).collect();
    let highest = points.iter().map(|(_, bytes)| *bytes).max().unwrap_or(0);
    let ends = match (points.first(), points.last()) {
        (Some((since, before)), Some((_, after))) if points.len() > 1 => {
            Some((words::bytes(*before), *since, words::bytes(*after)))
        }
        _ => None,
    };
    let told = ends.as_ref().map_or_else(String::new, |(before, since, after)| {
        format!("{before} staged on {}, {after} now.", since.strftime("%Y-%m-%d"))
    });
    // What is known for an hour fills the drawing, too.
    let start = points.first().map_or(now, |(first, _)| *first).max(back(now));
    let chart = (points.len() > 1).then(|| chart::draw(&points, (start, now), highest, None)).flatten();
    Growth { chart, told, ends, highest: words::bytes(highest) }
}

/// Where the charts begin.
fn back(now: Timestamp) -> Timestamp {
    now.checked_sub(DAY * DAYS).unwrap_or(Timestamp::MIN)
}

/// The line of a disk's free space, half of it for what comes, and the forecast in words.
fn room_chart(room: &Room) -> (Option<Chart>, String) {
    let points: Vec<_> = room.free.iter().map(|sample| (sample.at, sample.free_bytes)).collect();
    let Some((now, _)) = points.last().copied() else { return (None, String::new()) };
    let end = now.checked_add(DAY * DAYS).unwrap_or(now);
    let full = room.full_in_seconds.map(Duration::from_secs).and_then(|left| now.checked_add(left).ok());
    let chart = (points.len() > 1).then(|| chart::draw(&points, (back(now), end), room.total_bytes, full)).flatten();
    let told = match room.full_in_seconds {
        Some(seconds) if seconds < 2 * 86_400 => {
            format!("full in {} at this pace", words::count(seconds / 3600, "hour"))
        }
        Some(seconds) if seconds < 730 * 86_400 => format!("full in {} days at this pace", seconds / 86_400),
        Some(_) => "not full within two years at this pace".to_owned(),
        None => "no forecast: it has not become less, or has not been watched for long".to_owned(),
    };
    (chart, told)
}

async fn spaces(app: &Arc<App>, rooms: &[Room]) -> ApiResult<Vec<Space>> {
    let locations = crate::api::locations::view::shown(app).await?;
    let low = |free: u64, total: u64| total > 0 && free < total / 10;
    Ok(locations
        .into_iter()
        .filter(|location| location.is_default || location.packages > 0 || location.originals > 0)
        .map(|location| {
            let (free, total) = (location.free_bytes.unwrap_or(0), location.total_bytes.unwrap_or(0));
            let room = rooms.iter().find(|room| room.path == location.path);
            let (chart, forecast) = room.map(room_chart).unwrap_or_default();
            let is_full_soon = room.and_then(|room| room.full_in_seconds).is_some_and(|seconds| seconds < SOON_SECONDS);
            Space {
                chart,
                forecast,
                path: location.path,
                open: location.open,
                reason: location.reason,
                free: format!("{} free of {}", words::bytes(free), words::bytes(total)),
                used_percent: free.saturating_mul(100).checked_div(total).map_or(0, |free| 100 - free.min(100)),
                is_low: location.open && (low(free, total) || is_full_soon),
            }
        })
        .collect())
}

async fn bars(app: &Arc<App>) -> ApiResult<Vec<Bar>> {
    let rows = app.counts.severities(&app.db).await?;
    let largest = rows.iter().map(|row| row.bulletins).max().unwrap_or(0);
    Ok(rows
        .iter()
        .map(|row| {
            let rest = row.bulletins.saturating_sub(row.downloaded + row.damaged);
            let width = widths([row.downloaded, row.damaged, rest], largest);
            let (severity, total, downloaded, damaged) = (row.severity, row.bulletins, row.downloaded, row.damaged);
            Bar { severity, total, downloaded, damaged, rest, width }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_many_is_seen_and_none_is_not() {
        assert_eq!(widths([40_000, 3, 0], 40_003), [99, 1, 0]);
        assert_eq!(widths([0, 0, 0], 0), [0, 0, 0]);
    }
}
