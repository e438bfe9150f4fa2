//! I7 of integrity checks: a check is not done while something is wrong, and what stays says why.

use std::collections::BTreeMap;

use super::Scene;
use crate::{Finding, facts::Job};

const REMAINS: [&str; 4] = ["open", "planned", "ordered", "stays"];
const GONE: [&str; 4] = ["mended", "set-aside", "adopted", "cleared"];

pub(super) fn look(scene: &Scene<'_>) -> Vec<Finding> {
    let jobs: BTreeMap<&str, &Job> = scene.facts.jobs.iter().map(|job| (job.job_id.as_str(), job)).collect();
    let mut findings = Vec::new();
    for found in &scene.facts.findings {
        let object = format!("job {} finding {}", found.job_id, found.finding_key);
        let mut say = |code, message: String| findings.push(Finding::violation("I7", code, &object, message));
        let remains = REMAINS.contains(&found.outcome.as_str());
        if !remains && !GONE.contains(&found.outcome.as_str()) {
            say("finding-outcome", format!("{:?} is no outcome", found.outcome));
        }
        if found.outcome != "open" && found.became.is_empty() {
            say("finding-silent", format!("{}, and nobody says how", found.outcome));
        }
        match jobs.get(found.job_id.as_str()) {
            Some(job) if job.kind != "integrity-check" => {
                say("finding-elsewhere", format!("found by a job that is {}", job.kind));
            }
            // What was ordered is for the ordered job to say.
            Some(job)
                if job.state == "done"
                    && !job.is_dry_run()
                    && remains
                    && found.outcome != "ordered"
                    && found.gravity != "note" =>
            {
                say("success-with-findings", format!("done, but {} remains: {}", found.kind, found.outcome));
            }
            _ => {}
        }
    }
    findings
}
