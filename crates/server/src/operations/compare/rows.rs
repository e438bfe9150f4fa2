//! Rows without folders, and rows that nobody will bring to an end.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use patchwharf_db::{
    Db, DbError, jobs, packages,
    packages::{FileResult, FileToCheck, Held, Placed, Verified},
};
use patchwharf_model::{FileName, JobId, LocationId, PackageId, package::VersionState};
use patchwharf_store::Location;

use super::{Difference, Who};
use crate::operations::{OperationError, cores};

/// Versions in one query.
const CHUNK: usize = 500;

/// All versions of a location, or those of some packages that belong there.
pub(super) async fn read(
    who: &Who,
    location: LocationId,
    only: Option<&HashSet<PackageId>>,
) -> Result<Vec<Placed>, OperationError> {
    let Some(only) = only else { return Ok(packages::placed_at(&who.app.db, location).await?) };
    let ids: Vec<PackageId> = only.iter().copied().collect();
    let mut rows = Vec::new();
    for ids in ids.chunks(CHUNK) {
        rows.extend(packages::placed(&who.app.db, ids).await?.into_iter().filter(|v| v.location_id == location));
    }
    rows.sort_by_key(|v| (v.proved_at, v.package_id, v.version));
    Ok(rows)
}

/// A row as the caller knew it.
fn held(v: &Placed) -> Held {
    Held { package_id: v.package_id, version: v.version, token: v.token }
}

impl Who {
    /// Versions that the database believes to be on disk and that are not.
    pub(super) async fn missing(
        &self,
        location: &Arc<Location>,
        disk: &BTreeSet<(PackageId, u64)>,
        rows: &[Placed],
        differences: &mut Vec<Difference>,
    ) -> Result<(), OperationError> {
        use VersionState::{Corrupt, Missing, Retired, Staged};
        let suspects: Vec<&Placed> = rows
            .iter()
            .filter(|v| {
                matches!(v.state, Staged | Corrupt | Missing | Retired) && !disk.contains(&(v.package_id, v.version))
            })
            .collect();
        for suspects in suspects.chunks(CHUNK) {
            let keys: Vec<(PackageId, u64)> = suspects.iter().map(|v| (v.package_id, v.version)).collect();
            let mut files: HashMap<(PackageId, u64), Vec<FileToCheck>> = HashMap::new();
            for file in packages::files_to_check(&self.app.db, &keys).await? {
                files.entry((file.package_id, file.version)).or_default().push(file);
            }
            let suspects: Vec<(Placed, Vec<FileToCheck>)> = suspects
                .iter()
                .map(|v| ((*v).clone(), files.remove(&(v.package_id, v.version)).unwrap_or_default()))
                .collect();
            // Placed since the survey, or really gone? Look once more.
            let own = Arc::clone(location);
            let looked =
                cores::for_each(suspects, move |(v, files)| gone(&own, v, files).map(|verdict| (v.clone(), verdict)));
            differences.extend(looked.await?.into_iter().flatten().map(|(v, verdict)| match v.state {
                Retired => Difference::Gone(held(&v)),
                state => Difference::Missing { verdict, known: state == Missing },
            }));
        }
        Ok(())
    }

    /// Versions that a job began which has ended since, and deletions that cannot come to an end.
    pub(super) async fn abandoned(
        &self,
        rows: &[Placed],
        differences: &mut Vec<Difference>,
    ) -> Result<(), OperationError> {
        let mut ended: HashMap<JobId, bool> = HashMap::new();
        for v in rows {
            match (v.state, v.job_id) {
                (VersionState::Deleting, _) if !v.reason.is_empty() => {
                    differences.push(Difference::Stuck { held: held(v), why: v.reason.clone() });
                }
                (VersionState::Staging, Some(job)) => {
                    let has_ended = match ended.get(&job) {
                        Some(known) => *known,
                        None => *ended.entry(job).or_insert(has_ended(&self.app.db, job).await?),
                    };
                    if has_ended {
                        differences.push(Difference::Abandoned { held: held(v), job });
                    }
                }
                _ => {}
            }
        }
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

fn gone(location: &Location, version: &Placed, files: &[FileToCheck]) -> Option<Verified> {
    let lacks = |file: &FileToCheck| match FileName::new(file.name.clone()) {
        Ok(name) => match location.open_file(version.package_id, version.version, &name) {
            Ok(_) => false,
            Err(error) => error.is_missing(),
        },
        Err(_) => false,
    };
    if files.is_empty() || !files.iter().all(lacks) {
        return None;
    }
    let results = files
        .iter()
        .map(|file| {
            let reason = format!("file {}: its folder is not there", file.name);
            FileResult::bad(&file.name, VersionState::Missing, reason)
        })
        .collect();
    Some(Verified {
        held: held(version),
        state: VersionState::Missing,
        reason: format!("the folder {}/{}/{} is not there", location.path(), version.package_id, version.version),
        files: results,
    })
}
