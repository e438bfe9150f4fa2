//! Originals that relocations have left behind, and copies that one did not come to record.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use patchwharf_db::{
    packages,
    packages::{LockOutcome, Original},
};
use patchwharf_model::{LocationId, PackageId, Timestamp, finding::Outcome};
use patchwharf_store::{FileCheck, Finding, Location, ToVerify};

use super::{Difference, Who, settle::Settled, with_causes};
use crate::operations::{OperationError, cores, locks, places};

/// Originals in one query.
const CHUNK: u32 = 1_000;

impl Who {
    /// Of these versions, the ones whose copy at this location is on record as an original.
    pub(super) async fn recorded(
        &self,
        location: LocationId,
        versions: &[(PackageId, u64)],
    ) -> Result<HashSet<(PackageId, u64)>, OperationError> {
        let originals = packages::originals_of(&self.app.db, versions).await?.into_iter();
        let here = originals.filter(|original| original.location_id == location);
        Ok(here.map(|original| (original.package_id, original.version)).collect())
    }

    /// Originals whose folders somebody has removed by hand.
    pub(super) async fn forgotten(
        &self,
        location: &Arc<Location>,
        disk: &BTreeSet<(PackageId, u64)>,
        only: Option<&HashSet<PackageId>>,
        differences: &mut Vec<Difference>,
    ) -> Result<(), OperationError> {
        let mut after = None;
        loop {
            let page = packages::originals_at(&self.app.db, location.id(), Timestamp::MAX, after, CHUNK).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some((last.package_id, last.version));
            let in_scope = |o: &Original| only.is_none_or(|only| only.contains(&o.package_id));
            let suspects: Vec<Original> =
                page.into_iter().filter(|o| in_scope(o) && !disk.contains(&(o.package_id, o.version))).collect();
            if suspects.is_empty() {
                continue;
            }
            // Left behind since the survey, or really gone? Look once more.
            let own = Arc::clone(location);
            let gone = cores::for_each(suspects, move |o| {
                (!own.has_version(o.package_id, o.version)).then_some((o.package_id, o.version))
            });
            let gone = gone.await?.into_iter().flatten();
            differences.extend(gone.map(|(package, version)| Difference::OriginalGone { package, version }));
        }
    }

    /// A copy that no move has recorded goes to quarantine: unless a move is on its way, which takes it up, it is not this
    /// server's, or it may be the only good one.
    pub(super) async fn set_copy_aside(
        &self,
        location: &Arc<Location>,
        (package, version): (PackageId, u64),
        belongs: LocationId,
        why: &str,
    ) -> Result<Option<Settled>, OperationError> {
        if places::moving(&self.app).await? || !self.hold(package).await? {
            return Ok(None);
        }
        let became = self.set_held_copy_aside(location, (package, version), belongs, why).await;
        self.let_go(package).await?;
        became
    }

    /// Locks a package, so that no move takes up the copy meanwhile and serves it. Only a job can: what is found at the
    /// start is left to the check by the clock.
    async fn hold(&self, package: PackageId) -> Result<bool, OperationError> {
        let Some(job) = self.job else { return Ok(false) };
        let now = self.app.clock.now();
        let mut w = self.app.db.write("system", &self.source, now).await?;
        let outcomes = packages::lock(&mut w, &[package], job, locks::until(now)).await?;
        w.commit().await?;
        Ok(outcomes.iter().all(|(_, outcome)| matches!(outcome, LockOutcome::Held { .. })))
    }

    async fn let_go(&self, package: PackageId) -> Result<(), OperationError> {
        let Some(job) = self.job else { return Ok(()) };
        let mut w = self.app.db.write("system", &self.source, self.app.clock.now()).await?;
        packages::unlock(&mut w, job, Some(&[package])).await?;
        w.commit().await?;
        Ok(())
    }

    async fn set_held_copy_aside(
        &self,
        location: &Arc<Location>,
        (package, version): (PackageId, u64),
        belongs: LocationId,
        why: &str,
    ) -> Result<Option<Settled>, OperationError> {
        // A move may have come between the comparison and the lock: then it is served, or an original.
        let rows = packages::versions(&self.app.db, &[package]).await?;
        let belongs_there = rows.iter().any(|v| v.version == version && v.location_id == belongs);
        if !belongs_there || !self.recorded(location.id(), &[(package, version)]).await?.is_empty() {
            return Ok(None);
        }
        // The one deleter takes every copy of what is on its way out: whole or not, nobody needs it.
        if !packages::is_ending(&self.app.db, (package, version)).await?
            && let Err(lacks) = self.is_whole_at(belongs, (package, version)).await?
        {
            return Ok(Some(Settled::new(Outcome::Stays, "two-places", format!("this copy is kept: {lacks}"))));
        }
        let (own, keys, now) = (Arc::clone(location), self.app.known_keys().await?, self.app.clock.now());
        let moved = cores::blocking(move || {
            own.manifest(package, version, &keys).ok()?;
            Some(own.quarantine_orphan(package, version, now))
        });
        Ok(Some(match moved.await? {
            None => Settled::new(
                Outcome::Stays,
                "foreign",
                format!("{why}; it has no manifest of this server and is not touched"),
            ),
            Some(Ok(path)) => Settled::new(Outcome::SetAside, "quarantined", format!("{why}; it is kept in {path}")),
            Some(Err(error)) if error.is_missing() => return Ok(None),
            Some(Err(error)) => Settled::new(Outcome::Stays, "two-places", format!("{why}; {}", with_causes(&error))),
        }))
    }

    /// Whether the version that the database has elsewhere is whole, every byte of it read from the disk; else why not.
    async fn is_whole_at(
        &self,
        belongs: LocationId,
        (package, version): (PackageId, u64),
    ) -> Result<Result<(), String>, OperationError> {
        let Ok(home) = self.app.locations.get(belongs) else {
            return Ok(Err(format!("location {belongs}, where the database has it, is not open")));
        };
        let rows = packages::files_to_check(&self.app.db, &[(package, version)]).await?;
        let files: Option<Vec<ToVerify>> = rows.iter().map(places::file_wanted).collect();
        let Some(files) = files.filter(|files| !files.is_empty()) else {
            return Ok(Err("the database does not know what its files must be".to_owned()));
        };
        let keys = self.app.known_keys().await?;
        cores::blocking(move || {
            let found = home.verify_version(package, version, &files, &keys);
            let whole = |check: &FileCheck| matches!(check.finding, Finding::Good { .. } | Finding::Open { .. });
            if found.manifest.is_ok() && found.files.iter().all(whole) {
                return Ok(());
            }
            let manifest = found.manifest.err().map(|error| with_causes(&error));
            let damage = places::damage(found.files, manifest, &files);
            Err(format!("the one that the database has, at {}, is not whole ({})", home.path(), damage.reason))
        })
        .await
    }

    /// Originals that are not there any more are not offered for a way back.
    pub(super) async fn forget_originals(
        &self,
        location: &Location,
        gone: Vec<Difference>,
    ) -> Result<Vec<(Difference, Settled)>, OperationError> {
        let keys: Vec<_> =
            gone.iter().filter_map(Difference::version).map(|(package, v)| (package, v, location.id())).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut w = self.app.db.write("system", &self.source, self.app.clock.now()).await?;
        packages::forget_originals(&mut w, &keys).await?;
        w.commit().await?;
        let became = |difference: Difference| {
            let text = difference.plan().1;
            (difference, Settled::new(Outcome::Cleared, "forgotten", text))
        };
        Ok(gone.into_iter().map(became).collect())
    }
}
