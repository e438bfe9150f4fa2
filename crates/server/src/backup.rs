//! Backups: the database as it is at one moment, keys and configuration, and every content of the store by its digest.
//!
//! The same code runs as a job of a busy server and, for a server that does not run, from the command line.

pub(crate) mod folder;
pub(crate) mod format;
mod manifests;
mod pool;
mod prune;
pub(crate) mod secrets;
mod write;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use camino::Utf8PathBuf;
use patchwharf_db::{Db, backup::KeptFile};
use patchwharf_model::{
    DeploymentId, InstanceId, PackageId, Sha256, Timestamp,
    job::{Report, ReportItem, Unit},
};
use patchwharf_store::{Location, fault::Step};
use patchwharf_trust::{ManifestKey, Passphrase};

use crate::{
    config::Config,
    jobs::{ProgressHandle, Stop, StopReason},
    operations::{OperationError, cores, fault_at},
    words::count,
};
use folder::Folder;
use manifests::Signed;
use pool::{Had, Pool, Wanted};
use write::LeftOut;
pub(crate) use write::passphrase;

/// Contents in one go: bounds what a pause has to wait for.
const BATCH: usize = 256;
/// Bytes in one go.
const BATCH_BYTES: u64 = 1 << 30;
/// Times that the database is copied again because packages went while their bytes were copied.
const ROUNDS: usize = 3;

/// What is to be backed up, and where to.
pub(crate) struct Work<'a> {
    /// The database.
    pub(crate) db: &'a Db,
    /// The package locations that are open.
    pub(crate) locations: Arc<[Arc<Location>]>,
    /// Signs the backup.
    pub(crate) key: &'a ManifestKey,
    /// How the server is set up.
    pub(crate) config: &'a Config,
    /// Whose it is.
    pub(crate) deployment: DeploymentId,
    /// Who makes it.
    pub(crate) instance: InstanceId,
    /// Where to.
    pub(crate) folder: Utf8PathBuf,
    /// What database and secrets are sealed under; none: they lie there as they are, for their owner alone.
    pub(crate) passphrase: Option<Passphrase>,
    /// How many backups are kept; none: all.
    pub(crate) keep: Option<u32>,
    /// Believe what is there by its length.
    pub(crate) quick: bool,
    /// The time.
    pub(crate) clock: &'a crate::clock::Clock,
    /// Where to say how far it is.
    pub(crate) progress: ProgressHandle,
    /// Whether to end early.
    pub(crate) stop: Stop,
}

/// What came of it.
pub(crate) enum Outcome {
    /// A backup was made.
    Made {
        /// What to tell.
        report: Report,
        /// The things that deserve a line.
        items: Vec<ReportItem>,
    },
    /// It was asked to stop. What was copied is there for the next time.
    Stopped(StopReason),
}

/// What was gathered so far.
#[derive(Debug, Default)]
struct Tally {
    already: u64,
    copied: u64,
    copied_bytes: u64,
    items: Vec<ReportItem>,
    /// Contents that the pool has.
    had: HashSet<Sha256>,
    /// Contents that cannot be had, and why.
    lacking: HashMap<Sha256, String>,
    /// Manifests of versions: they never change.
    manifests: BTreeMap<(PackageId, u64), Signed>,
    /// Versions whose manifest cannot be believed, and why.
    unbelieved: HashMap<(PackageId, u64), String>,
}

