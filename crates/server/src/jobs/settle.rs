//! How a job ends in the database: done, failed, later, paused, or nothing at all when another server has it.

use std::{error::Error as _, time::Duration};

use patchwharf_db::jobs::{self as table, Job};
use patchwharf_model::{
    Timestamp,
    job::{JobRequest, JobState, Progress, Report},
};

use patchwharf_store::fault::{self, Step};

use super::{JobContext, StopReason, run::flush_items};
use crate::{
    metrics::JobLabels,
    operations::{Ending, OperationError},
};

/// Lines of a report that travel with the job; the rest is read page by page.
const REPORT_ITEMS: u32 = 200;
/// A job that fails for a passing reason is given up after so many attempts.
const MAX_ATTEMPTS: u32 = 12;

/// How the operation came back.
pub(super) enum Outcome {
    /// By itself.
    Ended(Ending),
    /// With an error.
    Failed(OperationError),
    /// With a panic.
    Panicked(String),
    /// Not at all, and the server stops.
    Abandoned,
}

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is written, or another server has it.
    Over,
    /// A resume came after the pause that it stopped for: it goes on at once.
    Resumed,
}

/// What to write.
enum Verdict {
    Finish(JobState, Report),
    Requeue(Timestamp, String),
    Pause,
    Nothing,
}

pub(super) async fn settle(context: &JobContext, job: &Job, outcome: Outcome) -> End {
    let app = &context.app;
    let verdict = judge(context, job, outcome);
    let (_, progress) = context.progress.snapshot(std::time::Instant::now());
    let progress = Progress { files: Vec::new(), bytes_per_second: 0, eta_seconds: None, ..progress };
    if let Err(error) = fault::at(Step::JobBeforeFinish) {
        tracing::error!(%error, "a fault was injected before the job's end");
        return End::Over;
    }
    let mut wait = Duration::from_millis(200);
    let state = loop {
        match write(context, job, &verdict, &progress).await {
            Ok(Some(state)) => break state,
            Ok(None) => {
                tracing::info!("job goes on: the pause was taken back");
                return End::Resumed;
            }
            Err(error) if error.is_transient() && !app.jobs.is_closing() => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot write the job's end; trying again");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(5));
            }
            Err(error) => {
                // The lease runs out, and the job runs again: it is idempotent.
                tracing::error!(error = &error as &dyn std::error::Error, "cannot write the job's end");
                return End::Over;
            }
        }
    };
    if let Err(error) = fault::at(Step::JobAfterFinish) {
        tracing::error!(%error, "a fault was injected after the job's end");
    }
    tracing::info!(state = %state, "job ends");
    if state.is_final() {
        let labels = JobLabels { kind: job.kind.to_string(), state: state.to_string() };
        app.metrics.jobs.get_or_create(&labels).inc();
        app.notify.ring();
    }
    app.jobs.tell(context.job, state, progress);
    End::Over
}

fn judge(context: &JobContext, job: &Job, outcome: Outcome) -> Verdict {
    let now = context.now();
    let summary = |text: String| Report { summary: text, ..Report::default() };
    match outcome {
        Outcome::Ended(Ending::Done(report)) => Verdict::Finish(JobState::Done, report),
        Outcome::Ended(Ending::Later { not_before, waiting_for }) => {
            tracing::info!(%not_before, waiting_for, "job waits");
            Verdict::Requeue(not_before, waiting_for)
        }
        Outcome::Ended(Ending::Stopped(StopReason::Cancelled)) => {
            Verdict::Finish(JobState::Cancelled, summary("cancelled".into()))
        }
        Outcome::Ended(Ending::Stopped(StopReason::Paused)) => Verdict::Pause,
        Outcome::Ended(Ending::Stopped(StopReason::LeaseLost)) => Verdict::Nothing,
        Outcome::Ended(Ending::Stopped(StopReason::Shutdown)) | Outcome::Abandoned => {
            if context.stop.reason() == Some(StopReason::LeaseLost) {
                return Verdict::Nothing;
            }
            let reason = context.app.jobs.held().unwrap_or_else(|| "the server was stopped".into());
            Verdict::Requeue(now, reason)
        }
        Outcome::Failed(error) if error.transient && job.attempt < MAX_ATTEMPTS => {
            tracing::warn!(error = &error as &dyn std::error::Error, code = error.code, "job is tried again");
            let wait = Duration::from_secs(1 << job.attempt.min(9));
            Verdict::Requeue(now + wait, error.text)
        }
        Outcome::Failed(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, code = error.code, "job failed");
            let mut text = error.text.clone();
            let mut source = error.source();
            while let Some(cause) = source {
                let cause_text = cause.to_string();
                if !text.contains(&cause_text) {
                    text = format!("{text}: {cause_text}");
                }
                source = cause.source();
            }
            Verdict::Finish(JobState::Failed, summary(text))
        }
        Outcome::Panicked(text) => {
            tracing::error!(panic = text, "job panicked");
            let text = format!("internal error, please report it with the log of this job: {text}");
            Verdict::Finish(JobState::Failed, summary(text))
        }
    }
}

