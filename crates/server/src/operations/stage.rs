//! Stage ("Download Packages"): every live update of the selection gets a whole, proved version on disk.

use patchwharf_db::updates::Update;
use patchwharf_model::job::{Report, Selection};

use super::{
    Ending, OperationError,
    assembly::{self, Made, Mode, item, told},
    selection::{self, LeftOut},
    sweep,
};
use crate::{
    jobs::JobContext,
    words::{bytes, count},
};

/// Runs the job.
pub(crate) async fn run(ctx: &JobContext, of: &Selection) -> Result<Ending, OperationError> {
    ctx.progress.phase("choosing updates");
    let updates = selection::updates_of(&ctx.app.db, of).await?;
    let (live, left_out): (Vec<Update>, Vec<Update>) =
        updates.into_iter().partition(|update| LeftOut::of(update).is_none());
    for update in &left_out {
        if let Some(why) = LeftOut::of(update) {
            told::line(ctx, item(update), "left-out", false, why.reason(update));
        }
    }
    if live.is_empty() {
        return Ok(Ending::Done(nothing(left_out.len())));
    }
    let made = match assembly::make(ctx, Mode::Stage, live, "already-staged").await? {
        Ok(made) => made,
        Err(ending) => return Ok(ending),
    };
    sweep::run(&ctx.app, &format!("job {}", ctx.job), Some(ctx.job)).await?;
    Ok(Ending::Done(report("staged", &made)))
}

fn nothing(left_out: usize) -> Report {
    let summary = match left_out {
        0 => "nothing to stage: the selection names no update; list bulletins with `patchwharf bulletin list`".into(),
        n => format!("nothing to stage: {}, all superseded, withdrawn or without files", count(n as u64, "update")),
    };
    Report { summary, ..Report::default() }
}

/// The report of an operation that made versions.
pub(crate) fn report(verb: &str, made: &Made) -> Report {
    let mut summary = format!("{} {verb}, {}", count(made.committed, "package"), bytes(made.size_bytes));
    if made.sound > 0 {
        let looked = format!("{} looked at and found whole", count(made.sound, "package"));
        summary = if made.committed == 0 { looked } else { format!("{summary}; {looked}") };
    }
    if made.failed > 0 {
        summary = format!("{summary}; {} failed, each with its reason below", made.failed);
    }
    let counts = [("bytes".to_owned(), made.size_bytes)].into();
    Report { summary, counts, ..Report::default() }
}
