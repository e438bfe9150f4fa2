//! What a job leaves behind, on the terminal.

use anyhow::Result;
use patchwharf_model::{
    api::JobDetail,
    finding::FindingKind,
    job::{JobKind, JobState, ReportItem},
};

use crate::cli::output;

/// One sentence, then the counts, then the things that deserve a line, failures last, where the eye stops.
pub(crate) fn show(detail: &JobDetail) -> Result<()> {
    let job = &detail.job;
    let Some(report) = &detail.report else {
        let waits = if job.waiting_for.is_empty() { String::new() } else { format!(", waits for {}", job.waiting_for) };
        return output::line(&format!("{} job {}: {}{waits}", job.kind, job.id, job.state));
    };
    // What could not be read beside what was taken in does not undo that.
    let has_ended = job.kind == JobKind::Adopt && job.state == JobState::Failed && !report.counts.is_empty();
    let state = if has_ended { "done with problems".to_owned() } else { job.state.to_string() };
    output::line(&format!("{} {state}: {}", job.kind, output::harmless(&report.summary)))?;
    // Findings follow as a table.
    let is_check = job.kind == JobKind::IntegrityCheck;
    let lines = report.items.iter().filter(|item| !is_check || item.outcome.parse::<FindingKind>().is_err());
    let (bad, good): (Vec<&ReportItem>, Vec<&ReportItem>) = lines.partition(|item| item.failed);
    for item in good.into_iter().chain(bad) {
        let mark = if item.failed { "FAILED" } else { "" };
        let reason = if item.reason.is_empty() { String::new() } else { format!(": {}", item.reason) };
        let name = output::one_line(&item.item);
        output::line(&output::harmless(&format!("  {mark:6}  {name}  {}{reason}", item.outcome)))?;
    }
    if report.items_left_out > 0 {
        output::line(&format!(
            "  ... and {} more; `patchwharf job show {}` has the counts",
            report.items_left_out, job.id
        ))?;
    }
    Ok(())
}
