//! I6 and I7 of jobs: they end, an ended one says how, a failure has a reason.

use serde::Deserialize;

use super::Scene;
use crate::Finding;

const FINAL: [&str; 3] = ["done", "failed", "cancelled"];
const OPEN: [&str; 3] = ["queued", "running", "paused"];

#[derive(Deserialize)]
struct Report {
    summary: String,
    items: Vec<Item>,
    #[serde(default)]
    items_failed: u64,
}

#[derive(Deserialize)]
struct Item {
    item: String,
    failed: bool,
    #[serde(default)]
    reason: String,
}

pub(super) fn look(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for job in &scene.facts.jobs {
        let object = format!("job {} ({})", job.job_id, job.kind);
        let mut say = |invariant, code, message: String| {
            findings.push(Finding::violation(invariant, code, &object, message));
        };
        let ended = FINAL.contains(&job.state.as_str());
        if !ended && !OPEN.contains(&job.state.as_str()) {
            say("I6", "job-state", format!("{:?} is no state", job.state));
        }
        if ended != job.ended_at.is_some() {
            say("I6", "job-end", format!("{}, ended at {:?}", job.state, job.ended_at));
        }
        if ended && job.lease_owner.is_some() && job.lease_until.is_some_and(|until| until > scene.now_us) {
            say("I6", "job-lease", "ended, but still leased".into());
        }
        match job.report.as_deref().map(serde_json::from_str::<Report>) {
            Some(Err(error)) => say("I7", "report-malformed", error.to_string()),
            None if job.state == "done" || job.state == "failed" => say("I7", "report-missing", "no report".into()),
            Some(Ok(report)) => {
                if ended && report.summary.is_empty() {
                    say("I7", "report-silent", "a report without a summary".into());
                }
                // A look has done what it was to do; that something is wrong, it counts.
                let counted = job.is_dry_run() && report.items_failed > 0;
                if job.state == "done" && !counted && report.items.iter().any(|item| item.failed) {
                    say("I7", "success-with-failures", "done, but an item of its report failed".into());
                }
                for item in report.items.iter().filter(|item| item.failed && item.reason.is_empty()) {
                    say("I7", "reason-missing", format!("{} failed, and nobody says why", item.item));
                }
            }
            None => {}
        }
        if job.state == "running" && job.lease_until.is_none_or(|until| until < scene.now_us) {
            let message = "running, but nobody holds its lease";
            findings.push(Finding::leftover("I6", "job-abandoned", &object, message));
        }
    }
    for item in scene.facts.job_items.iter().filter(|item| item.failed == 1 && item.reason.is_empty()) {
        let object = format!("job {} item {}", item.job_id, item.item);
        findings.push(Finding::violation("I7", "reason-missing", object, "failed, and nobody says why"));
    }
    findings
}
