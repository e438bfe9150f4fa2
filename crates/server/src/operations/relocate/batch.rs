//! One batch of versions on its way: locked, copied or linked, proved, switched.

mod mutants;
mod taken;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use patchwharf_db::{
    packages,
    packages::{File, Relocated, StagedFile, Verified, Version},
};
use patchwharf_model::{JobId, PackageId, Sha256, UpdateId, package::VersionState};
use patchwharf_store::{
    Existing, Incoming, IncomingFile, Location, PlaceError, Placed, Watch, Way,
    fault::{self, Mutant, Step},
};

use super::{
    done::{self, Again},
    told,
};
use crate::{
    jobs::{JobContext, StopReason},
    operations::{
        OperationError, assembly, cores, fault_at,
        places::{self, Damage, Locked, VersionKey},
        with_causes, write,
    },
};

/// What a batch needs.
pub(super) struct Batch {
    pub(super) ctx: JobContext,
    pub(super) source: Arc<Location>,
    pub(super) target: Arc<Location>,
    pub(super) way: Way,
    pub(super) restage: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) moved: u64,
    pub(super) moved_bytes: u64,
    pub(super) copied_bytes: u64,
    pub(super) same_data: u64,
    pub(super) named: Vec<VersionKey>,
    pub(super) damaged: Vec<UpdateId>,
    pub(super) busy: Vec<(PackageId, JobId)>,
    pub(super) again: Vec<(VersionKey, Again)>,
    pub(super) misread: u64,
    pub(super) halt: Option<Halt>,
}

/// Why the job cannot go on now.
#[derive(Debug)]
pub(super) enum Halt {
    /// It was asked to stop.
    Stopped(StopReason),
    /// The new disk is full.
    NoSpace(String),
    /// The old or the new location is not there any more.
    Gone(String),
    /// The new disk fails.
    Target(OperationError),
    /// The new disk gives back other bytes than it was given.
    Misread,
}

/// A version that is whole at the new place.
struct Arrived {
    version: Version,
    files: Vec<StagedFile>,
    same_data: bool,
    copied_bytes: u64,
}

impl Batch {
    /// Moves these versions as far as they can be moved.
    pub(super) async fn run(&self, keys: &[VersionKey]) -> Result<Outcome, OperationError> {
        let mut outcome = Outcome::default();
        for location in [&self.source, &self.target] {
            if let Some(why) = places::gone(location).await? {
                let has_begun = self.ctx.progress.counted(done::MOVED) > 0;
                let text = places::is_gone(location.path(), location.id(), &why, has_begun);
                return Ok(Outcome { halt: Some(Halt::Gone(text)), ..outcome });
            }
        }
        let mut locked = Locked::take(&self.ctx, keys).await?;
        outcome.busy.append(&mut locked.busy);
        let packages = std::mem::take(&mut locked.held);
        locked.versions.retain(|(v, _)| v.location_id == self.source.id() && is_kept(v));
        fault_at(Step::RelocateBeforeCopy)?;
        if fault::mutant(Mutant::SwitchFirst) {
            self.switch_first(&locked.versions).await?;
        }
        let (mut arrived, rest) = self.taken(locked.versions).await?;
        let mut found = Vec::new();
        arrived.extend(self.brought(rest, &mut found, &mut outcome).await?);
        let overtaken = self.switch(&packages, arrived, &found, &mut outcome).await?;
        found.retain(|(version, _)| !overtaken.contains(&version.package_id));
        self.name(found, &mut outcome).await?;
        Ok(outcome)
    }

