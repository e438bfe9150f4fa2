//! Following a job until its end: bars on a terminal, plain lines elsewhere, the report at last.

mod bars;
mod report;

use std::time::Duration;

use anyhow::{Context as _, Result};
use patchwharf_model::{
    JobId,
    api::{Job, JobDetail, JobEvent},
    job::JobState,
};

use super::{Client, Found, client::Failure, output, sse::Events};
use bars::Display;
pub(crate) use bars::sentence;

/// Times that a broken connection is taken up again before giving up.
const RECONNECTS: u32 = 20;

/// Follows the job that a command has started, or only names it with `--no-wait`.
pub(crate) async fn started(client: &Client, job: &Job) -> Result<Found> {
    if client.no_wait {
        if client.json {
            output::json(job)?;
        } else {
            output::line(&format!("{} job {} ({})", job.kind, job.id, job.state))?;
        }
        return Ok(Found::Nothing);
    }
    watch(client, job.id).await
}

/// Follows a job and shows its report.
pub(crate) async fn watch(client: &Client, job: JobId) -> Result<Found> {
    let detail = end_of(client, job).await?;
    if client.json {
        output::json(&detail)?;
    } else {
        report::show(&detail)?;
        super::job::findings::table(client, &detail).await?;
    }
    let found = detail.report.as_ref().is_some_and(|report| report.items_failed > 0);
    Ok(if detail.job.state == JobState::Done && !found { Found::Nothing } else { Found::Problems })
}

/// Follows a job without showing its report.
pub(crate) async fn end_of(client: &Client, job: JobId) -> Result<JobDetail> {
    let mut display = Display::new();
    let mut last_event: Option<String> = None;
    let mut broken = 0;
    loop {
        match follow_once(client, job, &mut last_event, &mut display).await {
            Ok(Some(detail)) => {
                display.end();
                return Ok(detail);
            }
            // What the server says is final; a connection that broke (a restart, a proxy's time-out) is not.
            Err(error)
                if error.downcast_ref::<Failure>().is_some_and(|f| !matches!(f, Failure::Unreachable { .. })) =>
            {
                return Err(error);
            }
            Ok(None) if broken < RECONNECTS => broken += 1,
            Err(_) if broken < RECONNECTS => broken += 1,
            Ok(None) => anyhow::bail!(
                "the server ends the stream of job {job} again and again; see `patchwharf job show {job}`"
            ),
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot follow job {job}; it goes on without being watched"));
            }
        }
        tokio::time::sleep(Duration::from_millis(100 * u64::from(broken))).await;
    }
}

async fn follow_once(
    client: &Client,
    job: JobId,
    last_event: &mut Option<String>,
    display: &mut Display,
) -> Result<Option<JobDetail>> {
    let response = client.stream(&format!("/jobs/{job}/events"), &(), last_event.as_deref()).await?;
    let mut events = Events::new(response.bytes_stream());
    while let Some(event) = events.next().await? {
        if event.name == "end" {
            return Ok(Some(serde_json::from_str(&event.data)?));
        }
        if event.name == "signed-out" {
            // Asked for anew, the server says what is wrong.
            return Ok(None);
        }
        display.show(&serde_json::from_str::<JobEvent>(&event.data)?);
        *last_event = event.id;
    }
    Ok(None)
}

pub(crate) use report::show as show_report;
