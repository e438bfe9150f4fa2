//! Refresh and recreate: damaged packages are mended, and there is no moment in which a package cannot be had.
//!
//! What is served stays served until its replacement is proved and current. With the vendor down nothing changes, and
//! the report says so.

use patchwharf_db::updates::Update;
use patchwharf_model::job::{Report, Selection};

use super::{
    Ending, OperationError,
    assembly::{self, Mode, item, told},
    selection::{self, LeftOut},
    stage, sweep,
};
use crate::{jobs::JobContext, words::count};

/// Quick refresh: every file is hashed, only what is bad is fetched, into the next version.
pub(crate) async fn quick(ctx: &JobContext, of: &Selection) -> Result<Ending, OperationError> {
    run(ctx, of, Mode::RefreshQuick, "nothing-to-mend", "mended").await
}

/// Complete refresh: a new package with every file fetched anew; policies move over; the old package is retired.
pub(crate) async fn complete(ctx: &JobContext, of: &Selection) -> Result<Ending, OperationError> {
    run(ctx, of, Mode::RefreshComplete, "renewed", "fetched anew").await
}

/// Recreate packages: a new GUID over the verified files; what does not verify is fetched.
pub(crate) async fn recreate(ctx: &JobContext, of: &Selection) -> Result<Ending, OperationError> {
    run(ctx, of, Mode::Recreate, "recreated", "recreated").await
}

async fn run(ctx: &JobContext, of: &Selection, mode: Mode, sound: &str, verb: &str) -> Result<Ending, OperationError> {
    ctx.progress.phase("choosing packages");
    let updates = selection::updates_of(&ctx.app.db, of).await?;
    let wanted = in_scope(ctx, updates);
    if wanted.is_empty() {
        let summary = "nothing to do: the selection has no package; stage it with `patchwharf bulletin stage`";
        return Ok(Ending::Done(Report { summary: summary.into(), ..Report::default() }));
    }
    let made = match assembly::make(ctx, mode, wanted, sound).await? {
        Ok(made) => made,
        Err(ending) => return Ok(ending),
    };
    sweep::run(&ctx.app, &format!("job {}", ctx.job), Some(ctx.job)).await?;
    let mut report = stage::report(verb, &made);
    if made.committed == 0 && made.failed == 0 {
        report.summary = format!("nothing to mend: {} verified and whole", count(made.sound, "package"));
    } else if made.committed == 0 {
        report.summary =
            format!("nothing was changed: {} not mended, each with its reason below", count(made.failed, "package"));
    }
    Ok(Ending::Done(report))
}

/// Quick refresh as a part of another job. `Err` in the inner result: the job cannot go on now.
pub(crate) async fn mend(ctx: &JobContext, updates: Vec<Update>) -> Result<Result<(), Ending>, OperationError> {
    let wanted = in_scope(ctx, updates);
    if wanted.is_empty() {
        return Ok(Ok(()));
    }
    let made = assembly::make(ctx, Mode::RefreshQuick, wanted, "nothing-to-mend").await?;
    sweep::run(&ctx.app, &format!("job {}", ctx.job), Some(ctx.job)).await?;
    Ok(made.map(drop))
}

/// Those that can be refreshed; of the rest it is said why not.
fn in_scope(ctx: &JobContext, updates: Vec<Update>) -> Vec<Update> {
    // What is superseded or withdrawn keeps its package, and is mended while the vendor has it.
    let wanted = |update: &Update| update.current_version.is_some() || LeftOut::of(update).is_none();
    let (wanted, left_out): (Vec<Update>, Vec<Update>) = updates.into_iter().partition(wanted);
    let (wanted, empty): (Vec<Update>, Vec<Update>) =
        wanted.into_iter().partition(|update| LeftOut::of(update) != Some(LeftOut::NoFiles));
    for update in left_out.iter().chain(&empty) {
        if let Some(why) = LeftOut::of(update) {
            told::line(ctx, item(update), "left-out", false, why.reason(update));
        }
    }
    wanted
}
