//! Revise software updates: what the vendor has revised since it was staged is staged anew. Policies stay on what they have
//! until then, and follow by their rule.

use patchwharf_db::updates::{self, Update};
use patchwharf_model::job::Report;

use super::{
    Ending, OperationError,
    assembly::{self, Mode, item, told},
    stage, sweep,
};
use crate::{
    jobs::JobContext,
    words::{bytes, count},
};

/// The setting: how often revised updates are staged anew; off: on demand only.
pub(crate) const EVERY: &str = "revise.every";

/// Runs the job.
pub(crate) async fn run(ctx: &JobContext, dry_run: bool) -> Result<Ending, OperationError> {
    ctx.progress.phase("looking for revised updates");
    let revised = updates::revised(&ctx.app.db).await?;
    if revised.is_empty() {
        let summary = "nothing to do: no vendor has revised what is staged here".to_owned();
        return Ok(Ending::Done(Report { summary, ..Report::default() }));
    }
    if dry_run {
        return Ok(Ending::Done(would(ctx, &revised)));
    }
    let made = match assembly::make(ctx, Mode::Stage, revised, "already-staged").await? {
        Ok(made) => made,
        Err(ending) => return Ok(ending),
    };
    sweep::run(&ctx.app, &format!("job {}", ctx.job), Some(ctx.job)).await?;
    Ok(Ending::Done(stage::report("revised", &made)))
}

/// What a run would do. Files that the vendor has not changed are taken from what is here: it is less to fetch, mostly.
fn would(ctx: &JobContext, revised: &[Update]) -> Report {
    for update in revised {
        let reason = format!("the vendor revised it: {} at most to fetch", bytes(update.size_bytes));
        told::line(ctx, item(update), "would-be-revised", false, reason);
    }
    let size_bytes = revised.iter().map(|update| update.size_bytes).sum();
    let number = revised.len() as u64;
    let summary = format!(
        "{} would be revised, {} at most to fetch; nothing was changed (dry run)",
        count(number, "package"),
        bytes(size_bytes)
    );
    let counts = [("packages".to_owned(), number), ("bytes".to_owned(), size_bytes)].into();
    Report { summary, counts, ..Report::default() }
}
