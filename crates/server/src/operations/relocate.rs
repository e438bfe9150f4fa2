//! Relocate: packages move to another location while they are served.
//!
//! Versions move in batches: packages locked in id order, files copied (or linked) aside and hashed on the way, made
//! durable, read back from the new disk and hashed again, named; then one transaction switches their rows. Until that
//! commits a version is served from the old place, afterwards from the new one. The copy at the old place stays, and is
//! recorded as an original: [`super::undo`] goes back to it, [`super::prune`] removes it.
//!
//! What is still elsewhere is what is still to do: a job that was killed, paused or cancelled left the rest as it was. A
//! copy that has its name and not its row is proved by reading it, and taken.

mod batch;
mod done;
mod preflight;
mod rate;
mod restage;
mod told;

use std::{collections::HashSet, sync::Arc};

use patchwharf_db::{locations as table, packages};
use patchwharf_model::{
    LocationId, PackageId,
    job::{Selection, Unit},
};
use patchwharf_store::{Location, Way};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::{
    Ending, OperationError, later, locks,
    places::{self, VersionKey},
    selection,
};
use crate::jobs::JobContext;
use batch::{Batch, Halt, Outcome};
use done::Done;

/// Versions in one transaction at most.
const BATCH_VERSIONS: usize = 500;
/// Bytes in one batch: bounds how long packages are locked and what a pause has to wait for.
const BATCH_BYTES: u64 = 32 << 20;
/// Batches under way at once: one copies while the other waits for its disk.
const BATCHES: usize = 2;
/// Times that what changed under the job is looked at again.
const ROUNDS: usize = 5;
/// Rows in one query.
const PAGE: u32 = 2_000;

/// What is to be moved, and how.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// Which packages.
    pub(crate) of: Selection,
    /// From here only; none: from everywhere else.
    pub(crate) from: Option<LocationId>,
    /// Where to.
    pub(crate) to: LocationId,
    /// Give the bytes a second name instead of copying them.
    pub(crate) link: bool,
    /// Fetch anew what is missing or damaged.
    pub(crate) restage: bool,
    /// Only look and say.
    pub(crate) dry_run: bool,
}

impl Wish {
    fn way(&self) -> Way {
        if self.link { Way::SameData } else { Way::Copy }
    }
}

/// Runs the job. Also a phase of the integrity check.
pub(crate) async fn run(ctx: &JobContext, wish: &Wish) -> Result<Ending, OperationError> {
    let _keeper = locks::Keeper::start(ctx);
    ctx.progress.phase("looking at the locations");
    ctx.app.locations.reload(&ctx.app.db).await?;
    let target = places::reach(ctx, wish.to).await?;
    let sources = sources(ctx, wish).await?;
    let chosen = selection::chosen(&ctx.app.db, &wish.of).await?;
    let plan = preflight::look(ctx, wish, &target, &sources, chosen.as_deref()).await?;
    if wish.dry_run {
        return Ok(Ending::Done(plan.report(ctx)));
    }
    if let Some(refusal) = plan.refusal() {
        return Err(OperationError::new("refused", refusal));
    }
    if let Some(waiting_for) = plan.no_room() {
        return Ok(later::for_space(ctx, waiting_for));
    }
    plan.tell(ctx);
    ctx.progress.phase("moving packages");
    ctx.progress.start(Unit::Bytes, plan.size_bytes());
    ctx.progress.items_total(plan.versions());
    let chosen = chosen.map(|ids| ids.into_iter().collect::<HashSet<_>>());
    let mut done = Done::begin(ctx);
    for source in &sources {
        let mover = Mover { ctx, wish, target: &target, source, chosen: chosen.as_ref() };
        if let Some(halt) = mover.everything(&mut done).await? {
            return halted(ctx, halt, &target);
        }
    }
    if wish.restage && !done.damaged.is_empty() {
        match restage::run(ctx, wish.to, &done.damaged).await? {
            Ok(restaged) => done.restaged(restaged),
            Err(ending) => return Ok(ending),
        }
    }
    if let Some(ending) = later::for_packages(ctx, &done.busy) {
        return Ok(ending);
    }
    Ok(Ending::Done(done.report(&target)))
}

/// The locations that packages are to be moved from. One that is gone is an error when it was named, else a line.
async fn sources(ctx: &JobContext, wish: &Wish) -> Result<Vec<Arc<Location>>, OperationError> {
    let mut sources = Vec::new();
    for row in table::list(&ctx.app.db).await? {
        if row.location_id == wish.to || wish.from.is_some_and(|from| from != row.location_id) {
            continue;
        }
        match places::reach(ctx, row.location_id).await {
            Ok(location) => sources.push(location),
            Err(error) if wish.from.is_some() || error.transient => return Err(error),
            Err(error) => {
                let used = packages::relocation_totals(&ctx.app.db, row.location_id, wish.to, None).await?;
                if used.versions > 0 {
                    told::location_gone(ctx, &row.path, error.text);
                }
            }
        }
    }
    match wish.from {
        Some(from) if from == wish.to => {
            Err(OperationError::new("refused", "packages are to be moved from a location to itself; name two"))
        }
        Some(from) if sources.is_empty() => {
            Err(OperationError::new("not-found", format!("package location {from} is not known")))
        }
        _ => Ok(sources),
    }
}

