//! Running one job: beside the operation goes a task that renews the lease, writes progress and items, and tells
//! followers.

use std::{
    any::Any,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use patchwharf_db::jobs::{self as table, Job};
use patchwharf_model::{
    JobId,
    job::{JobRequest, JobState, ReportItem},
};
use patchwharf_store::fault::{self, Step};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{
    JobContext, ProgressHandle, Runner, Stop, StopReason,
    settle::{End, Outcome, settle},
    worker::Running,
};
use crate::{app::App, operations::OperationError};

/// Progress is shown and written at most this often.
const TICK: Duration = Duration::from_millis(500);
/// On a shared database the lease is renewed at least so often.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// What keeps a job's lease ends within this once the job has ended.
const KEEPER_ENDS: Duration = Duration::from_secs(1);
/// A job that was asked to stop and does not is abandoned after this, when the server ends.
const PATIENCE: Duration = Duration::from_secs(6);

pub(super) async fn run(app: &Arc<App>, runner: &Runner, job: Job, mut running: Running) {
    let id = job.job_id;
    let span = tracing::info_span!("job", job = %id, kind = %job.kind);
    app.metrics.jobs_running.inc();
    async {
        let mut context = JobContext {
            app: Arc::clone(app),
            job: id,
            actor: job.actor.clone(),
            attempt: job.attempt,
            progress: ProgressHandle::starting_at(job.progress.clone()),
            stop: running.stop.clone(),
            items: Arc::default(),
        };
        tracing::info!(attempt = job.attempt, "job begins");
        app.jobs.tell(id, JobState::Running, context.progress.snapshot(std::time::Instant::now()).1);
        loop {
            let outcome = attend(&context, runner, &job).await;
            match settle(&context, &job, outcome).await {
                End::Over => break,
                End::Resumed => context.stop = running.anew(),
            }
        }
    }
    .instrument(span)
    .await;
    app.metrics.jobs_running.dec();
    drop(running);
}

/// Runs the operation as a task of its own, so that its panic is an outcome, and keeps the lease meanwhile.
async fn attend(context: &JobContext, runner: &Runner, job: &Job) -> Outcome {
    if let Err(error) = fault::at(Step::JobAfterClaim) {
        return Outcome::Failed(OperationError::new("fault", "a fault was injected here").because(error));
    }
    let request = match serde_json::from_str::<JobRequest>(&job.payload) {
        Ok(request) => request,
        Err(e) => {
            let text = format!("job {} asks for something that this version does not know; order it anew", job.job_id);
            return Outcome::Failed(OperationError::new("bad-payload", text).because(e));
        }
    };
    let own = context.clone();
    let mut operation = tokio::spawn(runner(request, own).in_current_span());
    let ended = CancellationToken::new();
    let mut keeper = tokio::spawn(keep(context.clone(), ended.clone()).in_current_span());
    let result = tokio::select! {
        result = &mut operation => Some(result),
        () = abandoned(&context.stop) => None,
    };
    let result = match result {
        Some(result) => result,
        None => {
            operation.abort();
            operation.await
        }
    };
    // Between two writes: items that it is writing must neither be lost nor be written twice.
    ended.cancel();
    if tokio::time::timeout(KEEPER_ENDS, &mut keeper).await.is_err() {
        keeper.abort();
    }
    match result {
        Ok(Ok(ending)) => Outcome::Ended(ending),
        Ok(Err(error)) => Outcome::Failed(error),
        Err(e) if e.is_panic() => Outcome::Panicked(panic_text(&*e.into_panic())),
        Err(_) => Outcome::Abandoned,
    }
}

/// Ends when the server stops and the job has had its time to do so, or at once when the lease is lost.
async fn abandoned(stop: &Stop) {
    match stop.asked().await {
        StopReason::Shutdown => tokio::time::sleep(PATIENCE).await,
        StopReason::LeaseLost => tokio::time::sleep(Duration::from_secs(1)).await,
        StopReason::Cancelled | StopReason::Paused => std::future::pending().await,
    }
}

/// The words of a panic.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// Renews the lease, writes progress and items, tells followers.
async fn keep(context: JobContext, ended: CancellationToken) {
    let app = &context.app;
    let lease = app.jobs.0.lease;
    let mut written = None;
    let mut renewed = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK.min(lease / 4)) => {}
            () = ended.cancelled() => return,
        }
        let (change, progress) = context.progress.snapshot(std::time::Instant::now());
        app.jobs.tell(context.job, JobState::Running, progress.clone());
        if let Err(error) = flush_items(app, context.job, &context.actor, &context.items).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot write the job's items yet");
        }
        // What other servers ask of the job is learnt by renewing.
        let every = if app.db.is_shared() { (lease / 3).min(ASK_EVERY) } else { lease / 3 };
        if written == Some(change) && renewed.elapsed() < every {
            continue;
        }
        let until = app.clock.now() + lease;
        match table::renew(&app.db, context.job, app.instance, until, &progress).await {
            Ok(Some(asked)) => {
                (written, renewed) = (Some(change), Instant::now());
                if asked.cancel_asked {
                    context.stop.ask(StopReason::Cancelled);
                } else if asked.pause_asked {
                    context.stop.ask(StopReason::Paused);
                }
            }
            Ok(None) => {
                tracing::warn!("the job's lease is lost: another server has it");
                context.stop.ask(StopReason::LeaseLost);
                return;
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot renew the job's lease");
                // On one's own database nobody else can claim it; a shared one may have given it away.
                if app.db.is_shared() && renewed.elapsed() > lease {
                    context.stop.ask(StopReason::LeaseLost);
                    return;
                }
            }
        }
    }
}

/// Writes the items that have come together.
pub(super) async fn flush_items(
    app: &App,
    job: JobId,
    actor: &str,
    items: &Mutex<Vec<ReportItem>>,
) -> patchwharf_db::Result<()> {
    let batch = std::mem::take(&mut *items.lock().unwrap_or_else(PoisonError::into_inner));
    if batch.is_empty() {
        return Ok(());
    }
    let result = async {
        let mut write = app.db.write(actor, &format!("job {job}"), app.clock.now()).await?;
        table::put_items(&mut write, job, &batch).await?;
        write.commit().await
    }
    .await;
    if result.is_err() {
        let mut items = items.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = std::mem::replace(&mut *items, batch);
        items.extend(newer);
    }
    result
}
