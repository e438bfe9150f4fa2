//! How fast bytes move: from the last move between the same places, else from a short measured copy.

use std::{sync::Arc, time::Instant};

use patchwharf_db::jobs::{self, JobQuery};
use patchwharf_model::{
    LocationId,
    job::{JobKind, JobRequest, JobState},
};
use patchwharf_store::Location;

use crate::{
    jobs::JobContext,
    operations::{OperationError, cores, with_causes},
};

/// Counts of a job's report that later estimates are made from.
pub(super) const COPIED: &str = "bytes-copied";
pub(super) const MILLISECONDS: &str = "milliseconds";

/// Fewer bytes say little about a rate.
const ENOUGH_BYTES: u64 = 64 << 20;
/// Bytes of a measured copy.
const SAMPLE_BYTES: usize = 16 << 20;

/// A rate, and where it is from.
#[derive(Clone, Debug)]
pub(super) struct Rate {
    pub(super) bytes_per_second: u64,
    pub(super) from: &'static str,
}

/// The rate at which bytes can be expected to move.
pub(super) async fn expected(
    ctx: &JobContext,
    from: LocationId,
    target: &Arc<Location>,
) -> Result<Option<Rate>, OperationError> {
    if let Some(bytes_per_second) = of_last_job(ctx, from, target.id()).await? {
        return Ok(Some(Rate { bytes_per_second, from: "the rate of the last move between these places" }));
    }
    let own = Arc::clone(target);
    cores::blocking(move || {
        // Not all alike: a file system that compresses must not look fast.
        let sample: Vec<u8> =
            (0..SAMPLE_BYTES as u64).map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect();
        let begun = Instant::now();
        match own.measure(&sample) {
            Ok(()) => {
                let rate = SAMPLE_BYTES as f64 / begun.elapsed().as_secs_f64().max(1e-6);
                Some(Rate { bytes_per_second: rate as u64, from: "a copy of 16 MiB to the new place, made just now" })
            }
            Err(error) => {
                tracing::warn!(error = %with_causes(&error), "the new place cannot be measured");
                None
            }
        }
    })
    .await
}

async fn of_last_job(ctx: &JobContext, from: LocationId, to: LocationId) -> Result<Option<u64>, OperationError> {
    let query = JobQuery {
        kinds: vec![JobKind::Relocate],
        states: vec![JobState::Done, JobState::Failed],
        limit: 20,
        ..JobQuery::default()
    };
    for job in jobs::list(&ctx.app.db, &query).await?.rows {
        let Ok(JobRequest::Relocate { from: was, to: went, .. }) = serde_json::from_str(&job.payload) else { continue };
        if went != to || was.is_some_and(|was| was != from) {
            continue;
        }
        let count = |name: &str| job.report.as_ref().and_then(|report| report.counts.get(name)).copied().unwrap_or(0);
        let (bytes, milliseconds) = (count(COPIED), count(MILLISECONDS));
        if bytes >= ENOUGH_BYTES && milliseconds > 0 {
            return Ok(Some(bytes.saturating_mul(1_000) / milliseconds));
        }
    }
    Ok(None)
}
