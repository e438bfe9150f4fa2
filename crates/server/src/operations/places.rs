//! Versions at one of several places: what relocation, undo and prune have in common.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use patchwharf_db::{
    jobs::{self, JobQuery},
    packages,
    packages::{File, FileResult, FileToCheck, Held, LockOutcome, StagedFile, Verified, Version},
};
use patchwharf_model::{
    FileName, JobId, LocationId, PackageId, Timestamp,
    job::{JobKind, JobRequest, JobState},
    package::VersionState,
};
use patchwharf_store::{FileCheck, Finding, KnownKeys, Location, OpenError, ToVerify, VersionCheck};

use super::{
    OperationError,
    assembly::{describe, overall},
    cores, locks, with_causes, write,
};
use crate::{app::App, jobs::JobContext, locations::Place};

/// A version and its number.
pub(crate) type VersionKey = (PackageId, u64);

/// Versions whose packages a job has locked, as they are now.
#[derive(Debug, Default)]
pub(crate) struct Locked {
    /// Packages that are held now.
    pub(crate) held: Vec<PackageId>,
    /// Versions with their files.
    pub(crate) versions: Vec<(Version, Vec<File>)>,
    /// Packages that other jobs hold.
    pub(crate) busy: Vec<(PackageId, JobId)>,
}

impl Locked {
    /// Locks the packages of these versions, in id order, and reads them anew.
    pub(crate) async fn take(ctx: &JobContext, keys: &[VersionKey]) -> Result<Self, OperationError> {
        let mut ids: Vec<PackageId> = keys.iter().map(|(package, _)| *package).collect();
        ids.dedup();
        let mut w = write(ctx).await?;
        let outcomes = packages::lock(&mut w, &ids, ctx.job, locks::until(ctx.now())).await?;
        w.commit().await?;
        let (mut held, mut busy) = (Vec::new(), Vec::new());
        for (package, outcome) in outcomes {
            match outcome {
                LockOutcome::Held { .. } => held.push(package),
                LockOutcome::Busy { job, .. } => busy.push((package, job)),
                LockOutcome::Gone => {}
            }
        }
        let wanted: HashSet<VersionKey> = keys.iter().copied().collect();
        let mut versions = packages::versions(&ctx.app.db, &held).await?;
        versions.retain(|v| wanted.contains(&(v.package_id, v.version)));
        let keys: Vec<VersionKey> = versions.iter().map(|v| (v.package_id, v.version)).collect();
        let mut files: HashMap<VersionKey, Vec<File>> = HashMap::new();
        if !keys.is_empty() {
            for file in packages::files(&ctx.app.db, &keys).await? {
                files.entry((file.package_id, file.version)).or_default().push(file);
            }
        }
        let with_files = |v: Version| {
            let files = files.remove(&(v.package_id, v.version)).unwrap_or_default();
            (v, files)
        };
        Ok(Self { held, versions: versions.into_iter().map(with_files).collect(), busy })
    }
}

/// The files of a version as verification wants them. None: a row names no file that could lie on a disk.
pub(crate) fn wanted(files: &[File]) -> Option<Vec<ToVerify>> {
    files
        .iter()
        .map(|file| {
            Some(ToVerify {
                name: FileName::new(file.name.clone()).ok()?,
                size_bytes: file.size_bytes,
                sha256: file.sha256?,
            })
        })
        .collect()
}

/// A file as verification wants it. None: its name or digest says nothing that could be looked for.
pub(crate) fn file_wanted(row: &FileToCheck) -> Option<ToVerify> {
    let name = FileName::new(row.name.clone()).ok()?;
    Some(ToVerify { name, size_bytes: row.size_bytes, sha256: row.sha256? })
}

/// What is wrong with a version at a place.
#[derive(Clone, Debug)]
pub(crate) struct Damage {
    /// `Corrupt` or `Missing`.
    pub(crate) state: VersionState,
    /// What was expected and found, for people.
    pub(crate) reason: String,
    /// The bad files, each with its state and reason; none: the manifest alone, or nothing was found out.
    pub(crate) files: Vec<(String, VersionState, String)>,
}

impl Damage {
    /// What it means for the version's row.
    pub(crate) fn verdict(&self, version: &Version) -> Verified {
        let bad = |(name, state, reason): &(String, VersionState, String)| FileResult::bad(name, *state, reason);
        let files = self.files.iter().map(bad).collect();
        Verified { held: held(version), state: self.state, reason: self.reason.clone(), files }
    }
}

/// What a fresh proof means for a version's row.
pub(crate) fn proved(version: &Version, files: &[StagedFile]) -> Verified {
    let good = |file: &StagedFile| FileResult::good(file.name.to_string(), (file.stamp, file.sha256));
    let files = files.iter().map(good).collect();
    Verified { held: held(version), state: VersionState::Staged, reason: String::new(), files }
}

/// A version as it was read.
pub(crate) fn held(version: &Version) -> Held {
    Held { package_id: version.package_id, version: version.version, token: version.token }
}

/// A version's name in reports.
pub(crate) fn item(version: &Version) -> String {
    format!("package {} version {}", version.package_id, version.version)
}

