//! Looking at many versions: the oldest proof first, all threads busy, results written in batches while the threads go on.

use std::{sync::Arc, time::Duration};

use patchwharf_db::packages::{self, FileToCheck, Placed};
use patchwharf_model::{
    DailyHours, LocationId, PackageId, Sha256, Timestamp,
    job::Unit,
    package::{ProofStamp, VersionState},
};
use patchwharf_store::Location;
use tokio::time::Instant;

use super::{
    ahead::{Ahead, Chunk},
    crew::Crew,
    hours,
    pace::Pace,
    task::{Known, Task, Way},
};
use crate::{
    jobs::JobContext,
    operations::{Ending, OperationError, assembly},
};

/// Versions in one query and in one transaction.
pub(super) const CHUNK: usize = 500;
/// Results wait no longer than this to be written: what a crash costs.
const FLUSH: Duration = Duration::from_secs(1);
/// Times that a package is looked at again because it changed meanwhile.
const ROUNDS: usize = 5;

/// How a set of versions is to be looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// By stamps only.
    pub(crate) light: bool,
    /// From the disk, not from what the kernel remembers.
    pub(crate) past_cache: bool,
    /// Bytes per second at most.
    pub(crate) max_bytes_per_second: Option<u64>,
    /// Only in these hours.
    pub(crate) only_between: Option<DailyHours>,
}

/// A version to look at.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// Where it lies.
    pub(crate) location: Arc<Location>,
    /// What is on record.
    pub(crate) row: Placed,
}

impl Item {
    /// Those of these rows that are served and should be whole, and whose location is open.
    pub(crate) fn of(ctx: &JobContext, rows: Vec<Placed>) -> Vec<Self> {
        use VersionState::{Corrupt, Missing, Staged};
        let served = rows.into_iter().filter(|v| v.is_served && matches!(v.state, Staged | Corrupt | Missing));
        served.filter_map(|row| Some(Self { location: assembly::location_of(ctx, row.location_id)?, row })).collect()
    }
}

/// What is done with what was seen.
pub(crate) trait Sink: Send {
    /// What the same job has found wrong with a file before it was interrupted.
    fn wrong(&self, location: LocationId, file: &FileToCheck) -> Option<(ProofStamp, Sha256)>;

    /// Whether the stamp of a version's manifest is enough for a light look: not while something is wrong with it.
    fn believes_manifest(&self, _key: (PackageId, u64)) -> bool {
        true
    }

    /// Takes versions that were looked at, lightly or closely; returns the packages that changed meanwhile, to be looked
    /// at again.
    fn take(
        &mut self,
        tasks: Vec<Arc<Task>>,
        light: bool,
    ) -> impl Future<Output = Result<Vec<PackageId>, OperationError>> + Send;

    /// Hears of packages that could not be judged: other jobs change them faster than they can be looked at.
    fn not_judged(&mut self, _packages: &[PackageId]) {}
}

/// Looks at versions. `Err` in the inner result: the job cannot go on now; what was seen is written.
pub(crate) async fn prove(
    ctx: &JobContext,
    manner: Manner,
    items: Vec<Item>,
    sink: &mut impl Sink,
) -> Result<Result<(), Ending>, OperationError> {
    ctx.progress.phase(if manner.light { "comparing stamps" } else { "hashing" });
    let total = items.iter().map(|item| item.row.size_bytes).sum();
    ctx.progress.start(
        if manner.light { Unit::Items } else { Unit::Bytes },
        if manner.light { items.len() as u64 } else { total },
    );
    ctx.progress.items_total(items.len() as u64);
    let began_at = patchwharf_db::jobs::show(&ctx.app.db, ctx.job).await?.started_at.unwrap_or_else(|| ctx.now());
    let mut open = items;
    for _ in 0..ROUNDS {
        let mut round = Round { ctx, manner, began_at, again: Vec::new() };
        if let Err(ending) = round.run(open, sink).await? {
            return Ok(Err(ending));
        }
        if round.again.is_empty() {
            return Ok(Ok(()));
        }
        let rows = packages::placed(&ctx.app.db, &round.again).await?;
        open = Item::of(ctx, rows);
    }
    sink.not_judged(&open.iter().map(|item| item.row.package_id).collect::<Vec<_>>());
    for item in open {
        tracing::info!(job.id = %ctx.job, package.id = %item.row.package_id, "not judged: other jobs change it faster than it can be looked at");
    }
    Ok(Ok(()))
}

