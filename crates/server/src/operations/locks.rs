//! Package locks of a job: taken in batches, renewed while the job works, freed by the engine when it ends.

use patchwharf_model::Timestamp;
use tokio::{task::JoinHandle, time};

use crate::jobs::JobContext;

/// How long a lock lasts without being renewed: longer than any single batch, shorter than people's patience when
/// another server has died.
const HOLD: std::time::Duration = std::time::Duration::from_secs(120);

/// Until when a lock that is taken now is held.
pub(crate) fn until(now: Timestamp) -> Timestamp {
    now.checked_add(HOLD).unwrap_or(Timestamp::MAX)
}

/// Whether a lock that was taken or prolonged then is certainly held now, with time for a batch to spare.
pub(crate) fn is_safe(since: Timestamp, now: Timestamp) -> bool {
    now >= since && now.duration_since(since).unsigned_abs() < HOLD / 2
}

/// Renews the locks of a job until dropped. A lock that is lost all the same is noticed by its token.
#[derive(Debug)]
pub(crate) struct Keeper(JoinHandle<()>);

impl Keeper {
    /// Begins to renew.
    pub(crate) fn start(ctx: &JobContext) -> Self {
        let ctx = ctx.clone();
        Self(tokio::spawn(async move {
            loop {
                time::sleep(HOLD / 4).await;
                if let Err(error) = renew(&ctx).await {
                    tracing::warn!(job.id = %ctx.job, error = %error, "cannot renew package locks; trying again");
                }
            }
        }))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn renew(ctx: &JobContext) -> patchwharf_db::Result<()> {
    let now = ctx.now();
    let mut w = ctx.app.db.write("system", &format!("job {}", ctx.job), now).await?;
    patchwharf_db::packages::renew_locks(&mut w, ctx.job, until(now)).await?;
    w.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_safe_for_half_its_time_and_by_a_straight_clock() {
        let since = Timestamp::UNIX_EPOCH;
        assert!(is_safe(since, since) && is_safe(since, since + HOLD / 2 - std::time::Duration::from_secs(1)));
        assert!(!is_safe(since, since + HOLD / 2) && !is_safe(since + HOLD, since));
    }
}
