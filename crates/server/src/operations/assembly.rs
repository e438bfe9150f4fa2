//! Making versions: the one engine under stage, refresh, recreate and supply.
//!
//! 1. **Plan** ([`plan`]): packages are made and locked in bulk, the disk is looked at (rows are never believed), and
//!    for each update it is decided whether there is anything to do and where the bytes of each file come from: a proved
//!    file on disk is linked, everything else is fetched. Versions get numbers that are never used twice.
//! 2. **Fetch**: each distinct content once, many at a time; a failure costs the packages that need it and nothing else.
//! 3. **Place and commit** ([`placing`]): what is complete goes, in batches bounded by count, bytes and time, through
//!    the commit protocol: durable files and folders first, one transaction for the batch, then report and log.
//!
//! Killed anywhere, the next run plans anew from the disk: partial downloads are resumed at their byte, a folder that
//! was placed and not recorded is proved and recorded, and what is current stays current.

mod batches;
mod build;
mod contents;
mod decide;
mod failing;
mod fetching;
mod in_place;
mod inspect;
mod local;
mod offer;
mod placing;
mod plan;
#[cfg(test)]
mod samples;
mod signed;
mod sources;
pub(crate) mod told;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use patchwharf_db::updates::Update;
use patchwharf_model::{FeedId, job::Unit};
use tokio::{sync::mpsc, task::JoinSet};
use tracing::Instrument as _;

use self::{
    build::{Build, Origin},
    contents::Needed,
    failing::{Failed, FailedFile},
    fetching::{Got, Lack, Wanted},
    in_place::Left,
    placing::{Arrived, Placing},
    plan::Plan,
    sources::Places,
};
pub(crate) use self::{
    build::{ContentKey, item},
    contents::there,
    decide::Mode,
    inspect::describe,
    offer::{Find, Offer, lacking},
    placing::TakenBytes,
    plan::{location_of, overall},
};
use super::{Ending, OperationError, cores, later, locks, supply};
use crate::{
    fetch::Meaning,
    jobs::{JobContext, StopReason},
    words::bytes,
};

/// Times that builds whose ground changed under them are planned anew.
const ROUNDS: usize = 3;
/// Whole builds that wait to be placed.
const WAITING: usize = 256;

/// A package and the number of its version.
type VersionKey = (patchwharf_model::PackageId, u64);

/// What an operation came to.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// Versions that became current.
    pub(crate) committed: u64,
    /// Their bytes.
    pub(crate) size_bytes: u64,
    /// Updates that failed.
    pub(crate) failed: u64,
    /// Updates whose packages were as they must be.
    pub(crate) sound: u64,
    /// How the bytes of a foreign folder came over.
    pub(crate) taken: TakenBytes,
}

/// Makes the versions that a mode wants for these updates. `Err` in the inner result: the job cannot go on now.
pub(crate) async fn make(
    ctx: &JobContext,
    mode: Mode,
    updates: Vec<Update>,
    sound_outcome: &str,
) -> Result<Result<Made, Ending>, OperationError> {
    make_from(ctx, mode, None, updates, sound_outcome).await
}

/// The same for what a foreign folder offers: nothing is fetched, and what the folder does not complete is not begun.
pub(crate) async fn adopt(
    ctx: &JobContext,
    offer: &Arc<Offer>,
    updates: Vec<Update>,
) -> Result<Result<Made, Ending>, OperationError> {
    make_from(ctx, Mode::Stage, Some(offer), updates, "already-here").await
}