/// Hashes a version at a place, past the cache, manifest and all. Blocks.
pub(crate) fn prove(
    location: &Location,
    version: &Version,
    files: &[File],
    keys: &KnownKeys,
    now: Timestamp,
) -> Result<Vec<StagedFile>, Damage> {
    let Some(wanted) = wanted(files).filter(|wanted| !wanted.is_empty()) else {
        let reason = "its rows name a file that was never downloaded".to_owned();
        return Err(Damage { state: VersionState::Missing, reason, files: Vec::new() });
    };
    let check = location.verify_version(version.package_id, version.version, &wanted, keys);
    let mut proved = Vec::with_capacity(wanted.len());
    for (file, found) in wanted.iter().zip(&check.files) {
        let stamp = match &found.finding {
            Finding::Good { stamp } => Some(*stamp),
            Finding::Open { stamp, .. } => {
                location.tighten(version.package_id, version.version, file.name.as_str(), stamp).ok().flatten()
            }
            _ => None,
        };
        if let Some(stamp) = stamp {
            let (name, size_bytes, sha256) = (file.name.clone(), file.size_bytes, file.sha256);
            proved.push(StagedFile { name, size_bytes, sha256, stamp, verified_at: now });
        }
    }
    if proved.len() == wanted.len() && check.manifest.is_ok() {
        return Ok(proved);
    }
    let VersionCheck { files, manifest, .. } = check;
    Err(damage(files, manifest.err().map(|error| with_causes(&error)), &wanted))
}

/// The words for what was found, from the store's own.
pub(crate) fn damage(found: Vec<FileCheck>, manifest: Option<String>, wanted: &[ToVerify]) -> Damage {
    let is_short = found.iter().any(|check| check.finding.is_shortage());
    let mut files: Vec<(String, VersionState, String)> = found
        .into_iter()
        .filter(|check| !matches!(check.finding, Finding::Good { .. }))
        .filter_map(|check| {
            let file = wanted.iter().find(|file| file.name == check.name)?;
            let (state, reason) = describe(&check.name, file.size_bytes, file.sha256, &check.finding);
            Some((check.name.to_string(), state, reason))
        })
        .collect();
    let reasons: Vec<String> = files.iter().map(|(_, _, reason)| reason.clone()).chain(manifest).collect();
    let state = match files.is_empty() {
        true => VersionState::Corrupt,
        false => overall(files.iter().map(|(_, state, _)| *state)),
    };
    if is_short {
        files.clear();
    }
    Damage { state, reason: reasons.join("; "), files }
}

/// A location that can be used now.
///
/// # Errors
/// It is not open or gone; the text says that nothing was touched.
pub(crate) async fn reach(ctx: &JobContext, id: LocationId) -> Result<Arc<Location>, OperationError> {
    let entries = ctx.app.locations.entries();
    let unknown = || OperationError::new("not-found", format!("package location {id} is not known"));
    let entry = entries.iter().find(|entry| entry.id == id).ok_or_else(unknown)?;
    let why = match &entry.place {
        Place::Closed(why) => why.clone(),
        Place::Open(location) => match gone(location).await? {
            None => return Ok(Arc::clone(location)),
            Some(why) => why,
        },
    };
    Err(OperationError::new("location-gone", is_gone(&entry.path, id, &why, false)))
}

/// Why a location cannot be used now, when its marker or its folder is not there: then nothing at it is touched. A disk
/// that fails is another matter: what can still be read there is.
pub(crate) async fn gone(location: &Arc<Location>) -> Result<Option<String>, OperationError> {
    let own = Arc::clone(location);
    cores::blocking(move || {
        if !own.is_in_place() {
            return Some(format!("another folder is in the place of {}, or its disk is not mounted", own.path()));
        }
        match own.still_ours() {
            Ok(()) => None,
            Err(OpenError::Disk(error)) if !error.is_missing() => None,
            Err(error) => Some(with_causes(&error)),
        }
    })
    .await
}

/// The text that says exactly what was touched of a location that is gone: nothing, or what the job had done before.
pub(crate) fn is_gone(path: &camino::Utf8Path, id: LocationId, why: &str, has_begun: bool) -> String {
    let touched = match has_begun {
        false => "Nothing was touched",
        true => "What was done before stays done, nothing else was touched",
    };
    format!(
        "package location {path} ({id}) is gone: {why}. {touched}: what is recorded there stays recorded. Mount its disk or \
         bring the folder back, and start again; if it is gone for good, `patchwharf location remove {path} --lost` says \
         so, and its packages can be fetched anew"
    )
}

/// Whether a job that moves versions or removes their originals is on its way or waits: what it left half done is its own to finish.
pub(crate) async fn moving(app: &App) -> Result<bool, OperationError> {
    let query = JobQuery {
        states: vec![JobState::Queued, JobState::Running, JobState::Paused],
        kinds: vec![JobKind::Relocate, JobKind::UndoRelocation, JobKind::Prune, JobKind::IntegrityCheck],
        limit: 1_000,
        ..JobQuery::default()
    };
    Ok(jobs::list(&app.db, &query).await?.rows.iter().any(|job| match serde_json::from_str(&job.payload) {
        Ok(JobRequest::IntegrityCheck(check)) => check.relocate,
        _ => true,
    }))
}
