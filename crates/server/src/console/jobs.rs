//! Jobs and tasks.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use patchwharf_model::{
    JobId, Timestamp,
    api::{Finding, FindingQuery, Job, JobDetail, JobQuery, Page, Setting},
    job::{JobKind, JobState, Unit},
};

use super::{
    activity, page,
    query::Asked,
    shell::Shell,
    when::{When, WhenOr},
};
use crate::{
    access::Principal,
    api::{ApiResult, Path, Shared, extract::Query, jobs},
    app::App,
    operations::{integrity::settings as integrity, unused::settings as unused},
    settings, words,
};

#[derive(Template)]
#[template(path = "jobs.html", blocks = ["table", "system"])]
struct Table {
    shell: Shell,
    asked: Asked,
    page: Page<Job>,
    /// What is set of jobs by the clock.
    settings: Vec<Setting>,
    /// When backups are made.
    backups: String,
    feeds: Vec<patchwharf_model::api::Feed>,
}

impl Table {
    fn kinds(&self) -> &'static [JobKind] {
        JobKind::ALL
    }

    fn states(&self) -> &'static [JobState] {
        JobState::ALL
    }

    fn at(&self, at: &Timestamp) -> When {
        When(*at)
    }

    fn perhaps(&self, at: &Option<Timestamp>) -> WhenOr {
        WhenOr(*at, "\u{2013}")
    }

    fn percent(&self, job: &Job) -> Option<u64> {
        activity::percent(&job.progress).filter(|_| !job.state.is_final())
    }

    fn setting(&self, name: &str) -> &str {
        self.settings.iter().find(|setting| setting.name == name).map_or("off", |setting| setting.value.as_str())
    }

    /// Checks by the clock, in words.
    fn checks(&self) -> Vec<String> {
        let every = |what: &str, value: &str| match value {
            "off" => format!("{what}: on demand"),
            value => format!("{what}: every {value}"),
        };
        let mut lines = vec![
            every("lengths and time stamps", self.setting(integrity::LIGHT_EVERY)),
            every("every byte", self.setting(integrity::FULL_EVERY)),
        ];
        let (hours, rate) = (self.setting(integrity::ONLY_BETWEEN), self.setting(integrity::MAX_RATE));
        if hours != "off" {
            lines.push(format!("full checks only between {hours}"));
        }
        if rate != "off" {
            lines.push(format!("at most {rate} bytes per second"));
        }
        lines
    }

    /// How often something is done by the clock, in words.
    fn every(&self, setting: &str) -> String {
        match self.setting(setting) {
            "off" => "on demand".to_owned(),
            every => format!("every {every}"),
        }
    }

    /// When unused packages are deleted, in words.
    fn unused(&self) -> &'static str {
        let rules = [unused::SUPERSEDED_AFTER, unused::DISABLED_AFTER, unused::WITHOUT_POLICY_AFTER];
        match (rules.iter().all(|rule| self.setting(rule) == "off"), self.setting(unused::BY_THE_CLOCK)) {
            (true, _) => "on demand; all rules are off",
            (false, "off") => "on demand, by the rules that are set",
            (false, _) => "with each full check by the clock, by the rules that are set",
        }
    }

    fn goes_on(&self) -> bool {
        self.page.items.iter().any(|job| !job.state.is_final())
    }

    fn last_row(&self) -> u64 {
        self.asked.first_row() + (self.page.items.len() as u64).saturating_sub(1)
    }

    fn next(&self) -> Option<String> {
        self.page.next.as_ref().map(|cursor| self.asked.next(cursor, self.last_row() + 1))
    }
}

#[derive(Template)]
#[template(path = "job.html")]
struct Show {
    shell: Shell,
    job: JobDetail,
    request: String,
    findings: Vec<Finding>,
    more_findings: u64,
}

impl Show {
    fn at(&self, at: &Timestamp) -> When {
        When(*at)
    }

    fn perhaps(&self, at: &Option<Timestamp>) -> WhenOr {
        WhenOr(*at, "\u{2013}")
    }

    fn percent(&self) -> u64 {
        activity::percent(&self.job.job.progress).unwrap_or(0)
    }

    fn done(&self) -> String {
        let progress = &self.job.job.progress;
        match progress.unit {
            Unit::Bytes => format!("{} of {}", words::bytes(progress.done), words::bytes(progress.total)),
            Unit::Items => format!("{} of {}", progress.done, progress.total),
        }
    }

    /// What a job that goes on was asked, and has not done yet.
    fn asked(&self) -> &'static str {
        match (self.job.job.cancel_asked, self.job.job.pause_asked && self.job.job.state != JobState::Paused) {
            (true, _) => "is being cancelled: it stops at its next step",
            (false, true) => "is being paused: it stops at its next step",
            (false, false) => "",
        }
    }

    fn is_check(&self) -> bool {
        self.job.job.kind == JobKind::IntegrityCheck
    }
}

/// The list, or only its rows, or the system jobs, where a script asks for them.
pub(super) async fn table(State(app): Shared, who: Principal, headers: HeaderMap, uri: Uri) -> ApiResult<Response> {
    let asked = Asked::of(&uri);
    let query: JobQuery = asked.read()?;
    let page = jobs::list(State(Arc::clone(&app)), Query(query)).await?.0;
    let part = page::is_part(&headers);
    let is_system = headers.get("hx-target").is_some_and(|target| target == "system");
    let (settings, feeds) = if part && !is_system {
        Default::default()
    } else {
        (settings::list(&app).await?, crate::api::feeds::list(State(Arc::clone(&app))).await?.0.items)
    };
    let table = Table {
        shell: Shell::new(who, "/console/jobs", "jobs.js"),
        asked,
        page,
        settings,
        backups: backups(&app),
        feeds,
    };
    match (part, is_system) {
        (false, _) => page::html(&table),
        (true, false) => page::html(&table.as_table()),
        (true, true) => page::html(&table.as_system()),
    }
}

/// When backups are made, in words.
fn backups(app: &App) -> String {
    let config = &app.config.backup;
    match &config.folder {
        Some(folder) => format!("every {} into {folder}", patchwharf_model::span::written(config.every)),
        None => "on demand; by the clock once backup.folder is set in the configuration".to_owned(),
    }
}

/// One job: live while it goes on, then its report.
pub(super) async fn show(State(app): Shared, who: Principal, Path(job): Path<JobId>) -> ApiResult<Response> {
    let state = || State(Arc::clone(&app));
    let detail = jobs::show(state(), Path(job)).await?.0;
    let request = match &detail.request {
        Some(request) => serde_json::to_string_pretty(request).map_err(crate::api::ApiError::internal)?,
        None => words::UNKNOWN_REQUEST.to_owned(),
    };
    let (findings, more_findings) = match detail.job.kind {
        JobKind::IntegrityCheck => {
            let query = FindingQuery { limit: Some(500), ..FindingQuery::default() };
            let page = jobs::page_of_findings(&app, job, query).await?;
            let more = page.total.unwrap_or(0).saturating_sub(page.items.len() as u64);
            (page.items, more)
        }
        _ => (Vec::new(), 0),
    };
    let shell = Shell::new(who, "/console/jobs", "jobs.js");
    page::html(&Show { shell, job: detail, request, findings, more_findings })
}