/// Makes a backup.
///
/// # Errors
/// The folder cannot be used, or database or store cannot be read. Code `backup-busy`: another is being made there.
pub(crate) async fn run(work: &Work<'_>) -> Result<Outcome, OperationError> {
    let folder = open_folder(work).await?;
    let pool = Pool::new(folder.path(), Arc::clone(&work.locations), work.quick);
    let mut tally = Tally::default();
    // Most of the time goes here, and the database is copied afterwards: what it names is there then, but for what came
    // or went in the meantime.
    work.progress.phase("copying packages");
    if let Err(reason) = gather(work, &pool, &work.db.kept_files().await?, &mut tally).await? {
        return Ok(Outcome::Stopped(reason));
    }
    let mut made = None;
    for round in 1..=ROUNDS {
        fault_at(Step::BackupBeforeSnapshot)?;
        work.progress.phase("copying the database");
        let at = work.clock.now();
        let point = folder.begin(at).map_err(|error| unusable(work, error))?;
        let (database, copied) = write::database(work, &point, at).await?;
        fault_at(Step::BackupAfterSnapshot)?;
        work.progress.phase("copying what came meanwhile");
        if let Err(reason) = gather(work, &pool, &copied.files, &mut tally).await? {
            return Ok(Outcome::Stopped(reason));
        }
        let left_out = left_out(work, &copied.files, &tally).await?;
        let gone = left_out.iter().filter(|lost| lost.gone).count();
        if gone == 0 || round == ROUNDS {
            made = Some((write::Copy { point, database, schema: copied.schema, at }, copied.files, left_out));
            break;
        }
        tracing::info!(gone, "packages were deleted while they were copied: the database is copied once more");
    }
    let Some((copy, files, left_out)) = made else {
        return Err(OperationError::new("internal", "no copy of the database was made"));
    };
    work.progress.phase("writing the backup");
    let named: HashSet<(PackageId, u64)> = files.iter().map(|file| (file.package_id, file.version)).collect();
    let out: HashSet<(PackageId, u64)> = left_out.iter().map(|lost| (lost.package, lost.version)).collect();
    let manifests = std::mem::take(&mut tally.manifests).into_iter();
    let manifests = manifests.filter(|(key, _)| named.contains(key) && !out.contains(key)).map(|(_, signed)| signed);
    let done = write::finish(work, copy, manifests.collect(), left_out).await?;
    let pruned = match work.keep {
        None => prune::Pruned::default(),
        Some(keep) => {
            let path = folder.path().to_owned();
            let pruned = cores::blocking(move || prune::prune(&path, keep as usize)).await?;
            pruned.map_err(|error| unusable(work, error))?
        }
    };
    Ok(told(work, &done, tally, &pruned))
}

async fn open_folder(work: &Work<'_>) -> Result<Folder, OperationError> {
    let (path, deployment) = (work.folder.clone(), work.deployment);
    let mut elsewhere = vec![work.config.data.clone()];
    elsewhere.extend(work.locations.iter().map(|location| location.path().to_owned()));
    let opened = cores::blocking(move || Folder::open(&path, deployment, &elsewhere)).await?;
    opened.map_err(|error| match &error {
        folder::FolderError::Busy { .. } => OperationError::new("backup-busy", error.to_string()).because(error),
        _ => OperationError::new("backup-folder", error.to_string()).because(error),
    })
}

/// Sees that the manifests of these files' versions are read, and all contents are in the pool. Manifests come first: a
/// version that is deleted afterwards is whole in the backup all the same.
async fn gather(
    work: &Work<'_>,
    pool: &Pool,
    files: &[KeptFile],
    tally: &mut Tally,
) -> Result<Result<(), StopReason>, OperationError> {
    tally.lacking.clear();
    manifests::read(work, files, tally).await?;
    let wanted: Vec<Wanted> =
        pool::contents(files).into_iter().filter(|wanted| !tally.had.contains(&wanted.sha256)).collect();
    work.progress.start(Unit::Bytes, wanted.iter().map(|one| one.size_bytes).sum());
    for batch in batches(wanted) {
        if let Some(reason) = work.stop.reason() {
            return Ok(Err(reason));
        }
        let prepared = {
            let (pool, batch) = (pool.clone(), batch.clone());
            cores::blocking(move || pool.prepare(&batch)).await?
        };
        prepared.map_err(|error| unusable(work, error))?;
        let (own, progress) = (pool.clone(), work.progress.clone());
        let results = cores::for_each(batch.clone(), move |wanted| {
            let had = own.take(wanted);
            progress.bytes(wanted.size_bytes);
            had
        })
        .await?;
        for (wanted, had) in batch.iter().zip(results) {
            tally.take(wanted, had.map_err(|error| unusable(work, error))?);
        }
        let own = pool.clone();
        cores::blocking(move || own.sync(&batch)).await?.map_err(|error| unusable(work, error))?;
    }
    Ok(Ok(()))
}

fn batches(wanted: Vec<Wanted>) -> Vec<Vec<Wanted>> {
    let mut batches: Vec<Vec<Wanted>> = Vec::new();
    let mut bytes = 0;
    for one in wanted {
        let full = batches.last().is_none_or(|batch| batch.len() >= BATCH || bytes >= BATCH_BYTES);
        if full {
            batches.push(Vec::new());
            bytes = 0;
        }
        bytes += one.size_bytes;
        if let Some(batch) = batches.last_mut() {
            batch.push(one);
        }
    }
    batches
}

