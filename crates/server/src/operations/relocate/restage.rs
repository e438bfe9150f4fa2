//! What is missing or damaged at the old place is fetched anew, at the new one.

use std::collections::BTreeSet;

use patchwharf_db::{packages, updates};
use patchwharf_model::{LocationId, UpdateId, package::VersionState};

use crate::{
    jobs::JobContext,
    operations::{
        Ending, OperationError,
        assembly::{self, Mode, told::line},
        places,
    },
};

/// Makes the next versions of these updates at `to` and says how many; or why the job cannot go on now.
pub(super) async fn run(
    ctx: &JobContext,
    to: LocationId,
    damaged: &BTreeSet<UpdateId>,
) -> Result<Result<u64, Ending>, OperationError> {
    ctx.progress.phase("fetching anew what was damaged");
    let ids: Vec<UpdateId> = damaged.iter().copied().collect();
    let wanted = updates::by_ids(&ctx.app.db, &ids).await?;
    let before: Vec<_> = packages::versions_of(&ctx.app.db, &ids).await?;
    match assembly::make(ctx, Mode::Restage(to), wanted, "nothing-to-mend").await? {
        Err(ending) => return Ok(Err(ending)),
        Ok(made) => tracing::info!(job.id = %ctx.job, restaged = made.committed, failed = made.failed, "fetched anew"),
    }
    // What was named as damaged a moment ago is whole again, in another version.
    let now: Vec<_> = packages::versions_of(&ctx.app.db, &ids).await?;
    let mut restaged = 0;
    for old in before.iter().filter(|v| v.is_current && v.active) {
        let next = now.iter().find(|v| v.update_id == old.update_id && v.is_current && v.active);
        if let Some(next) = next.filter(|v| v.location_id == to && v.state == VersionState::Staged) {
            let reason = format!("it was damaged; version {} was fetched anew at the new place", next.version);
            line(ctx, places::item(old), "restaged", false, reason);
            restaged += 1;
        }
    }
    Ok(Ok(restaged))
}