async fn make_from(
    ctx: &JobContext,
    mode: Mode,
    offer: Option<&Arc<Offer>>,
    updates: Vec<Update>,
    sound_outcome: &str,
) -> Result<Result<Made, Ending>, OperationError> {
    let _keeper = locks::Keeper::start(ctx);
    let mut made = Made::default();
    let mut updates = updates;
    for _ in 0..ROUNDS {
        ctx.progress.phase("looking at the disk");
        let plan = plan::plan(ctx, mode, std::mem::take(&mut updates)).await?;
        if let Some(reason) = ctx.stop.reason() {
            if reason == StopReason::Cancelled {
                let begun: Vec<VersionKey> = plan.builds.iter().map(|build| (build.package, build.version)).collect();
                super::sweep::give_up(ctx, &begun).await?;
            }
            return Ok(Err(Ending::Stopped(reason)));
        }
        for sound in &plan.sound {
            told::sound(ctx, sound, sound_outcome);
        }
        for update in &plan.unproved {
            told::unproved(ctx, update);
        }
        for (update, reason) in &plan.refused {
            told::line(ctx, item(update), "failed", true, reason.clone());
        }
        made.sound += plan.sound.len() as u64;
        made.failed += (plan.refused.len() + plan.unproved.len()) as u64;
        let busy = plan.busy.clone();
        let placing = match build_all(ctx, mode, offer, plan).await? {
            Ok(placing) => placing,
            Err(ending) => return Ok(Err(ending)),
        };
        made.committed += placing.committed;
        made.size_bytes += placing.size_bytes;
        made.failed += placing.failed;
        made.taken += placing.taken;
        if let Some(waiting_for) = placing.no_space {
            return Ok(Err(later::for_space(ctx, waiting_for)));
        }
        if placing.again.is_empty() {
            return Ok(later::for_packages(ctx, &busy).map_or(Ok(made), Err));
        }
        updates = placing.again.iter().map(|build| (*build.update).clone()).collect();
    }
    let left: Vec<String> = updates.iter().map(item).collect();
    for item in left {
        let reason = match offer {
            Some(_) => {
                "a file of the folder was changed after it was hashed; adopt the folder again when it is at rest"
            }
            None => "its files change faster than they can be proved; find out who writes to the package location",
        };
        told::line(ctx, item, "failed", true, reason.to_owned());
        made.failed += 1;
    }
    Ok(Ok(made))
}

/// Fetches, places and commits all builds of a plan.
async fn build_all(
    ctx: &JobContext,
    mode: Mode,
    offer: Option<&Arc<Offer>>,
    plan: Plan,
) -> Result<Result<Placing, Ending>, OperationError> {
    let mut builds = plan.builds;
    ctx.progress.items_total((builds.len() + plan.sound.len()) as u64);
    if builds.is_empty() {
        return Ok(Ok(Placing::default()));
    }
    take_up(ctx, &mut builds).await?;
    if mode != Mode::RefreshComplete {
        contents::link_what_is_there(ctx, &mut builds).await?;
    }
    if let Some(offer) = offer {
        offer::leave_incomplete(ctx, offer, &mut builds).await?;
    }
    let mut run = Run::new(ctx, mode, offer.cloned(), builds).await?;
    let total = run.queue.iter().map(|needed| needed.key.size_bytes).sum();
    let needs_no_room = offer.is_some_and(|offer| offer.shares);
    if !needs_no_room && let Some(waiting_for) = no_room(ctx, &run.queue)? {
        return Ok(Err(later::for_space(ctx, waiting_for)));
    }
    ctx.progress.phase(if offer.is_some() { "taking files in" } else { "downloading" });
    ctx.progress.start(Unit::Bytes, total);
    let (to_placer, arrived) = mpsc::channel(WAITING);
    let placer = tokio::spawn(placing::run(ctx.clone(), arrived).in_current_span());
    let fetched = run.fetch_all(&to_placer).await;
    drop(to_placer);
    let placed = placer.await.map_err(|e| {
        OperationError::new("internal", "placing packages ended unexpectedly; the job is tried again")
            .because(e)
            .transient()
    })?;
    let mut placing = placed?;
    fetched?;
    if let Some(reason) = ctx.stop.reason() {
        if reason == StopReason::Cancelled {
            run.abandon().await?;
        }
        return Ok(Err(Ending::Stopped(reason)));
    }
    placing.no_space = placing.no_space.or(run.no_space);
    Ok(Ok(placing))
}

