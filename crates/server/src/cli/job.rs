//! `patchwharf job ...`

pub(super) mod findings;
mod items;
mod run;

use anyhow::Result;
use clap::Subcommand;
use patchwharf_model::{
    JobId,
    api::{self, JobDetail, JobQuery, List, Page},
    job::{JobKind, JobState},
};

use super::{Client, Found, follow, output};
use crate::words::UNKNOWN_REQUEST;

/// Jobs: run, list, show, watch, pause, resume, cancel.
#[derive(Debug, Subcommand)]
pub(super) enum Job {
    /// List jobs, newest first.
    List {
        /// Only in these states: queued, running, paused, done, failed, cancelled.
        #[arg(long, value_delimiter = ',')]
        state: Vec<JobState>,
        /// Only of these kinds: import, stage, verify, refresh-quick ...
        #[arg(long, value_delimiter = ',')]
        kind: Vec<JobKind>,
        /// Rows.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Show a job with its report.
    Show {
        /// The job's id.
        job: JobId,
    },
    /// Start a system job and follow it.
    #[command(subcommand)]
    Run(run::Run),
    /// Show what an integrity check has found: each thing with expected and found, since when, policies, and the way out.
    Findings(findings::Findings),
    /// Show every line of a job's report: `job show` has the first ones only.
    Items(items::Items),
    /// Follow a job until its end; works for jobs that anybody started.
    Watch {
        /// The job's id.
        job: JobId,
    },
    /// Stop a job for now; `resume` goes on where it stopped.
    Pause {
        /// The job's id.
        job: JobId,
    },
    /// Let a paused job go on; one that waits to be tried again starts at once, one with --only-between in its hours.
    Resume {
        /// The job's id.
        job: JobId,
    },
    /// End a job for good. What it has finished stays.
    Cancel {
        /// The job's id.
        job: JobId,
    },
}

impl Job {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        match self {
            Self::List { state, kind, limit } => list(client, state, kind, limit).await,
            Self::Show { job } => {
                let detail: JobDetail = client.get(&format!("/jobs/{job}")).await?;
                if client.json {
                    output::json(&detail)?;
                } else {
                    show(client, &detail).await?;
                }
                Ok(Found::Nothing)
            }
            Self::Run(run) => run.run(client).await,
            Self::Findings(findings) => findings.run(client).await,
            Self::Items(items) => items.run(client).await,
            Self::Watch { job } => follow::watch(client, job).await,
            Self::Pause { job } => control(client, job, "pause").await,
            Self::Resume { job } => control(client, job, "resume").await,
            Self::Cancel { job } => control(client, job, "cancel").await,
        }
    }
}

async fn list(client: &Client, state: Vec<JobState>, kind: Vec<JobKind>, limit: u32) -> Result<Found> {
    let query = JobQuery { state: List(state), kind: List(kind), cursor: None, limit: Some(limit) };
    let page: Page<api::Job> = client.find("/jobs", &query).await?;
    if client.json {
        output::json(&page)?;
    } else {
        let rows = page.items.into_iter().map(|job| {
            let what = if job.summary.is_empty() { job.waiting_for } else { job.summary };
            [
                job.id.to_string(),
                job.kind.to_string(),
                job.state.to_string(),
                output::time(job.created_at),
                job.actor,
                what,
            ]
        });
        output::table(["job", "kind", "state", "asked for (UTC)", "by", "what came of it"], rows)?;
    }
    Ok(Found::Nothing)
}

async fn show(client: &Client, detail: &JobDetail) -> Result<()> {
    let job = &detail.job;
    output::facts(&[
        ("job", job.id.to_string()),
        ("kind", job.kind.to_string()),
        ("state", job.state.to_string()),
        ("waits for", job.waiting_for.clone()),
        ("attempt", job.attempt.to_string()),
        ("by", job.actor.clone()),
        ("asked for", output::time(job.created_at)),
        ("started", output::time_or(job.started_at, "")),
        ("ended", output::time_or(job.ended_at, "")),
        ("request", detail.request.as_ref().map_or_else(|| Ok(UNKNOWN_REQUEST.to_owned()), serde_json::to_string)?),
        (
            "progress",
            if job.state == JobState::Running { follow::sentence(job.state, &job.progress) } else { String::new() },
        ),
    ])?;
    if let Some(report) = &detail.report {
        for (name, number) in &report.counts {
            output::line(&format!("  {name} {number}"))?;
        }
        follow::show_report(detail)?;
    }
    findings::table(client, detail).await
}

async fn control(client: &Client, job: JobId, verb: &str) -> Result<Found> {
    let job: api::Job = client.post(&format!("/jobs/{job}/{verb}"), &()).await?;
    if client.json {
        output::json(&job)?;
    } else {
        output::line(&format!("job {}: {}", job.id, job.state))?;
    }
    Ok(Found::Nothing)
}