/// One pass over versions.
struct Round<'a> {
    ctx: &'a JobContext,
    manner: Manner,
    began_at: Timestamp,
    again: Vec<PackageId>,
}

impl Round<'_> {
    async fn run(&mut self, items: Vec<Item>, sink: &mut impl Sink) -> Result<Result<(), Ending>, OperationError> {
        let (ctx, manner) = (self.ctx, self.manner);
        let pace = Arc::new(Pace::new(manner.max_bytes_per_second, ctx.stop.clone(), ctx.progress.clone()));
        let way = Way {
            light: manner.light,
            past_cache: manner.past_cache,
            job: ctx.job,
            began_at: self.began_at,
            keys: ctx.app.known_keys().await?,
        };
        let mut crew = Crew::start(way, &pace)?;
        let mut ahead = Ahead::begin(ctx, manner.light, items);
        let (mut under_way, mut done, mut flushed) = (0, Vec::new(), Instant::now());
        let mut ending = None;
        while ending.is_none() {
            while under_way < 2 * CHUNK
                && let Some(chunk) = ahead.next().await?
            {
                under_way += self.give(chunk, &crew, sink);
            }
            if under_way == 0 {
                break;
            }
            tokio::select! {
                task = crew.next() => {
                    let Some(task) = task? else { break };
                    under_way -= 1;
                    done.push(task);
                }
                reason = ctx.stop.asked() => ending = Some(Ending::Stopped(reason)),
                () = tokio::time::sleep(FLUSH) => {}
            }
            if done.len() >= CHUNK || flushed.elapsed() >= FLUSH || under_way == 0 {
                flushed = Instant::now();
                self.flush(&mut done, sink).await?;
                ending = ending.or_else(|| hours::outside(&ctx.app.clock, manner.only_between));
            }
        }
        crew.close();
        if ending.is_some() {
            pace.halt();
        }
        while let Some(task) = crew.next().await? {
            done.push(task);
        }
        self.flush(&mut done, sink).await?;
        Ok(ending.map_or(Ok(()), Err))
    }

    async fn flush(&mut self, done: &mut Vec<Arc<Task>>, sink: &mut impl Sink) -> Result<(), OperationError> {
        if done.is_empty() {
            return Ok(());
        }
        self.ctx.progress.items_done(done.len() as u64);
        match self.manner.light {
            true => self.ctx.progress.advance(done.len() as u64),
            // What was read has been counted as it was read.
            false => self.ctx.progress.advance(done.iter().map(|task| task.believed_bytes()).sum()),
        }
        self.again.extend(sink.take(std::mem::take(done), self.manner.light).await?);
        Ok(())
    }

    /// Hands versions to the crew. Returns how many.
    fn give(&self, mut chunk: Chunk, crew: &Crew, sink: &impl Sink) -> usize {
        chunk.stamps.retain(|key, _| sink.believes_manifest(*key));
        let tasks = chunk.items.iter().filter_map(|item| {
            let key = (item.row.package_id, item.row.version);
            let rows = chunk.rows.remove(&key).unwrap_or_default();
            // Neither files nor a version: deleted since.
            let token = rows.first().map(|row| row.token).or_else(|| chunk.bare.get(&key).copied())?;
            let (state, manifest_stamp, read_at) = (item.row.state, chunk.stamps.remove(&key), chunk.read_at);
            let known = Known { key, token, state, rows, manifest_stamp, read_at };
            Some(Task::new(&item.location, known, |file| sink.wrong(item.location.id(), file)))
        });
        let tasks: Vec<Arc<Task>> = tasks.collect();
        let way_is_light = self.manner.light;
        let mut parts: Vec<_> = tasks.iter().flat_map(|task| task.parts(way_is_light)).collect();
        // What takes long first, so that no thread is left with it alone at the end; the rest in the order of the disk.
        parts.sort_by_key(|part| (std::cmp::Reverse(part.size_bytes()), part.place()));
        parts.into_iter().for_each(|part| crew.give(part));
        tasks.len()
    }
}