    /// Brings versions over from the old place.
    async fn brought(
        &self,
        versions: Vec<(Version, Vec<File>)>,
        found: &mut Vec<(Version, Damage)>,
        outcome: &mut Outcome,
    ) -> Result<Vec<Arrived>, OperationError> {
        let known = self.known(&versions).await?;
        let (mut incoming, mut rows) = (Vec::new(), Vec::new());
        for (version, files) in versions {
            match self.incoming(&version, &files, &known) {
                Some(one) => {
                    incoming.push(one);
                    rows.push((version, files));
                }
                None => {
                    let reason = "it was never downloaded as a whole".to_owned();
                    found.push((version, Damage { state: VersionState::Missing, reason, files: Vec::new() }));
                }
            }
        }
        if incoming.is_empty() {
            return Ok(Vec::new());
        }
        let (source, target, way) = (Arc::clone(&self.source), Arc::clone(&self.target), self.way);
        let (key, stop, progress) =
            (self.ctx.app.known_keys().await?, self.ctx.stop.clone(), self.ctx.progress.clone());
        let results = cores::blocking(move || {
            let stopped = || stop.reason().is_some();
            let bytes = |more| progress.bytes(more);
            target.bring(&source, incoming, way, &key, Watch { stopped: &stopped, bytes: &bytes })
        })
        .await?;
        let mut arrived = Vec::new();
        for ((version, files), result) in rows.into_iter().zip(results) {
            match result {
                Ok(placed) => arrived.push(self.arrived(version, &files, placed)),
                Err(error) => self.not_brought(version, &files, error, found, outcome),
            }
        }
        Ok(arrived)
    }

    /// Contents that the new place has already, proved: they are linked there.
    async fn known(
        &self,
        versions: &[(Version, Vec<File>)],
    ) -> Result<HashMap<(Sha256, u64), Existing>, OperationError> {
        if self.way == Way::SameData {
            return Ok(HashMap::new());
        }
        let digests: HashSet<Sha256> = versions.iter().flat_map(|(_, files)| files).filter_map(|f| f.sha256).collect();
        let digests: Vec<Sha256> = digests.into_iter().collect();
        let there = assembly::there(&self.ctx, &self.target, &digests).await?;
        let existing = there.into_iter().filter_map(|(content, linked)| {
            let name = patchwharf_model::FileName::new(linked.name).ok()?;
            let (package, version, stamp, sha256) = (linked.package, linked.version, linked.stamp, linked.sha256);
            Some((content, Existing { package, version, name, stamp, sha256 }))
        });
        Ok(existing.collect())
    }

    fn incoming(
        &self,
        version: &Version,
        files: &[File],
        known: &HashMap<(Sha256, u64), Existing>,
    ) -> Option<Incoming> {
        let wanted = places::wanted(files).filter(|wanted| !wanted.is_empty())?;
        let files = wanted
            .into_iter()
            .zip(files)
            .map(|(file, row)| IncomingFile {
                proof: row.proof.map(|(stamp, _)| stamp),
                known: known.get(&(file.sha256, file.size_bytes)).cloned(),
                file,
            })
            .collect();
        Some(Incoming { package: version.package_id, version: version.version, files })
    }

    fn arrived(&self, version: Version, files: &[File], placed: Placed) -> Arrived {
        let now = self.ctx.now();
        let linked = |name: &str| files.iter().find(|file| file.name == name).and_then(|file| file.proof);
        let copied_bytes = placed.files.iter().filter(|f| !f.same_data).map(|f| f.stamp.size_bytes).sum();
        let same_data = self.way == Way::SameData && placed.files.iter().any(|file| file.same_data);
        let files = placed.files.into_iter().map(|file| {
            // A link of a file whose proof stood was not read again: it is proved since then.
            let verified_at = match linked(file.name.as_str()) {
                Some((stamp, at)) if self.source.stamps().stands(&stamp, &file.stamp) => at,
                _ => now,
            };
            let size_bytes = file.stamp.size_bytes;
            StagedFile { name: file.name, size_bytes, sha256: file.sha256, stamp: file.stamp, verified_at }
        });
        Arrived { version, files: files.collect(), same_data, copied_bytes }
    }

    /// What it means that a version was not brought over.
    fn not_brought(
        &self,
        version: Version,
        files: &[File],
        error: PlaceError,
        found: &mut Vec<(Version, Damage)>,
        outcome: &mut Outcome,
    ) {
        let key = (version.package_id, version.version);
        match error {
            PlaceError::Original { bad, manifest, .. } => {
                let manifest = manifest.map(|error| with_causes(&error));
                found.push((version, places::damage(bad, manifest, &places::wanted(files).unwrap_or_default())));
            }
            PlaceError::Stopped { .. } => {
                outcome.halt = self.ctx.stop.reason().map(Halt::Stopped);
            }
            PlaceError::Occupied { .. } => outcome.again.push((key, Again::Occupied(with_causes(&error)))),
            PlaceError::Unproved { .. } | PlaceError::Exchanged { .. } => {
                outcome.again.push((key, Again::Changed(with_causes(&error))));
            }
            PlaceError::ReadBack { .. } => {
                outcome.misread += 1;
                outcome.named.push(key);
                told::not_moved(&self.ctx, key, "misread", &with_causes(&error));
            }
            PlaceError::Disk(error) if error.is_full() => {
                outcome.halt = Some(Halt::NoSpace(with_causes(&error)));
            }
            PlaceError::Disk(error) => {
                let text = format!(
                    "the new place failed: {}. What was moved before stays moved, everything else is served from where \
                     it is",
                    with_causes(&error)
                );
                outcome.halt = Some(Halt::Target(OperationError::new("store", text).because(error)));
            }
            other => {
                outcome.named.push(key);
                told::not_moved(&self.ctx, key, "not-moved", &with_causes(&other));
            }
        }
    }