/// Finds the versions that a crash left in place and unrecorded.
async fn take_up(ctx: &JobContext, builds: &mut [Build]) -> Result<(), OperationError> {
    let mut resumed = Vec::new();
    for (at, build) in builds.iter().enumerate().filter(|(_, build)| build.resumed) {
        if let Some(location) = location_of(ctx, build.location) {
            let files = build.files.iter().map(|file| file.file.clone()).collect();
            resumed.push((at, Left { location, package: build.package, version: build.version, files }));
        }
    }
    if resumed.is_empty() {
        return Ok(());
    }
    let (keys, now) = (ctx.app.known_keys().await?, ctx.now());
    let places: Vec<usize> = resumed.iter().map(|(at, _)| *at).collect();
    let looked = cores::for_each(resumed, move |(_, left)| left.look(&keys, now)).await?;
    for (at, files) in places.into_iter().zip(looked) {
        builds[at].in_place = files;
    }
    Ok(())
}

/// Whether there is room for everything that is still to come: asked before the first byte (S-25).
fn no_room(ctx: &JobContext, queue: &VecDeque<Needed>) -> Result<Option<String>, OperationError> {
    let mut wanted: HashMap<patchwharf_model::LocationId, u64> = HashMap::new();
    for needed in queue {
        *wanted.entry(needed.location).or_default() += needed.key.size_bytes;
    }
    let reserve_bytes = ctx.app.config.fetch.reserve_bytes;
    for (location, needed_bytes) in wanted {
        let Some(location) = location_of(ctx, location) else { continue };
        let space = location.space().map_err(|e| {
            OperationError::new("store", format!("cannot ask {} for its free space", location.path())).because(e)
        })?;
        if needed_bytes.saturating_add(reserve_bytes) <= space.free_bytes {
            continue;
        }
        // What has come of them before holds its room already.
        let of_here = queue.iter().filter(|needed| needed.location == location.id());
        let here = location.on_its_way_bytes(of_here.map(|needed| (&needed.key.digest, needed.key.size_bytes)));
        let needed_bytes = needed_bytes.saturating_sub(here);
        if needed_bytes.saturating_add(reserve_bytes) > space.free_bytes {
            return Ok(Some(format!(
                "{} are needed at {}, {} are free and {} stay reserved \
                 (`fetch.reserve-bytes`); make space, the job goes on by itself",
                bytes(needed_bytes),
                location.path(),
                bytes(space.free_bytes),
                bytes(reserve_bytes)
            )));
        }
    }
    Ok(None)
}

/// The builds of one plan on their way.
struct Run<'a> {
    ctx: &'a JobContext,
    mode: Mode,
    offer: Option<Arc<Offer>>,
    places: Arc<Places>,
    given: HashSet<String>,
    builds: Vec<Option<UnderWay>>,
    queue: VecDeque<Needed>,
    no_space: Option<String>,
}

/// A build and what has come for it.
struct UnderWay {
    build: Build,
    got: Vec<Option<Got>>,
    open: usize,
    failed: Vec<FailedFile>,
}

impl<'a> Run<'a> {
    async fn new(
        ctx: &'a JobContext,
        mode: Mode,
        offer: Option<Arc<Offer>>,
        builds: Vec<Build>,
    ) -> Result<Self, OperationError> {
        let queue = contents::needed(&builds);
        let places = Arc::new(Places::read(&ctx.app.db).await?);
        let app = Arc::clone(&ctx.app);
        let given = cores::blocking(move || supply::given(&app)).await?;
        let builds = builds
            .into_iter()
            .map(|build| {
                let linked = |file: &&build::BuildFile| matches!(file.origin, Origin::Link(_));
                let open = match build.in_place {
                    Some(_) => 0,
                    None => build.files.len() - build.files.iter().filter(linked).count(),
                };
                let got = build.files.iter().map(|_| None).collect();
                Some(UnderWay { build, got, open, failed: Vec::new() })
            })
            .collect();
        Ok(Self { ctx, mode, offer, places, given, builds, queue, no_space: None })
    }