/// Moves what lies at one location.
struct Mover<'a> {
    ctx: &'a JobContext,
    wish: &'a Wish,
    target: &'a Arc<Location>,
    source: &'a Arc<Location>,
    chosen: Option<&'a HashSet<PackageId>>,
}

impl Mover<'_> {
    /// Goes over everything, and again over what changed meanwhile. What halts it is returned.
    async fn everything(&self, done: &mut Done<'_>) -> Result<Option<Halt>, OperationError> {
        // What waits at other locations is not forgotten for it.
        let busy_elsewhere = done.busy.len();
        for _ in 0..ROUNDS {
            done.busy.truncate(busy_elsewhere);
            done.again.clear();
            if let Some(halt) = self.once(done).await? {
                return Ok(Some(halt));
            }
            if done.again.is_empty() {
                return Ok(None);
            }
        }
        done.give_up();
        Ok(None)
    }

    async fn once(&self, done: &mut Done<'_>) -> Result<Option<Halt>, OperationError> {
        let mut after = None;
        let mut batches: JoinSet<Result<Outcome, OperationError>> = JoinSet::new();
        let mut halt = None;
        'pages: loop {
            let page = packages::to_relocate(&self.ctx.app.db, self.source.id(), after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.package_id, last.version));
            let wanted = page.into_iter().filter(|v| {
                !done.named.contains(&(v.package_id, v.version))
                    && self.chosen.is_none_or(|chosen| chosen.contains(&v.package_id))
            });
            for keys in cut(wanted.map(|v| ((v.package_id, v.version), v.size_bytes))) {
                while batches.len() >= BATCHES {
                    halt = halt.or(done.join(&mut batches).await?);
                }
                halt = halt.or_else(|| self.ctx.stop.reason().map(Halt::Stopped));
                if halt.is_some() {
                    break 'pages;
                }
                let batch = Batch {
                    ctx: self.ctx.clone(),
                    source: Arc::clone(self.source),
                    target: Arc::clone(self.target),
                    way: self.wish.way(),
                    restage: self.wish.restage,
                };
                batches.spawn(async move { batch.run(&keys).await }.in_current_span());
            }
        }
        while !batches.is_empty() {
            halt = halt.or(done.join(&mut batches).await?);
        }
        Ok(halt)
    }
}

/// Cuts versions into batches of bounded count and bytes; the versions of a package stay together.
fn cut(versions: impl Iterator<Item = (VersionKey, u64)>) -> Vec<Vec<VersionKey>> {
    let (mut parts, mut part, mut size): (Vec<Vec<VersionKey>>, Vec<VersionKey>, u64) = (Vec::new(), Vec::new(), 0);
    for (key, size_bytes) in versions {
        let full = part.len() >= BATCH_VERSIONS || size.saturating_add(size_bytes) > BATCH_BYTES;
        if full && part.last().is_some_and(|(package, _)| *package != key.0) {
            parts.push(std::mem::take(&mut part));
            size = 0;
        }
        size = size.saturating_add(size_bytes);
        part.push(key);
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

/// What a halt means for the job.
fn halted(ctx: &JobContext, halt: Halt, target: &Location) -> Result<Ending, OperationError> {
    match halt {
        Halt::Stopped(reason) => Ok(Ending::Stopped(reason)),
        Halt::NoSpace(waiting_for) => Ok(later::for_space(ctx, waiting_for)),
        Halt::Gone(text) => Err(OperationError::new("location-gone", text)),
        Halt::Target(error) => Err(error),
        Halt::Misread => Err(OperationError::new(
            "not-trusted",
            format!(
                "the disk of {} gave back other bytes than were written to it, three times: it is not to be trusted. \
                 What was moved before was read back whole; the rest stays where it is. Look at the kernel's log, change \
                 that disk, or move to another location",
                target.path()
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_bounded_and_keep_a_packages_versions_together() {
        let ids: Vec<PackageId> = (0..4).map(|_| PackageId::new()).collect();
        let one = |n: usize, version, size| ((ids[n], version), size);
        let most = BATCH_BYTES;
        let parts = cut([one(0, 1, most), one(0, 2, most), one(1, 1, 5), one(2, 1, most - 5)].into_iter());
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
        let many = (0..1_200).map(|n| ((ids[n % 4], n as u64), 1));
        assert!(cut(many).iter().all(|part| part.len() <= BATCH_VERSIONS));
        assert!(cut(std::iter::empty()).is_empty());
    }
}