/// Writes it. None: there is nothing to write, the job goes on.
async fn write(
    context: &JobContext,
    row: &Job,
    verdict: &Verdict,
    progress: &Progress,
) -> patchwharf_db::Result<Option<JobState>> {
    let (app, job) = (&context.app, context.job);
    if matches!(verdict, Verdict::Nothing) {
        return Ok(Some(JobState::Running));
    }
    flush_items(app, job, &context.actor, &context.items).await?;
    let finished = match verdict {
        Verdict::Finish(state, report) => Some(complete(context, row, *state, report).await?),
        _ => None,
    };
    let mut w = app.db.write(&context.actor, &format!("job {job}"), app.clock.now()).await?;
    let (state, held) = match (verdict, finished) {
        (Verdict::Requeue(at, what), _) => {
            (JobState::Queued, table::requeue(&mut w, job, app.instance, *at, what, progress).await?)
        }
        (_, Some((state, report))) => {
            (state, table::finish(&mut w, job, app.instance, state, &report, progress).await?)
        }
        _ => (JobState::Paused, table::paused(&mut w, job, app.instance, progress).await?),
    };
    if !held && state == JobState::Paused && table::is_resumed(&mut w, job, app.instance).await? {
        return Ok(None);
    }
    w.commit().await?;
    if !held {
        tracing::warn!("the job's lease was lost before its end could be written");
        return Ok(Some(JobState::Running));
    }
    Ok(Some(state))
}

/// Adds to a report what its items say: counts by outcome, the lines that deserve to be seen, and how many failed. What could
/// not be done fails the job; of a dry run nothing was to be done, and what would be in the way is what it was to find.
async fn complete(
    context: &JobContext,
    job: &Job,
    state: JobState,
    report: &Report,
) -> patchwharf_db::Result<(JobState, Report)> {
    let db = &context.app.db;
    let mut report = report.clone();
    let counts = table::item_counts(db, context.job).await?;
    let total: u64 = counts.iter().map(|(_, _, count)| count).sum();
    let own = report.items.iter().filter(|item| item.failed).count() as u64;
    report.items_failed = report.items_failed.max(own);
    report.items_failed += counts.iter().filter(|(_, failed, _)| *failed).map(|(_, _, count)| count).sum::<u64>();
    for (outcome, _, count) in counts {
        report.counts.entry(outcome).or_insert(count);
    }
    // After the lines that the operation has chosen itself.
    let room = (REPORT_ITEMS as usize).saturating_sub(report.items.len()) as u32;
    let more = match (total, room) {
        (0, _) | (_, 0) => Vec::new(),
        _ => table::items(db, context.job, None, None, room).await?.rows,
    };
    report.items_left_out += total.saturating_sub(more.len() as u64);
    report.items.extend(more);
    let dry_run = || serde_json::from_str::<JobRequest>(&job.payload).is_ok_and(|request| request.is_dry_run());
    let failed = state == JobState::Done && report.items_failed > 0 && !dry_run();
    Ok((if failed { JobState::Failed } else { state }, report))
}
