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
    operations::{integrity::settings as integrity, revise::settings as revise, unused::settings as unused},
    settings, words,
};

#[derive(Template)]
#[template(path = "jobs.html", blocks = ["table"])]
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

    /// When revised updates are staged anew, in words.
    fn revisions(&self) -> String {
        match self.setting(revise::EVERY) {
            "off" => "on demand: stages anew what vendors have revised; policies follow by their rule".to_owned(),
            every => format!("every {every}: stages anew what vendors have revised; policies follow by their rule"),
        }
    }

    /// When unused packages are deleted, in words.
    fn unused(&self) -> &'static str {
        let rules = [unused::SUPERSEDED_AFTER, unused::DISABLED_AFTER, unused::WITHOUT_POLICY_AFTER];
        match (rules.iter().all(|rule| self.setting(rule) == "off"), self.setting(unused::BY_THE_CLOCK)) {
            (true, _) => "on demand; all rules are off (Core Services)",
            (false, "off") => "on demand, by the rules under Core Services",
            (false, _) => "with each full check by the clock, by the rules under Core Services",
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

    fn is_check(&self) -> bool {
        self.job.job.kind == JobKind::IntegrityCheck
    }
}

/// The list, or only its rows where a script asks for them.
pub(super) async fn table(State(app): Shared, who: Principal, headers: HeaderMap, uri: Uri) -> ApiResult<Response> {
    let asked = Asked::of(&uri);
    let query: JobQuery = asked.read()?;
    let page = jobs::list(State(Arc::clone(&app)), Query(query)).await?.0;
    let part = page::is_part(&headers);
    let (settings, feeds) = if part {
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
    if part { page::html(&table.as_table()) } else { page::html(&table) }
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
    let request = serde_json::to_string_pretty(&detail.request).map_err(crate::api::ApiError::internal)?;
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