    /// One transaction: rows of what has arrived, states of what was found damaged, locks given back. Returns the packages
    /// with damage that are another's by now.
    async fn switch(
        &self,
        packages: &[PackageId],
        arrived: Vec<Arrived>,
        found: &[(Version, Damage)],
        outcome: &mut Outcome,
    ) -> Result<HashSet<PackageId>, OperationError> {
        let rows: Vec<Relocated> = arrived.iter().map(|one| self.row(one)).collect();
        let verdicts: Vec<Verified> =
            found.iter().filter(|(_, damage)| !damage.files.is_empty()).map(|(v, damage)| damage.verdict(v)).collect();
        if !rows.is_empty() {
            fault_at(Step::RelocateBeforeSwitch)?;
        }
        let now = self.ctx.now();
        let mut w = write(&self.ctx).await?;
        let mut overtaken = HashSet::new();
        if !verdicts.is_empty() {
            overtaken.extend(packages::put_verified(&mut w, Some(self.ctx.job), now, &verdicts).await?);
        }
        let relocation = packages::relocate(&mut w, self.ctx.job, &rows).await?;
        packages::unlock(&mut w, self.ctx.job, Some(packages)).await?;
        w.commit().await?;
        if !rows.is_empty() {
            fault_at(Step::RelocateAfterSwitch)?;
        }
        let moved: HashSet<VersionKey> = relocation.moved.into_iter().collect();
        for one in arrived {
            let key = (one.version.package_id, one.version.version);
            if !moved.contains(&key) {
                outcome.again.push((key, changed()));
                continue;
            }
            outcome.moved += 1;
            outcome.moved_bytes += one.version.size_bytes;
            outcome.copied_bytes += one.copied_bytes;
            outcome.same_data += u64::from(one.same_data);
            told::moved(&self.ctx, &one.version, &self.target, one.same_data);
        }
        self.ctx.progress.items_done(outcome.moved);
        let lost = found.iter().filter(|(version, _)| overtaken.contains(&version.package_id));
        outcome.again.extend(lost.map(|(version, _)| ((version.package_id, version.version), changed())));
        Ok(overtaken)
    }

    fn row(&self, one: &Arrived) -> Relocated {
        Relocated {
            package_id: one.version.package_id,
            version: one.version.version,
            token: one.version.token,
            from: self.source.id(),
            to: self.target.id(),
            same_data: one.same_data,
            files: one.files.clone(),
        }
    }

    /// Names what is damaged at the old place, with the ways out.
    async fn name(&self, found: Vec<(Version, Damage)>, outcome: &mut Outcome) -> Result<(), OperationError> {
        let updates = told::updates(&self.ctx, found.iter().map(|(v, _)| v)).await?;
        for (version, damage) in found {
            outcome.named.push((version.package_id, version.version));
            if version.is_current && version.active {
                outcome.damaged.push(version.update_id);
            }
            let update = updates.get(&version.update_id);
            told::damaged(&self.ctx, &version, &damage, update, &self.source, self.restage);
        }
        Ok(())
    }
}

/// What is moved: everything but versions that are on their way in or out.
fn is_kept(version: &Version) -> bool {
    use VersionState::{Corrupt, Missing, Retired, Staged};
    matches!(version.state, Staged | Corrupt | Missing | Retired)
}

/// Another job has changed the package since it was looked at.
fn changed() -> Again {
    Again::Changed("its package is changed by other jobs time and again; move it when they have ended".to_owned())
}
