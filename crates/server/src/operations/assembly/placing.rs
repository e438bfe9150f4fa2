//! Placing and committing, batch by batch: files and folders durable first, then one transaction for the batch, and
//! only then anybody is told (the commit protocol of ACCEPTANCE.md section 4).

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use patchwharf_db::{
    packages,
    packages::{Committed, StagedFile, StagedVersion},
};
use patchwharf_model::{
    FileName, LocationId, PackageId, Timestamp,
    package::{Manifest, ManifestFile, ProofStamp},
};
use patchwharf_store::{
    Content, Existing, NewVersion, PlaceError, Verified,
    fault::{self, Mutant, Step},
};
use tokio::sync::mpsc;

use super::{
    batches::{self, Limits},
    build::{Build, Origin},
    failing::{self, Failed},
    fetching::Got,
    told,
};
use crate::{
    jobs::JobContext,
    operations::{OperationError, cores, fault_at, write},
};

/// What has become of a build before it is placed.
#[derive(Debug)]
pub(crate) enum Arrived {
    /// All its files are there.
    Whole(Build, Vec<Option<Got>>),
    /// Some file cannot be had.
    Failed(Failed),
}

impl Arrived {
    fn size_bytes(&self) -> u64 {
        match self {
            Self::Whole(build, _) => build.size_bytes(),
            Self::Failed(_) => 0,
        }
    }
}

/// What the placing of all batches came to.
#[derive(Debug, Default)]
pub(crate) struct Placing {
    /// Versions that are current now.
    pub(crate) committed: u64,
    /// Their bytes.
    pub(crate) size_bytes: u64,
    /// Builds that failed.
    pub(crate) failed: u64,
    /// Builds whose ground has changed meanwhile: to be tried again from the start.
    pub(crate) again: Vec<Build>,
    /// The disk was full.
    pub(crate) no_space: Option<String>,
}

/// Places and commits what arrives until nothing more does.
pub(crate) async fn run(ctx: JobContext, mut arrived: mpsc::Receiver<Arrived>) -> Result<Placing, OperationError> {
    let mut placing = Placing::default();
    while let Some(batch) = batches::next(&mut arrived, Limits::default(), Arrived::size_bytes).await {
        batch_of(&ctx, batch, &mut placing).await?;
    }
    Ok(placing)
}

/// A build, and what has come for each of its files.
type Complete = (Build, Vec<Option<Got>>);

/// A build that is in place, and the stamps of its files.
struct InPlace {
    build: Build,
    files: Vec<StagedFile>,
}

async fn batch_of(ctx: &JobContext, batch: Vec<Arrived>, placing: &mut Placing) -> Result<(), OperationError> {
    if ctx.stop.reason() == Some(crate::jobs::StopReason::LeaseLost) {
        return Ok(());
    }
    let mut failed = Vec::new();
    let mut in_place = Vec::new();
    let mut to_place: BTreeMap<LocationId, Vec<Complete>> = BTreeMap::new();
    // Kept until the rows are committed: other jobs take what they need from here, not from the vendor.
    let mut held: Vec<Arc<Verified>> = Vec::new();
    for arrived in batch {
        match arrived {
            Arrived::Failed(one) => failed.push(one),
            Arrived::Whole(mut build, got) => {
                held.extend(got.iter().flatten().filter_map(|got| match got {
                    Got::Bytes(verified) => Some(Arc::clone(verified)),
                    Got::Link(_) => None,
                }));
                match build.in_place.take() {
                    Some(files) => in_place.push(InPlace { build, files }),
                    None => to_place.entry(build.location).or_default().push((build, got)),
                }
            }
        }
    }
    if fault::mutant(Mutant::RowFirst) {
        rows_first(ctx, to_place.values().flatten()).await?;
    }
    for (location, builds) in to_place {
        place(ctx, location, builds, &mut in_place, &mut failed, placing).await?;
    }
    commit(ctx, in_place, failed, placing).await?;
    drop(held);
    Ok(())
}

async fn place(
    ctx: &JobContext,
    location: LocationId,
    builds: Vec<Complete>,
    in_place: &mut Vec<InPlace>,
    failed: &mut Vec<Failed>,
    placing: &mut Placing,
) -> Result<(), OperationError> {
    let Some(location) = super::plan::location_of(ctx, location) else {
        return Err(OperationError::new("no-location", format!("package location {location} is no longer open")));
    };
    let now = ctx.now();
    let versions: Vec<NewVersion> = builds.iter().map(|(build, got)| new_version(build, got, now)).collect();
    let verified_at: Vec<Vec<Timestamp>> = builds
        .iter()
        .map(|(build, got)| (0..build.files.len()).map(|at| proved_at(build, got, at, now)).collect())
        .collect();
    let (own, app) = (Arc::clone(&location), Arc::clone(&ctx.app));
    let results = cores::blocking(move || own.place(versions, &app.signing_key)).await?;
    for (((build, _), verified_at), result) in builds.into_iter().zip(verified_at).zip(results) {
        match result {
            Ok(placed) => {
                let files = build
                    .files
                    .iter()
                    .zip(verified_at)
                    .filter_map(|(file, verified_at)| {
                        let placed = placed.files.iter().find(|placed| placed.name == file.file.name)?;
                        Some(staged(
                            file.file.name.clone(),
                            file.file.size_bytes,
                            placed.sha256,
                            placed.stamp,
                            verified_at,
                        ))
                    })
                    .collect();
                in_place.push(InPlace { build, files });
            }
            Err(error) if is_full(&error) => {
                placing.no_space = Some(told::with_causes(&error));
            }
            Err(
                PlaceError::Unproved { .. }
                | PlaceError::Exchanged { .. }
                | PlaceError::Spent { .. }
                | PlaceError::Occupied { .. },
            ) => {
                placing.again.push(build);
            }
            Err(error) => failed.push(Failed::not_placed(build, &error)),
        }
    }
    Ok(())
}