    /// Fetches everything and hands over each build that becomes whole or cannot.
    async fn fetch_all(&mut self, to: &mpsc::Sender<Arrived>) -> Result<(), OperationError> {
        for at in 0..self.builds.len() {
            self.hand_over(at, to).await;
        }
        let parallel = self.ctx.app.config.fetch.parallel;
        let mut tasks: JoinSet<(Needed, Result<Got, Lack>)> = JoinSet::new();
        loop {
            while tasks.len() < parallel
                && self.no_space.is_none()
                && self.ctx.stop.reason().is_none()
                && let Some(needed) = self.queue.pop_front()
            {
                let (ctx, places, wanted) = (self.ctx.clone(), Arc::clone(&self.places), self.wanted(&needed));
                let Some(wanted) = wanted else { continue };
                tasks.spawn(
                    async move {
                        let got = fetching::get(&ctx, &places, &wanted).await;
                        (needed, got)
                    }
                    .in_current_span(),
                );
            }
            let Some(ended) = tasks.join_next().await else { return Ok(()) };
            let (needed, result) = ended.map_err(|e| {
                OperationError::new("internal", "a download ended unexpectedly; the job is tried again")
                    .because(e)
                    .transient()
            })?;
            self.came(needed, result, to).await?;
        }
    }

    fn wanted(&self, needed: &Needed) -> Option<Wanted> {
        let users = needed.users.iter().filter_map(|(build, file)| {
            let build = &self.builds[*build].as_ref()?.build;
            Some((build.update.feed_id, &build.files[*file]))
        });
        let users: Vec<_> = users.collect();
        let (_, first) = users.first()?;
        let mut urls: Vec<(FeedId, String)> = Vec::new();
        for (feed, file) in &users {
            if let Some(url) = &file.file.url
                && !urls.iter().any(|(f, u)| (f, u) == (feed, url))
            {
                urls.push((*feed, url.clone()));
            }
        }
        Some(Wanted {
            name: first.file.name.clone(),
            key: needed.key,
            sha256: needed.sha256,
            urls,
            location: location_of(self.ctx, needed.location)?,
            given: self.given.contains(&supply::name(&needed.key)),
            anew: self.mode == Mode::RefreshComplete,
            offer: self.offer.clone(),
        })
    }

    async fn came(
        &mut self,
        needed: Needed,
        result: Result<Got, Lack>,
        to: &mpsc::Sender<Arrived>,
    ) -> Result<(), OperationError> {
        match result {
            Ok(got) => {
                for (build, file) in &needed.users {
                    if let Some(under_way) = &mut self.builds[*build] {
                        under_way.got[*file] = Some(got.clone());
                        under_way.open -= 1;
                    }
                }
            }
            Err(Lack::Operation(error)) => return Err(error),
            Err(Lack::Fetch(error)) if error.meaning() == Meaning::Stopped => return Ok(()),
            Err(Lack::Fetch(error)) if error.meaning() == Meaning::NoSpace => {
                self.no_space.get_or_insert(told::with_causes(&error));
                return Ok(());
            }
            Err(lack) => {
                for (build, file) in &needed.users {
                    if let Some(under_way) = &mut self.builds[*build] {
                        under_way.failed.push(FailedFile::new(&under_way.build, *file, &lack));
                        under_way.open -= 1;
                    }
                }
            }
        }
        for (build, _) in needed.users {
            self.hand_over(build, to).await;
        }
        Ok(())
    }

    /// Hands a build over when nothing of it is on its way any more. A placer that has ended says why itself.
    async fn hand_over(&mut self, at: usize, to: &mpsc::Sender<Arrived>) {
        let Some(under_way) = self.builds[at].take_if(|under_way| under_way.open == 0) else { return };
        let arrived = match under_way.failed.is_empty() {
            true => Arrived::Whole(under_way.build, under_way.got),
            false => Arrived::Failed(Failed::new(
                under_way.build,
                under_way.failed,
                self.ctx.actor != "system",
                self.ctx.now(),
            )),
        };
        if to.send(arrived).await.is_err() {
            self.queue.clear();
        }
    }

    /// A cancelled job leaves nothing behind: the versions that it began go, and so do their partial files, unless
    /// somebody else wants them.
    async fn abandon(&mut self) -> Result<(), OperationError> {
        let begun: Vec<_> =
            self.builds.iter().flatten().map(|under_way| (under_way.build.package, under_way.build.version)).collect();
        super::sweep::give_up(self.ctx, &begun).await
    }
}
