//! Rows without folders.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use patchwharf_db::{
    Db, DbError, jobs, packages,
    packages::{File, FileResult, Held, StateChange, Verified, Version},
};
use patchwharf_model::{FileName, JobId, LocationId, PackageId, package::VersionState};
use patchwharf_store::Location;

use super::{Found, Run, disk::Disk};
use crate::operations::{OperationError, cores, sweep};

/// Rows in one query.
const PAGE: u32 = 1_000;

/// All versions of a location.
pub(super) async fn read(db: &Db, location: LocationId) -> Result<BTreeMap<(PackageId, u64), Version>, OperationError> {
    let mut rows = BTreeMap::new();
    let mut after = None;
    loop {
        let page = packages::by_location(db, location, after, PAGE).await?;
        let full = page.len() as u64 >= u64::from(PAGE);
        after = page.last().map(|v| (v.package_id, v.version));
        rows.extend(page.into_iter().map(|v| ((v.package_id, v.version), v)));
        if !full {
            return Ok(rows);
        }
    }
}

impl Run {
    /// Versions that the database believes to be on disk and that are not.
    pub(super) async fn missing(
        &self,
        location: &Arc<Location>,
        disk: &Disk,
        rows: &BTreeMap<(PackageId, u64), Version>,
        found: &mut Found,
    ) -> Result<(), OperationError> {
        let suspects: Vec<Version> = rows
            .iter()
            .filter(|(key, v)| {
                !disk.versions.contains(key)
                    && matches!(v.state, VersionState::Staged | VersionState::Corrupt | VersionState::Retired)
            })
            .map(|(_, v)| v.clone())
            .collect();
        for suspects in suspects.chunks(500) {
            let keys: Vec<(PackageId, u64)> = suspects.iter().map(|v| (v.package_id, v.version)).collect();
            let mut files: HashMap<(PackageId, u64), Vec<File>> = HashMap::new();
            for file in packages::files(&self.app.db, &keys).await? {
                files.entry((file.package_id, file.version)).or_default().push(file);
            }
            // Placed since the scan, or really gone? Look once more.
            let own = Arc::clone(location);
            let looked = cores::for_each(
                suspects
                    .iter()
                    .map(|v| (v.clone(), files.remove(&(v.package_id, v.version)).unwrap_or_default()))
                    .collect(),
                move |(v, files)| gone(&own, v, files),
            )
            .await?;
            let (retired, missing): (Vec<Verified>, Vec<Verified>) =
                looked.into_iter().flatten().partition(|one| is_retired(rows, one));
            self.forget(&retired, found).await?;
            for one in &missing {
                let item = format!("package {} version {}", one.held.package_id, one.held.version);
                let outcome = if self.dry_run { "would-be-missing" } else { "missing" };
                let reason = format!("{}; fetch it anew with `patchwharf bulletin refresh`", one.reason);
                found.add(item, outcome, true, reason);
            }
            if !self.dry_run && !missing.is_empty() {
                let now = self.app.clock.now();
                let mut w = self.app.db.write("system", &self.source, now).await?;
                packages::put_verified(&mut w, self.job, now, &missing).await?;
                w.commit().await?;
            }
        }
        Ok(())
    }

    /// Versions that a job began which has ended since, without having said what became of them.
    pub(super) async fn abandoned(
        &self,
        rows: &BTreeMap<(PackageId, u64), Version>,
        found: &mut Found,
    ) -> Result<(), OperationError> {
        let mut ended: HashMap<JobId, bool> = HashMap::new();
        let mut changes = Vec::new();
        for v in rows.values().filter(|v| v.state == VersionState::Staging) {
            let Some(job) = v.job_id else { continue };
            let has_ended = match ended.get(&job) {
                Some(known) => *known,
                None => {
                    let known = has_ended(&self.app.db, job).await?;
                    ended.insert(job, known);
                    known
                }
            };
            if !has_ended {
                continue;
            }
            let item = format!("package {} version {}", v.package_id, v.version);
            let reason = format!("job {job} broke off; stage it again");
            found.add(item, if self.dry_run { "would-be-wanted" } else { "wanted" }, false, reason.clone());
            let held = Held { package_id: v.package_id, version: v.version, token: v.token };
            changes.push(StateChange { held, state: VersionState::Wanted, reason, next_try_at: None });
        }
        if !self.dry_run && !changes.is_empty() {
            let mut w = self.app.db.write("system", &self.source, self.app.clock.now()).await?;
            packages::set_states(&mut w, None, &changes).await?;
            w.commit().await?;
        }
        Ok(())
    }

    /// Retired versions whose folders are gone: their rows may go too.
    async fn forget(&self, retired: &[Verified], found: &mut Found) -> Result<(), OperationError> {
        for one in retired {
            let item = format!("package {} version {}", one.held.package_id, one.held.version);
            let outcome = if self.dry_run { "would-be-removed" } else { "removed" };
            found.add(item, outcome, false, "it was retired, and its folder is gone");
        }
        if self.dry_run || retired.is_empty() {
            return Ok(());
        }
        let keys: Vec<(PackageId, u64)> = retired.iter().map(|one| (one.held.package_id, one.held.version)).collect();
        let mut w = self.app.db.write("system", &self.source, self.app.clock.now()).await?;
        packages::mark_versions_deleting(&mut w, self.job, &keys).await?;
        w.commit().await?;
        sweep::run(&self.app, &self.source, self.job).await?;
        Ok(())
    }
}

async fn has_ended(db: &Db, job: JobId) -> Result<bool, OperationError> {
    match jobs::show(db, job).await {
        Ok(job) => Ok(job.state.is_final()),
        // Old jobs are forgotten.
        Err(DbError::NotFound { .. }) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn is_retired(rows: &BTreeMap<(PackageId, u64), Version>, one: &Verified) -> bool {
    rows.get(&(one.held.package_id, one.held.version)).is_some_and(|v| v.state == VersionState::Retired)
}

fn gone(location: &Location, version: &Version, files: &[File]) -> Option<Verified> {
    let lacks = |file: &File| match FileName::new(file.name.clone()) {
        Ok(name) => match location.open_file(version.package_id, version.version, &name) {
            Ok(_) => false,
            Err(error) => error.source.kind() == std::io::ErrorKind::NotFound,
        },
        Err(_) => false,
    };
    if files.is_empty() || !files.iter().all(lacks) {
        return None;
    }
    let results = files
        .iter()
        .map(|file| FileResult {
            name: file.name.clone(),
            state: VersionState::Missing,
            reason: format!("file {}: its folder is not there", file.name),
            proof: None,
        })
        .collect();
    Some(Verified {
        held: Held { package_id: version.package_id, version: version.version, token: version.token },
        state: VersionState::Missing,
        reason: format!("the folder {}/{}/{} is not there", location.path(), version.package_id, version.version),
        files: results,
    })
}
