//! Placing and committing, batch by batch: files and folders durable first, then one transaction for the batch, and
//! only then anybody is told (the commit protocol of ACCEPTANCE.md section 4).

mod commit;
mod mutants;
mod taken;

use std::{collections::BTreeMap, sync::Arc};

use patchwharf_db::packages::StagedFile;
use patchwharf_model::{
    FileName, LocationId, Timestamp,
    package::{Manifest, ManifestFile, ProofStamp},
};
use patchwharf_store::{
    Content, Existing, Given, NewVersion, PlaceError, Verified,
    fault::{self, Mutant},
};
use tokio::sync::mpsc;
use tracing::Instrument as _;

use super::{
    batches::{self, Limits},
    build::{Build, Origin},
    failing::Failed,
    fetching::Got,
    told,
};
use crate::{
    jobs::JobContext,
    operations::{OperationError, cores},
};
pub(crate) use taken::TakenBytes;

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
    /// How the bytes of a foreign folder came over, of the versions that are current now.
    pub(crate) taken: TakenBytes,
}

/// Places and commits what arrives until nothing more does. While one batch is committed the next one is placed.
pub(crate) async fn run(ctx: JobContext, arrived: mpsc::Receiver<Arrived>) -> Result<Placing, OperationError> {
    let (to_commit, placed) = mpsc::channel(1);
    let committer = tokio::spawn(commit_all(ctx.clone(), placed).in_current_span());
    let placing = place_all(&ctx, arrived, to_commit).await;
    let committed = committer.await.map_err(|e| {
        OperationError::new("internal", "recording packages ended unexpectedly; the job is tried again")
            .because(e)
            .transient()
    })?;
    // Why the rows could not be written tells more than that there was nobody to write them.
    let (placing, committed) = (committed.and_then(|committed| Ok((placing?, committed))))?;
    Ok(Placing { again: placing.again, no_space: placing.no_space, ..committed })
}

/// Gives each batch its names on disk.
async fn place_all(
    ctx: &JobContext,
    mut arrived: mpsc::Receiver<Arrived>,
    to_commit: mpsc::Sender<Batch>,
) -> Result<Placing, OperationError> {
    let mut placing = Placing::default();
    while let Some(batch) = batches::next(&mut arrived, Limits::default(), Arrived::size_bytes).await {
        let batch = place_batch(ctx, batch, &mut placing).await?;
        if to_commit.send(batch).await.is_err() {
            break;
        }
    }
    Ok(placing)
}

/// Records each batch that is in place.
async fn commit_all(ctx: JobContext, mut placed: mpsc::Receiver<Batch>) -> Result<Placing, OperationError> {
    let mut committed = Placing::default();
    while let Some(batch) = placed.recv().await {
        commit::commit(&ctx, batch.in_place, batch.failed, &mut committed).await?;
        drop(batch.held);
    }
    Ok(committed)
}

/// What is in place and not recorded yet.
#[derive(Default)]
struct Batch {
    in_place: Vec<InPlace>,
    failed: Vec<Failed>,
    /// Kept until the rows are committed: other jobs take what they need from here, not from the vendor.
    held: Vec<Arc<Verified>>,
}

/// A build, and what has come for each of its files.
type Complete = (Build, Vec<Option<Got>>);

/// A build that is in place, and the stamps of its files.
struct InPlace {
    build: Build,
    files: Vec<StagedFile>,
    /// What came from a foreign folder.
    given: Vec<Arc<Given>>,
}

async fn place_batch(ctx: &JobContext, batch: Vec<Arrived>, placing: &mut Placing) -> Result<Batch, OperationError> {
    let mut placed = Batch::default();
    if ctx.stop.reason() == Some(crate::jobs::StopReason::LeaseLost) {
        return Ok(placed);
    }
    let mut to_place: BTreeMap<LocationId, Vec<Complete>> = BTreeMap::new();
    for arrived in batch {
        match arrived {
            Arrived::Failed(one) => placed.failed.push(one),
            Arrived::Whole(mut build, got) => {
                placed.held.extend(got.iter().flatten().filter_map(|got| match got {
                    Got::Bytes(verified) => Some(Arc::clone(verified)),
                    Got::Link(_) | Got::Given(_) => None,
                }));
                match build.in_place.take() {
                    Some(files) => placed.in_place.push(InPlace { build, files, given: Vec::new() }),
                    None => to_place.entry(build.location).or_default().push((build, got)),
                }
            }
        }
    }
    if fault::mutant(Mutant::RowFirst) {
        mutants::rows_first(ctx, to_place.values().flatten()).await?;
    }
    for (location, builds) in to_place {
        place(ctx, location, builds, &mut placed.in_place, &mut placed.failed, placing).await?;
    }
    Ok(placed)
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
    for (((build, got), verified_at), result) in builds.into_iter().zip(verified_at).zip(results) {
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
                let given = got.into_iter().flatten().filter_map(|got| match got {
                    Got::Given(given) => Some(given),
                    Got::Bytes(_) | Got::Link(_) => None,
                });
                in_place.push(InPlace { build, files, given: given.collect() });
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
        let (sha256, content) = match (got, &file.origin) {
            (Some(Got::Bytes(verified)), _) => (verified.digests().sha256, Content::Fetched(Arc::clone(verified))),
            (Some(Got::Given(given)), _) => (given.digests().sha256, Content::Given(Arc::clone(given))),
            (Some(Got::Link(linked)), _) | (None, Origin::Link(linked)) => {
                let Ok(name) = FileName::new(linked.name.clone()) else { continue };
                let (package, version, stamp) = (linked.package, linked.version, linked.stamp);
                (linked.sha256, Content::Existing(Existing { package, version, name, stamp, sha256: linked.sha256 }))
            }
            (None, Origin::Fetch | Origin::ByHand) => continue,
        };
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
