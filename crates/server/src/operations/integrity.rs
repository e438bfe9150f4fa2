//! Check software update package integrity: database and store are compared both ways, every byte is proved, and what is
//! not as it should be is named, with since when, whom it hits, and what becomes of it.
//!
//! 1. **Compare** (`compare`): folders and rows, what lies where it should not, what nobody owns.
//! 2. **Prove** (`prove`): every file of every served version is hashed (or, in a light check, its stamp compared), its
//!    manifest verified, owner and mode looked at. The oldest proof first; results are written in batches, only where the
//!    package is still the one that was looked at (G-11).
//! 3. **Repair** (`repair`), where it was asked for: modes closed, strangers and orphans to quarantine, damaged packages
//!    by quick refresh, aside and then switched. With the vendor down nothing changes, and the findings say so.
//! 4. **Report**: what remains is kept per job, worst first.
//!
//! Killed, paused or restarted it goes on where it was: what it has hashed has its proof by this job, and what it has
//! found wrong is on record with the file's stamp, so that nothing is hashed twice.

mod ahead;
mod check;
mod crew;
mod differences;
mod hours;
mod idle;
mod judge;
mod options;
mod over;
mod pace;
mod prove;
mod record;
mod repair;
mod report;
mod scope;
pub(crate) mod settings;
mod task;
mod words;

use patchwharf_model::job::IntegrityCheck;
use patchwharf_store::fault::Step;

pub(crate) use judge::{Judged, judge};
pub(crate) use prove::{Item, Manner, Sink, prove};
pub(crate) use task::Task;

use super::{Ending, OperationError, fault_at, locks};
use crate::jobs::{JobContext, StopReason};
use check::Check;
use scope::Scope;

/// Runs the job.
pub(crate) async fn run(ctx: &JobContext, wish: &IntegrityCheck) -> Result<Ending, OperationError> {
    options::check(ctx, wish)?;
    if let Some(later) = hours::outside(&ctx.app.clock, wish.only_between) {
        return Ok(later);
    }
    let _keeper = locks::Keeper::start(ctx);
    ctx.progress.phase("choosing packages");
    let scope = Scope::of(ctx, wish).await?;
    let mut check = Check::begin(ctx, wish, scope).await?;
    ctx.progress.phase("comparing database and store");
    let items = check.compare().await?;
    if let Some(reason) = ctx.stop.reason() {
        return Ok(Ending::Stopped(reason));
    }
    if let Err(ending) = prove(ctx, check.manner(), items, &mut check).await? {
        return Ok(ending);
    }
    check.look_for_idle().await?;
    check.right_again().await?;
    fault_at(Step::IntegrityBeforeRepair)?;
    if let Some(ending) = check.act().await? {
        return Ok(ending);
    }
    match options::run(ctx, wish).await? {
        Ok(besides) => report::write(&check, besides).await,
        Err(ending) => Ok(ending),
    }
}

impl Check<'_> {
    /// Mends what was asked to be mended, orders what was asked to be looked at closer, or says what would be done.
    async fn act(&mut self) -> Result<Option<Ending>, OperationError> {
        if self.wish.repair && self.wish.dry_run {
            self.say_what_would_be_done().await?;
            return Ok(None);
        }
        if self.wish.light {
            self.order_full_checks().await?;
        }
        if !self.wish.repair {
            return Ok(None);
        }
        self.ctx.progress.phase("repairing");
        let ended = self.repair().await?;
        if let Some(reason) = self.ctx.stop.reason().filter(|reason| *reason != StopReason::Cancelled) {
            return Ok(Some(Ending::Stopped(reason)));
        }
        Ok(ended)
    }
}
