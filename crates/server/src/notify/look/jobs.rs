//! Jobs that failed since the last message.

use std::{collections::BTreeSet, sync::Arc};

use jiff::SignedDuration;
use patchwharf_db::jobs;
use patchwharf_model::{JobId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{super::message::Line, Trouble};
use crate::{app::App, operations::OperationError, words::count};

/// A job may be written down a little later than it ended; those within this time are told apart by their ids.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);
/// Most jobs of one message; more are counted as so many.
const MOST: u32 = 1_000;

/// Up to where failures were told.
#[derive(Serialize, Deserialize)]
struct Seen {
    at: Timestamp,
    jobs: BTreeSet<JobId>,
}

pub(super) async fn look(app: &Arc<App>, seen: Option<&str>) -> Result<Trouble, OperationError> {
    let now = app.clock.now();
    let earlier = |time: Timestamp| time.checked_sub(OVERLAP).unwrap_or(Timestamp::MIN);
    // A time in the future was written by a wrong clock.
    let seen = seen.and_then(|seen| serde_json::from_str::<Seen>(seen).ok()).filter(|seen| seen.at <= now);
    let found = jobs::failed_since(&app.db, earlier(seen.as_ref().map_or(now, |seen| seen.at)), MOST).await?;
    let up_to =
        if found.len() < MOST as usize { now } else { found.last().and_then(|job| job.ended_at).unwrap_or(now) };
    let next = Seen {
        at: up_to,
        jobs: found.iter().filter(|job| job.ended_at > Some(earlier(up_to))).map(|job| job.job_id).collect(),
    };
    let (failed, next) = match seen {
        // What failed before the very first look is history.
        None => (Vec::new(), next),
        Some(seen) => {
            let new: Vec<_> = found.into_iter().filter(|job| !seen.jobs.contains(&job.job_id)).collect();
            let next = if new.is_empty() { seen } else { next };
            (new, next)
        }
    };
    let many = failed.len() as u64;
    let lines = failed.into_iter().map(|job| Line {
        item: format!("{} {}", job.kind, job.job_id),
        reason: job.report.map_or_else(|| "it left no report".to_owned(), |report| report.summary),
    });
    Ok(Trouble {
        kind: "jobs".into(),
        count: many,
        headline: format!("{} failed", count(many, "job")),
        well: "",
        lines: lines.collect(),
        advice: "See each with `patchwharf job show JOB`.".into(),
        same: String::new(),
        is_event: true,
        seen: serde_json::to_string(&next).unwrap_or_default(),
    })
}