fn staged(
    name: FileName,
    size_bytes: u64,
    sha256: patchwharf_model::Sha256,
    stamp: ProofStamp,
    verified_at: Timestamp,
) -> StagedFile {
    StagedFile { name, size_bytes, sha256, stamp, verified_at }
}

fn is_full(error: &PlaceError) -> bool {
    let PlaceError::Disk(error) = error else { return false };
    matches!(error.source.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

/// When the bytes of a file were hashed: now for what was fetched, earlier for what is linked.
fn proved_at(build: &Build, got: &[Option<Got>], at: usize, now: Timestamp) -> Timestamp {
    match (&build.files[at].origin, &got[at]) {
        (_, Some(Got::Link(linked))) | (Origin::Link(linked), None) => linked.verified_at,
        _ => now,
    }
}

fn new_version(build: &Build, got: &[Option<Got>], now: Timestamp) -> NewVersion {
    let mut files: Vec<(ManifestFile, Content)> = Vec::with_capacity(build.files.len());
    for (file, got) in build.files.iter().zip(got) {
        let (sha256, content, fetched) = match (got, &file.origin) {
            (Some(Got::Bytes(verified)), _) => {
                (verified.digests().sha256, Content::Fetched(Arc::clone(verified)), true)
            }
            (Some(Got::Link(linked)), _) | (None, Origin::Link(linked)) => {
                let Ok(name) = FileName::new(linked.name.clone()) else { continue };
                let (package, version, stamp) = (linked.package, linked.version, linked.stamp);
                (
                    linked.sha256,
                    Content::Existing(Existing { package, version, name, stamp, sha256: linked.sha256 }),
                    false,
                )
            }
            (None, Origin::Fetch | Origin::ByHand) => continue,
        };
        let _ = fetched;
        files.push((
            ManifestFile {
                name: file.file.name.clone(),
                size_bytes: file.file.size_bytes,
                sha256,
                vendor_digest: file.file.digest,
                source: file.file.url.clone(),
            },
            content,
        ));
    }
    files.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    let (files, content) = files.into_iter().unzip();
    let update = &build.update;
    NewVersion {
        manifest: Manifest {
            format: patchwharf_store::manifest::FORMAT,
            package: build.package,
            version: build.version,
            update: update.update_id,
            update_key: update.update_key.clone(),
            feed: update.feed.clone(),
            bulletin: update.bulletin_id,
            bulletin_key: update.bulletin.clone(),
            staged_at: now,
            files,
        },
        content,
    }
}

/// When the files of the versions that are replaced now may go.
fn retire_after(ctx: &JobContext) -> Timestamp {
    let now = ctx.now();
    if fault::mutant(Mutant::DeleteWithoutLease) {
        return now;
    }
    now.checked_add(ctx.app.config.packages.grace).unwrap_or(Timestamp::MAX)
}

/// One transaction for the batch; then reports, logs, and quarantine for what was found bad.
async fn commit(
    ctx: &JobContext,
    in_place: Vec<InPlace>,
    failed: Vec<Failed>,
    placing: &mut Placing,
) -> Result<(), OperationError> {
    if in_place.is_empty() && failed.is_empty() {
        return Ok(());
    }
    let versions: Vec<StagedVersion> = in_place.iter().map(row).collect();
    if fault::mutant(Mutant::DeleteFirst) {
        old_first(ctx, &in_place).await?;
    }
    let refreshed = in_place.iter().any(|one| one.build.from.is_some() && one.build.replaces.is_none());
    let recreated = in_place.iter().any(|one| one.build.replaces.is_some());
    fault_at(Step::CommitBefore)?;
    if refreshed {
        fault_at(Step::RefreshBeforeSwitch)?;
    }
    if recreated {
        fault_at(Step::RecreateBeforeSwitch)?;
    }
    let mut w = write(ctx).await?;
    let committed = match versions.is_empty() {
        true => Committed::default(),
        false => packages::commit_staged(&mut w, ctx.job, retire_after(ctx), &versions).await?,
    };
    let gone: Vec<(PackageId, u64)> = replaced_and_gone(&in_place, &committed).collect();
    if !gone.is_empty() {
        packages::mark_versions_deleting(&mut w, Some(ctx.job), &gone).await?;
    }
    failing::record(ctx, &mut w, &failed).await?;
    w.commit().await?;
    fault_at(Step::CommitAfter)?;
    if refreshed {
        fault_at(Step::RefreshAfterSwitch)?;
    }
    if recreated {
        fault_at(Step::RecreateAfterSwitch)?;
    }
    finish(ctx, in_place, failed, committed, placing).await
}

/// Old versions of which nothing is on disk: there is nobody who could be reading them, so they need no grace.
fn replaced_and_gone<'a>(
    in_place: &'a [InPlace],
    committed: &'a Committed,
) -> impl Iterator<Item = (PackageId, u64)> + 'a {
    in_place
        .iter()
        .filter(|one| committed.versions.iter().any(|v| v.package_id == one.build.package))
        .filter_map(|one| one.build.from.as_ref())
        .filter(|from| from.gone)
        .map(|from| (from.package, from.version))
}

