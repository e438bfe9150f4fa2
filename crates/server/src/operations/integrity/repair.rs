//! Mending what was found. Nothing is deleted: what does not belong goes to quarantine, and what is damaged is replaced
//! by the next version before it is set aside.

mod access;
mod refresh;

use std::{collections::HashMap, sync::Arc};

use patchwharf_db::findings::Settled;
use patchwharf_model::{
    JobId, LocationId, PackageId,
    finding::{DoneBy, FindingKind, Outcome},
    job::{IntegrityCheck, JobRequest, Selection},
};
use patchwharf_store::{Location, StagingKind};

use super::{check::Check, differences, words};
use crate::{
    jobs::Order,
    operations::{
        Ending, OperationError,
        assembly::told::with_causes,
        compare::{self, Difference},
        cores,
    },
};

/// Packages of one full check that a light one orders.
const ORDERED: usize = 5_000;

impl Check<'_> {
    /// Mends. An ending: the job cannot go on now.
    pub(super) async fn repair(&mut self) -> Result<Option<Ending>, OperationError> {
        self.settle_differences().await?;
        self.set_aside_copies().await?;
        self.set_right_access().await?;
        self.set_aside_strangers().await?;
        self.refresh().await
    }

    /// What reconcile settles: orphans, lost rows, leftovers.
    async fn settle_differences(&mut self) -> Result<(), OperationError> {
        let mut by_location: Vec<(Arc<Location>, Vec<Difference>)> = Vec::new();
        for (location, difference) in std::mem::take(&mut self.differences) {
            let keep = !is_settled(&difference);
            if keep {
                self.differences.push((location, difference));
                continue;
            }
            match by_location.iter_mut().find(|(known, _)| known.id() == location.id()) {
                Some((_, differences)) => differences.push(difference),
                None => by_location.push((location, vec![difference])),
            }
        }
        let mut settled = Vec::new();
        for (location, differences) in by_location {
            let mut open: HashMap<String, ()> =
                differences.iter().map(|one| (differences::draft(&location, one).key(), ())).collect();
            for (difference, became) in compare::settle(&self.who, &location, differences).await? {
                let key = differences::draft(&location, &difference).key();
                open.remove(&key);
                settled.extend(self.became(&key, became.outcome, became.text));
            }
            for key in open.keys() {
                settled.extend(self.became(key, Outcome::Cleared, "it is gone by itself"));
            }
        }
        self.settle(settled).await
    }

    /// Copies of versions that belong to another location, where that one is whole.
    async fn set_aside_copies(&mut self) -> Result<(), OperationError> {
        let left = self.left_by_package();
        let mut settled = Vec::new();
        for (location, difference) in &self.differences {
            let Difference::Twice { package, version, .. } = difference else { continue };
            let key = differences::draft(location, difference).key();
            if left.get(package).is_some_and(|keys| keys.iter().any(|other| *other != key)) {
                let why = "the one that the database has is not whole: this copy is kept";
                settled.extend(self.became(&key, Outcome::Stays, why));
                continue;
            }
            let (own, package, version, now) = (Arc::clone(location), *package, *version, self.ctx.now());
            let moved = cores::blocking(move || own.quarantine_version(package, version, now)).await?;
            settled.extend(self.set_aside(&key, moved));
        }
        self.settle(settled).await
    }

    /// What lies in versions' folders and is no part of them.
    async fn set_aside_strangers(&mut self) -> Result<(), OperationError> {
        let mut settled = Vec::new();
        for (key, finding) in self.remaining(&[FindingKind::FileExtra]) {
            let (Some(package), Some(version), Some(location)) =
                (finding.package, finding.version, finding.location.and_then(|id| self.open(id)))
            else {
                continue;
            };
            let (name, now) = (last(&finding.path), self.ctx.now());
            let moved = cores::blocking(move || location.quarantine_entry(package, version, &name, now)).await?;
            settled.extend(self.set_aside(&key, moved));
        }
        self.settle(settled).await
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
            .map(|(key, finding)| words::settled(key, finding, Outcome::Planned, finding.remedy.clone()))
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
            let check = IntegrityCheck {
                past_cache: self.wish.past_cache,
                repair: self.wish.repair,
                max_bytes_per_second: self.wish.max_bytes_per_second,
                only_between: self.wish.only_between,
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

    /// What has become of a finding.
    fn became(&self, key: &str, outcome: Outcome, text: impl Into<String>) -> Option<Settled> {
        Some(words::settled(key, self.findings.get(key)?, outcome, text))
    }

    /// Findings of these kinds that are still there.
    fn remaining(&self, kinds: &[FindingKind]) -> Vec<(String, patchwharf_model::finding::Finding)> {
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
