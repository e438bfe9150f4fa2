//! Which updates the folder completes or mends, and the room that they need.

use std::{collections::HashSet, sync::Arc};

use patchwharf_db::{updates, updates::Update};
use patchwharf_model::package::VersionState;
use patchwharf_store::Location;

use super::{Chosen, report::Summary, wanted::PAGE};
use crate::{
    jobs::JobContext,
    operations::{
        OperationError,
        assembly::{ContentKey, Offer, item, lacking, told::line},
    },
    words::bytes,
};

/// Goes over all updates. What the folder has a part of only is named.
pub(super) async fn run(
    ctx: &JobContext,
    offer: &Offer,
    dry_run: bool,
    summary: &mut Summary,
) -> Result<Chosen, OperationError> {
    ctx.progress.phase("comparing with the packages that are here");
    let (mut chosen, mut counted, mut after) = (Chosen::default(), HashSet::new(), None);
    loop {
        let page = updates::page(&ctx.app.db, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(chosen) };
        after = Some(last.update_id);
        for update in page.iter().filter(|update| !update.withdrawn) {
            let (here, missing) = split(update, offer);
            if here.is_empty() {
                continue;
            }
            if !missing.is_empty() && update.current_version.is_none() {
                line(ctx, item(update), "incomplete", false, lacking(&missing, &update.bulletin));
                continue;
            }
            chosen.updates.push(update.update_id);
            if is_whole(update) {
                if dry_run {
                    line(ctx, item(update), "already-here", false, String::new());
                }
                continue;
            }
            chosen.lacking += 1;
            let new: Vec<ContentKey> = here.into_iter().filter(|key| counted.insert(*key)).collect();
            chosen.needed_bytes += new.iter().map(|key| key.size_bytes).sum::<u64>();
            if dry_run {
                summary.told_bytes += update.size_bytes;
                let outcome = if update.current_version.is_some() { "would-be-mended" } else { "would-be-adopted" };
                line(ctx, item(update), outcome, false, bytes(update.size_bytes));
            }
        }
    }
}

/// What the folder has of an update's files, and the names of those that it has not.
fn split<'a>(update: &'a Update, offer: &Offer) -> (Vec<ContentKey>, Vec<&'a str>) {
    let (mut here, mut missing) = (Vec::new(), Vec::new());
    for file in &update.files {
        let key = ContentKey { size_bytes: file.size_bytes, digest: file.digest };
        match offer.has(&key) {
            true => here.push(key),
            false => missing.push(file.name.as_str()),
        }
    }
    (here, missing)
}

/// Whether its rows say that its package is whole; the disk is asked before anything is done.
fn is_whole(update: &Update) -> bool {
    update.state == Some(VersionState::Staged) && update.staged_files_digest == Some(update.files_digest)
}

/// The room that is missing at the location where new packages go.
pub(super) fn no_room(
    ctx: &JobContext,
    location: &Arc<Location>,
    offer: &Offer,
    needed_bytes: u64,
) -> Result<Option<String>, OperationError> {
    if offer.shares {
        return Ok(None);
    }
    let space = location.space().map_err(|e| {
        OperationError::new("store", format!("cannot ask {} for its free space", location.path())).because(e)
    })?;
    let reserve_bytes = ctx.app.config.fetch.reserve_bytes;
    let room = space.free_bytes.saturating_sub(reserve_bytes);
    Ok((needed_bytes > room).then(|| {
        format!(
            "{} are needed at {}, {} are free beyond the reserve of {} (`fetch.reserve-bytes`): {} are missing; make \
             space, the job goes on by itself",
            bytes(needed_bytes),
            location.path(),
            bytes(room),
            bytes(reserve_bytes),
            bytes(needed_bytes - room)
        )
    }))
}