fn row(one: &InPlace) -> StagedVersion {
    StagedVersion {
        package_id: one.build.package,
        version: one.build.version,
        token: one.build.token,
        weak: one.build.is_weak(),
        files: one.files.clone(),
        replaces: one.build.replaces,
    }
}

/// What comes after the commit: everything here may be lost in a crash without harm.
async fn finish(
    ctx: &JobContext,
    in_place: Vec<InPlace>,
    failed: Vec<Failed>,
    committed: Committed,
    placing: &mut Placing,
) -> Result<(), OperationError> {
    let current: HashMap<_, _> = committed.versions.iter().map(|v| (v.package_id, v.version)).collect();
    ctx.progress.items_done((in_place.len() + failed.len()) as u64);
    let mut bad = Vec::new();
    for InPlace { build, .. } in in_place {
        if current.get(&build.package) != Some(&build.version) {
            placing.failed += 1;
            told::lost(ctx, &build);
            continue;
        }
        placing.committed += 1;
        placing.size_bytes += build.size_bytes();
        told::committed(ctx, &build);
        if let Some(from) = build.from {
            let names = from.bad.into_iter().filter(|bad| bad.on_disk).map(|bad| bad.name);
            bad.extend(names.map(|name| (from.location, from.package, from.version, name)));
        }
    }
    for repointed in &committed.repointed {
        told::repointed(ctx, repointed);
    }
    for one in failed {
        placing.failed += 1;
        told::failed(ctx, &one);
    }
    set_aside(ctx, bad).await
}

/// The bad files of the versions that were replaced, now that their replacement is proved and current.
async fn set_aside(ctx: &JobContext, bad: Vec<(LocationId, PackageId, u64, String)>) -> Result<(), OperationError> {
    if bad.is_empty() {
        return Ok(());
    }
    let (own, now) = (ctx.clone(), ctx.now());
    cores::blocking(move || {
        for (location, package, version, name) in bad {
            let Some(location) = super::plan::location_of(&own, location) else { continue };
            match location.quarantine_entry(package, version, &name, now) {
                Ok(path) => tracing::info!(
                    job.id = %own.job, package.id = %package, "bad file {name} of version {version} is kept in {path}"
                ),
                Err(error) => tracing::warn!(
                    job.id = %own.job, package.id = %package, error = %told::with_causes(&error),
                    "bad file {name} of version {version} stays where it is until that version goes"
                ),
            }
        }
    })
    .await
}

/// The seeded mutant `row-first`: the database is told before anything has its name.
async fn rows_first(ctx: &JobContext, builds: impl Iterator<Item = &Complete>) -> Result<(), OperationError> {
    let now = ctx.now();
    let nowhere = ProofStamp { dev: 0, inode: 0, size_bytes: 0, mtime_ns: 0, ctime_ns: 0 };
    let versions: Vec<StagedVersion> = builds
        .map(|(build, got)| StagedVersion {
            package_id: build.package,
            version: build.version,
            token: build.token,
            weak: build.is_weak(),
            files: new_version(build, got, now)
                .manifest
                .files
                .into_iter()
                .map(|file| staged(file.name, file.size_bytes, file.sha256, nowhere, now))
                .collect(),
            replaces: build.replaces,
        })
        .collect();
    let mut w = write(ctx).await?;
    packages::commit_staged(&mut w, ctx.job, retire_after(ctx), &versions).await?;
    w.commit().await?;
    Ok(())
}

/// The seeded mutant `delete-first`: the old version goes before the new one is committed.
async fn old_first(ctx: &JobContext, in_place: &[InPlace]) -> Result<(), OperationError> {
    let old: Vec<_> = in_place
        .iter()
        .filter_map(|one| one.build.from.as_ref())
        .map(|from| (from.location, from.package, from.version))
        .collect();
    let (own, now) = (ctx.clone(), ctx.now());
    cores::blocking(move || {
        for (location, package, version) in old {
            if let Some(location) = super::plan::location_of(&own, location) {
                let _ = location.quarantine_version(package, version, now);
            }
        }
    })
    .await
}