impl Tally {
    fn take(&mut self, wanted: &Wanted, had: Had) {
        let item = format!("content {}", wanted.sha256);
        match had {
            Had::No(why) => {
                self.lacking.insert(wanted.sha256, why);
                return;
            }
            Had::Already => self.already += 1,
            Had::Copied => self.copied(wanted),
            Had::Mended => {
                self.copied(wanted);
                let reason = "what the backup had was damaged; it was copied anew: look after that disk".to_owned();
                self.items.push(ReportItem { item, outcome: "mended".into(), failed: false, reason });
            }
        }
        self.had.insert(wanted.sha256);
    }

    fn copied(&mut self, wanted: &Wanted) {
        self.copied += 1;
        self.copied_bytes += wanted.size_bytes;
    }
}

/// Versions that the copy names and that cannot be had, with the reason.
async fn left_out(work: &Work<'_>, copied: &[KeptFile], tally: &Tally) -> Result<Vec<LeftOut>, OperationError> {
    let mut whys: BTreeMap<(PackageId, u64), &String> = BTreeMap::new();
    for file in copied {
        let key = (file.package_id, file.version);
        if let Some(why) = tally.unbelieved.get(&key).or_else(|| tally.lacking.get(&file.sha256)) {
            whys.entry(key).or_insert(why);
        }
    }
    if whys.is_empty() {
        return Ok(Vec::new());
    }
    let now: HashSet<(PackageId, u64)> =
        work.db.kept_files().await?.into_iter().map(|file| (file.package_id, file.version)).collect();
    let left_out = whys.into_iter().map(|(key, why)| LeftOut {
        package: key.0,
        version: key.1,
        why: why.clone(),
        gone: !now.contains(&key),
    });
    Ok(left_out.collect())
}

fn unusable(work: &Work<'_>, error: std::io::Error) -> OperationError {
    let full = matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
    let code = if full { "no-space" } else { "backup-folder" };
    let what = if full { "; make room there and run it again: what was copied is kept" } else { "" };
    OperationError::new(code, format!("cannot write the backup in {}{what}", work.folder)).because(error)
}

fn told(work: &Work<'_>, done: &write::Done, mut tally: Tally, pruned: &prune::Pruned) -> Outcome {
    for LeftOut { package, version, why, gone } in &done.left_out {
        let item = format!("package {package} version {version}");
        let reason = if *gone { "it was deleted while the backup was made".to_owned() } else { why.clone() };
        tally.items.push(ReportItem { item, outcome: "left-out".into(), failed: !gone, reason });
    }
    let backup = &done.backup;
    let mut summary = format!(
        "backup {} made: {} with {}, {} bytes ({} copied, {} bytes); database {} bytes",
        done.path.file_name().unwrap_or_default(),
        count(backup.version_count, "package version"),
        count(backup.file_count, "file"),
        backup.file_bytes,
        tally.copied,
        tally.copied_bytes,
        backup.database.size_bytes,
    );
    if !done.left_out.is_empty() {
        summary.push_str(&format!("; {} left out, each with its reason below", done.left_out.len()));
    }
    if pruned.backups > 0 {
        let (backups, contents) = (count(pruned.backups, "old backup"), count(pruned.contents, "file"));
        summary.push_str(&format!("; {backups} and {contents} of them removed, {} bytes freed", pruned.size_bytes));
    }
    tracing::info!(path = %done.path, folder = %work.folder, "{summary}");
    let counts = [
        ("bytes".to_owned(), backup.file_bytes),
        ("bytes-copied".to_owned(), tally.copied_bytes),
        ("files".to_owned(), backup.file_count),
        ("files-already-there".to_owned(), tally.already),
        ("files-copied".to_owned(), tally.copied),
        ("versions".to_owned(), backup.version_count),
    ];
    Outcome::Made { report: Report { summary, counts: counts.into(), ..Report::default() }, items: tally.items }
}

/// When the copy was made, for people.
pub(crate) fn age(made_at: Timestamp, now: Timestamp) -> String {
    format!("{:#}", now.duration_since(made_at).round(jiff::Unit::Second).unwrap_or_default())
}
