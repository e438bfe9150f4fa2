//! Download software update packages: everything that is current and enabled and not downloaded is staged. By the clock, or
//! when somebody asks.

use patchwharf_db::{
    bulletins::{self, BulletinFilter},
    updates::Update,
};
use patchwharf_model::job::{Report, Selection};

use super::{
    Ending, OperationError,
    assembly::{item, told},
    selection, stage,
};
use crate::{
    jobs::JobContext,
    words::{bytes, count},
};

/// Bulletins in one run; the next one takes the rest.
const MOST: u32 = 100_000;

/// The setting: how often what is not downloaded is staged; off: on demand only.
pub(crate) const EVERY: &str = "download.every";

/// Runs the job.
pub(crate) async fn run(ctx: &JobContext, dry_run: bool) -> Result<Ending, OperationError> {
    ctx.progress.phase("looking for what is not downloaded");
    let wanted = BulletinFilter {
        enabled: Some(true),
        downloaded: Some(false),
        listed: Some(true),
        superseded: Some(false),
        withdrawn: Some(false),
        ..BulletinFilter::default()
    };
    let ids = bulletins::ids(&ctx.app.db, &wanted, MOST).await?;
    let updates = selection::updates_of(&ctx.app.db, &Selection::Bulletins(ids)).await?;
    let live = updates.into_iter().filter(Update::is_in_scope);
    let (by_hand, live): (Vec<Update>, Vec<Update>) = live.partition(is_by_hand);
    for update in &by_hand {
        let reason = "a file of it has no address: fetch it by hand and give it with `patchwharf package supply`";
        told::line(ctx, item(update), "left-out", false, reason.to_owned());
    }
    if live.is_empty() {
        let summary = "nothing to do: everything current and enabled that has an address is downloaded".to_owned();
        return Ok(Ending::Done(Report { summary, ..Report::default() }));
    }
    if dry_run {
        return Ok(Ending::Done(would(ctx, live)));
    }
    let of = Selection::Updates(live.into_iter().map(|update| update.update_id).collect());
    stage::run(ctx, &of).await
}

/// Whether it can only be had by hand: trying it again and again by the clock would fail each time.
fn is_by_hand(update: &Update) -> bool {
    update.current_version.is_none() && update.files.iter().any(|file| file.url.is_none())
}

/// What a run would do: what has no package yet, and what it would look at and mend.
fn would(ctx: &JobContext, live: Vec<Update>) -> Report {
    let (there, lacking): (Vec<Update>, Vec<Update>) =
        live.into_iter().partition(|update| update.current_version.is_some());
    for update in &lacking {
        let reason = format!("{} at most to fetch", bytes(update.size_bytes));
        told::line(ctx, item(update), "would-be-staged", false, reason);
    }
    let size_bytes = lacking.iter().map(|update| update.size_bytes).sum();
    let mut summary = format!(
        "{} would be staged, {} at most to fetch; nothing was changed (dry run)",
        count(lacking.len() as u64, "package"),
        bytes(size_bytes)
    );
    if !there.is_empty() {
        let others = count(there.len() as u64, "package");
        summary = format!(
            "{summary}; {others} of the same bulletins would be looked at, and mended where they are not whole"
        );
    }
    let looked = (lacking.len() + there.len()) as u64;
    let counts = [("packages".to_owned(), looked), ("bytes".to_owned(), size_bytes)].into();
    Report { summary, counts, ..Report::default() }
}
