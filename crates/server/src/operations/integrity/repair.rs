//! Mending what was found. Nothing is deleted: what does not belong goes to quarantine, and what is damaged is replaced
//! by the next version before it is set aside.

mod access;
mod again;
mod refresh;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use patchwharf_db::{findings::Settled, packages};
use patchwharf_model::{
    DailyHours, JobId, LocationId, PackageId,
    finding::{DoneBy, Finding, FindingKind, Outcome},
    job::{IntegrityCheck, JobRequest, Selection, Unit},
};
use patchwharf_store::{Location, StagingKind};

use super::{check::Check, differences, settings::ByTheClock, words};
use crate::{
    jobs::Order,
    operations::{
        Ending, OperationError,
        assembly::told::with_causes,
        compare::{self, Difference},
        cores,
    },
};

/// A full check that reads so much is ordered for the hours of the clock's full checks.
const MUCH_BYTES: u64 = 10 << 30;
/// What has become of things is written after so many, and the job can stop there.
const PIECE: usize = 100;
/// Packages of one full check that a light one orders.
const ORDERED: usize = 5_000;

impl Check<'_> {
    /// Mends. An ending: the job cannot go on now.
    pub(super) async fn repair(&mut self) -> Result<Option<Ending>, OperationError> {
        let left = self.findings.values().filter(|finding| finding.counts()).count();
        self.ctx.progress.start(Unit::Items, left as u64);
        self.settle_differences().await?;
        self.set_aside_copies().await?;
        if let Some(ending) = self.set_right_access().await? {
            return Ok(Some(ending));
        }
        self.set_aside_strangers().await?;
        match self.ctx.stop.reason() {
            Some(reason) => Ok(Some(Ending::Stopped(reason))),
            None => self.refresh().await,
        }
    }

    /// What reconcile settles: orphans, lost rows, leftovers. What has become of them is written piece by piece.
    async fn settle_differences(&mut self) -> Result<(), OperationError> {
        let (settled, rest) = std::mem::take(&mut self.differences).into_iter().partition(|(_, one)| is_settled(one));
        self.differences = rest;
        self.settle_as_reconcile_does(settled).await
    }

    /// Copies of versions that belong to another location, where that one is whole: this run must have looked at it, and
    /// found nothing wrong with what it must hold.
    async fn set_aside_copies(&mut self) -> Result<(), OperationError> {
        let (mut settled, mut copies) = (Vec::new(), Vec::new());
        for (location, difference) in std::mem::take(&mut self.differences) {
            let Difference::Twice { package, version, belongs } = &difference else { continue };
            match self.why_kept(*package, *version, *belongs) {
                Some(why) => {
                    let key = differences::draft(&location, &difference).key();
                    settled.extend(self.became(&key, Outcome::Stays, format!("this copy is kept: {why}")));
                }
                None => copies.push((location, difference)),
            }
        }
        self.settle(settled).await?;
        self.settle_as_reconcile_does(copies).await
    }

    /// Why a copy is kept without a further look.
    fn why_kept(&self, package: PackageId, version: u64, belongs: LocationId) -> Option<&'static str> {
        let is_home = |finding: &Finding| {
            (finding.package, finding.version, finding.location) == (Some(package), Some(version), Some(belongs))
        };
        let mut left = self.findings.values().filter(|finding| finding.outcome.remains());
        if self.wish.light {
            Some("a light check does not read the one that the database has")
        } else if !self.compared.contains(&belongs) {
            Some("the location of the one that the database has was not looked at")
        } else if left.any(|finding| is_home(finding) && finding.kind.is_of_contents()) {
            Some("the one that the database has is not whole")
        } else {
            None
        }
    }

    async fn settle_as_reconcile_does(
        &mut self,
        differences: Vec<(Arc<Location>, Difference)>,
    ) -> Result<(), OperationError> {
        let mut by_location: BTreeMap<LocationId, (Arc<Location>, Vec<Difference>)> = BTreeMap::new();
        for (location, difference) in differences {
            by_location.entry(location.id()).or_insert_with(|| (location, Vec::new())).1.push(difference);
        }
        for (location, mut differences) in by_location.into_values() {
            while !differences.is_empty() && !self.is_stopped() {
                let rest = differences.split_off(differences.len().min(PIECE));
                let piece = std::mem::replace(&mut differences, rest);
                self.settle_piece(&location, piece).await?;
            }
        }
        Ok(())
    }

    async fn settle_piece(
        &mut self,
        location: &Arc<Location>,
        differences: Vec<Difference>,
    ) -> Result<(), OperationError> {
        let mut open: HashSet<String> = differences.iter().map(|one| differences::draft(location, one).key()).collect();
        let mut settled = Vec::new();
        for (difference, became) in compare::settle(&self.who, location, differences).await? {
            let key = differences::draft(location, &difference).key();
            open.remove(&key);
            settled.extend(self.became(&key, became.outcome, became.text));
        }
        for key in open {
            settled.extend(self.became(&key, Outcome::Cleared, "it is gone by itself"));
        }
        self.settle(settled).await
    }

    /// What lies in versions' folders and is no part of them.
    async fn set_aside_strangers(&mut self) -> Result<(), OperationError> {
        let strangers = self.remaining(&[FindingKind::FileExtra]);
        for piece in strangers.chunks(PIECE) {
            let mut settled = Vec::new();
            for (key, finding) in piece {
                let (Some(package), Some(version), Some(location), false) = (
                    finding.package,
                    finding.version,
                    finding.location.and_then(|id| self.open(id)),
                    self.is_stopped(),
                ) else {
                    continue;
                };
                let (name, now) = (last(&finding.path), self.ctx.now());
                let moved = cores::blocking(move || location.quarantine_entry(package, version, &name, now)).await?;
                settled.extend(self.set_aside(key, moved));
            }
            self.settle(settled).await?;
        }
        Ok(())
    }

    /// Whether the job is to end.
    fn is_stopped(&self) -> bool {
        self.ctx.stop.reason().is_some()
    }

    fn set_aside(&self, key: &str, moved: Result<camino::Utf8PathBuf, patchwharf_store::DiskError>) -> Option<Settled> {
        match moved {
            Ok(path) => self.became(key, Outcome::SetAside, format!("kept in {path}")),
            Err(error) if error.is_missing() => self.became(key, Outcome::Cleared, "it is gone by itself"),
            Err(error) => self.became(key, Outcome::Stays, with_causes(&error)),
        }
    }

    /// Says of everything that would be mended what would be done.
    pub(super) async fn say_what_would_be_done(&mut self) -> Result<(), OperationError> {
        let planned: Vec<Settled> = self
            .findings
            .iter()
            .filter(|(_, finding)| finding.outcome.remains() && finding.by != DoneBy::Nobody)
            .map(|(key, finding)| words::settled(key, finding, Outcome::Planned, words::planned(finding)))
            .collect();
        self.settle(planned).await
    }

    /// Light: what was touched since its proof is never called healthy, its bytes are hashed by a job of its own.
    pub(super) async fn order_full_checks(&mut self) -> Result<(), OperationError> {
        let doubtful: Vec<(String, PackageId)> = self
            .remaining(&[FindingKind::FileUnproved])
            .into_iter()
            .filter_map(|(key, finding)| Some((key, finding.package?)))
            .collect();
        let mut packages: Vec<PackageId> = doubtful.iter().map(|(_, package)| *package).collect();
        packages.sort_unstable();
        packages.dedup();
        let mut ordered: HashMap<PackageId, JobId> = HashMap::new();
        for packages in packages.chunks(ORDERED) {
            let only_between = self.hours_of(packages).await?;
            let check = IntegrityCheck {
                past_cache: self.wish.past_cache,
                repair: self.wish.repair,
                max_bytes_per_second: self.wish.max_bytes_per_second,
                only_between,
                ..IntegrityCheck::full(Selection::Packages(packages.to_vec()))
            };
            let order = Order::by(&self.ctx.actor).from(&self.who.source);
            let job = self.ctx.app.jobs.order(JobRequest::IntegrityCheck(check), order).await?.job;
            ordered.extend(packages.iter().map(|package| (*package, job)));
        }
        let settled = doubtful
            .into_iter()
            .filter_map(|(key, package)| {
                let job = ordered.get(&package)?;
                self.became(&key, Outcome::Ordered, format!("job {job} hashes it"))
            })
            .collect();
        self.settle(settled).await
    }

    /// When a full check that is ordered may run: much of what the clock has ordered waits for the clock's hours.
    async fn hours_of(&self, packages: &[PackageId]) -> Result<Option<DailyHours>, OperationError> {
        let app = &self.ctx.app;
        if self.ctx.actor != Order::CLOCK || self.wish.only_between.is_some() {
            return Ok(self.wish.only_between);
        }
        let placed = packages::placed(&app.db, packages).await?;
        let size_bytes: u64 = placed.iter().filter(|v| v.is_served).map(|v| v.size_bytes).sum();
        Ok(hours_for(size_bytes, ByTheClock::read(app).await?.only_between))
    }

    /// What has become of a finding.
    fn became(&self, key: &str, outcome: Outcome, text: impl Into<String>) -> Option<Settled> {
        Some(words::settled(key, self.findings.get(key)?, outcome, text))
    }

    /// Findings of these kinds that are still there.
    fn remaining(&self, kinds: &[FindingKind]) -> Vec<(String, Finding)> {
        self.findings
            .iter()
            .filter(|(_, finding)| finding.outcome.remains() && kinds.contains(&finding.kind))
            .map(|(key, finding)| (key.clone(), finding.clone()))
            .collect()
    }

    fn open(&self, id: LocationId) -> Option<Arc<Location>> {
        self.scope.open.iter().find(|location| location.id() == id).cloned()
    }
}

/// The hours of what the clock's light check orders, given those of the clock's full checks: only what takes long waits.
fn hours_for(size_bytes: u64, of_the_clock: Option<DailyHours>) -> Option<DailyHours> {
    of_the_clock.filter(|_| size_bytes >= MUCH_BYTES)
}

/// Whether a difference is settled as reconcile does it. Quarantine is emptied by the clock alone.
fn is_settled(difference: &Difference) -> bool {
    match difference {
        Difference::Lost { .. }
        | Difference::Orphan { .. }
        | Difference::Empty { .. }
        | Difference::Gone(_)
        | Difference::OriginalGone { .. }
        | Difference::Abandoned { .. } => true,
        Difference::Staging(left) => left.kind != StagingKind::Foreign,
        _ => false,
    }
}

/// The last component of a path.
fn last(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_the_clock_orders_waits_for_its_hours_only_when_it_is_much() {
        let hours: DailyHours = "22:00-05:00".parse().unwrap();
        assert_eq!(hours_for(MUCH_BYTES - 1, Some(hours)), None);
        assert_eq!(hours_for(MUCH_BYTES, Some(hours)), Some(hours));
        assert_eq!(hours_for(MUCH_BYTES, None), None);
    }
}
