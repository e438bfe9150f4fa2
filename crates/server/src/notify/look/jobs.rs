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
/// Most new jobs of one message; the others are told with the next.
const MOST: usize = 1_000;
/// Jobs that are read at once.
const PAGE: u32 = 500;

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
    let found = find(app, earlier(seen.as_ref().map_or(now, |seen| seen.at)), seen.as_ref(), now).await?;
    let next = Seen {
        at: found.up_to,
        jobs: found.ended.iter().filter(|(at, _)| *at > earlier(found.up_to)).map(|(_, job)| *job).collect(),
    };
    let (failed, next) = match seen {
        // What failed before the very first look is history.
        None => (Vec::new(), next),
        Some(seen) if found.new.is_empty() => (Vec::new(), seen),
        Some(_) => (found.new, next),
    };
    let many = failed.len() as u64;
    Ok(Trouble {
        kind: "jobs".into(),
        count: many,
        headline: format!("{} failed", count(many, "job")),
        well: "",
        lines: failed,
        advice: "See each with `patchwharf job show JOB`.".into(),
        same: String::new(),
        is_event: true,
        seen: serde_json::to_string(&next).unwrap_or_default(),
    })
}

/// What was found.
struct Found {
    /// A line for each job that was not told.
    new: Vec<Line>,
    /// When each ended, told or not.
    ended: Vec<(Timestamp, JobId)>,
    /// Up to where was looked.
    up_to: Timestamp,
}

/// Goes through what failed after a time, page by page: those that were told may be more than a page, and hide none behind
/// them.
async fn find(app: &App, after: Timestamp, seen: Option<&Seen>, now: Timestamp) -> Result<Found, OperationError> {
    let mut found = Found { new: Vec::new(), ended: Vec::new(), up_to: now };
    let (mut at, mut last) = (after, None);
    loop {
        let page = jobs::failed_since(&app.db, at, last, PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        for job in page {
            at = job.ended_at.unwrap_or(at);
            last = Some(job.job_id);
            found.ended.push((at, job.job_id));
            if !seen.is_some_and(|seen| seen.jobs.contains(&job.job_id)) {
                let reason = job.report.map_or_else(|| "it left no report".to_owned(), |report| report.summary);
                found.new.push(Line { item: format!("{} {}", job.kind, job.job_id), reason });
            }
        }
        if is_last {
            return Ok(found);
        }
        if found.new.len() >= MOST {
            found.up_to = at.min(now);
            return Ok(found);
        }
    }
}
