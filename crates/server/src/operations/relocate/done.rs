//! What has come of a move: what this attempt knows, and what the job has counted in all its attempts.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    time::Instant,
};

use patchwharf_model::{JobId, PackageId, UpdateId, job::Report};
use patchwharf_store::Location;
use tokio::task::JoinSet;

use super::{
    batch::{Halt, Outcome},
    rate, told,
};
use crate::{
    jobs::JobContext,
    operations::{OperationError, places::VersionKey},
    words::{bytes, count},
};

/// Counts of the job.
pub(super) const MOVED: &str = "versions-moved";
const BYTES: &str = "bytes";
const SAME_DATA: &str = "versions-linked";
const RESTAGED: &str = "versions-restaged";

/// Copies that the new disk may give back wrong before it is not trusted any more.
const MISREAD: u64 = 3;

/// Why a version is to be looked at again.
#[derive(Clone, Debug)]
pub(super) enum Again {
    /// Something is in its place, and could not be set aside.
    Occupied(String),
    /// It changed meanwhile.
    Changed(String),
}

/// What has come of the job.
pub(super) struct Done<'a> {
    ctx: &'a JobContext,
    /// Versions that cannot be moved, and were named.
    pub(super) named: HashSet<VersionKey>,
    /// The updates of those among them that are served: what can be fetched anew.
    pub(super) damaged: BTreeSet<UpdateId>,
    /// Packages that others hold.
    pub(super) busy: Vec<(PackageId, JobId)>,
    /// Versions that changed under the job in this round, and how.
    pub(super) again: BTreeMap<VersionKey, String>,
    /// Versions in whose place something was found once.
    occupied: HashSet<VersionKey>,
    /// Of the named ones, those that were fetched anew.
    mended: u64,
    /// Copies that the new disk gave back wrong.
    misread: u64,
    counted_until: Instant,
}

impl<'a> Done<'a> {
    pub(super) fn begin(ctx: &'a JobContext) -> Self {
        Self {
            ctx,
            named: HashSet::new(),
            damaged: BTreeSet::new(),
            busy: Vec::new(),
            again: BTreeMap::new(),
            occupied: HashSet::new(),
            mended: 0,
            misread: 0,
            counted_until: Instant::now(),
        }
    }

    /// Waits for a batch and adds what came of it.
    pub(super) async fn join(
        &mut self,
        batches: &mut JoinSet<Result<Outcome, OperationError>>,
    ) -> Result<Option<Halt>, OperationError> {
        let Some(ended) = batches.join_next().await else { return Ok(None) };
        let outcome = ended.map_err(|e| {
            OperationError::new("internal", "moving a batch ended unexpectedly; the job is tried again")
                .because(e)
                .transient()
        })??;
        Ok(self.add(outcome))
    }

    fn add(&mut self, outcome: Outcome) -> Option<Halt> {
        let progress = &self.ctx.progress;
        let milliseconds = u64::try_from(self.counted_until.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.counted_until = Instant::now();
        for (name, more) in [
            (MOVED, outcome.moved),
            (BYTES, outcome.moved_bytes),
            (rate::COPIED, outcome.copied_bytes),
            (SAME_DATA, outcome.same_data),
            (rate::MILLISECONDS, milliseconds),
        ] {
            progress.count(name, more);
        }
        self.named.extend(outcome.named);
        self.damaged.extend(outcome.damaged);
        self.busy.extend(outcome.busy);
        self.misread += outcome.misread;
        for (key, why) in outcome.again {
            match why {
                // To copy it time and again would not help.
                Again::Occupied(why) if !self.occupied.insert(key) => self.name(key, "occupied", &why),
                Again::Occupied(why) | Again::Changed(why) => drop(self.again.insert(key, why)),
            }
        }
        outcome.halt.or_else(|| (self.misread >= MISREAD).then_some(Halt::Misread))
    }

    /// What still changes after all rounds is named.
    pub(super) fn give_up(&mut self) {
        for (key, why) in std::mem::take(&mut self.again) {
            self.name(key, "not-moved", &why);
        }
    }

    fn name(&mut self, key: VersionKey, outcome: &str, why: &str) {
        told::not_moved(self.ctx, key, outcome, why);
        self.named.insert(key);
    }

    /// So many of the named ones were fetched anew at the new place.
    pub(super) fn restaged(&mut self, versions: u64) {
        self.mended += versions;
        self.ctx.progress.count(RESTAGED, versions);
    }

    pub(super) fn report(&self, target: &Location) -> Report {
        let counted = |name| self.ctx.progress.counted(name);
        let (moved, restaged, same_data) = (counted(MOVED), counted(RESTAGED), counted(SAME_DATA));
        let left = (self.named.len() as u64).saturating_sub(self.mended);
        let mut summary = match (moved, self.named.len()) {
            (0, 0) => format!("nothing to move to {}", target.path()),
            (0, _) => format!("nothing was moved to {}", target.path()),
            (moved, _) => {
                format!("{} moved to {}, {}", count(moved, "package version"), target.path(), bytes(counted(BYTES)))
            }
        };
        if restaged > 0 {
            summary =
                format!("{summary}; {restaged} fetched anew there, for they were missing or damaged at the old place");
        }
        if same_data > 0 {
            summary = format!("{summary}; {same_data} the same data as their originals, no second copy");
        }
        if left > 0 {
            summary = format!("{summary}; {left} not moved, each with its reason and the ways out below");
        }
        if moved > 0 {
            summary = format!("{summary}; the originals stay until `patchwharf location prune`");
        }
        let counts = [BYTES, rate::COPIED, rate::MILLISECONDS].map(|name| (name.to_owned(), counted(name)));
        Report { summary, counts: counts.into(), ..Report::default() }
    }
}
