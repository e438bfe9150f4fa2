//! Backups: the database as it is at one moment, keys and configuration, and every content of the store by its digest.
//!
//! The same code runs as a job of a busy server and, for a server that does not run, from the command line.

pub(crate) mod batches;
mod earlier;
pub(crate) mod folder;
pub(crate) mod format;
mod gather;
mod manifests;
pub(crate) mod points;
mod pool;
mod prune;
pub(crate) mod room;
pub(crate) mod secrets;
mod write;

use std::{collections::HashSet, sync::Arc};

use camino::Utf8PathBuf;
use patchwharf_db::Db;
use patchwharf_model::{
    DeploymentId, InstanceId, PackageId, Timestamp,
    job::{Report, ReportItem},
};
use patchwharf_store::{Location, fault::Step};
use patchwharf_trust::{ManifestKey, Passphrase};

use crate::{
    config::Config,
    jobs::{ProgressHandle, Stop, StopReason},
    operations::{OperationError, cores, fault_at},
    words::{bytes, count},
};
use folder::Folder;
use gather::{Tally, gather, left_out};
use points::Point;
use pool::Pool;
pub(crate) use room::must_have_room;
use write::LeftOut;
pub(crate) use write::{clear_copies, passphrase};

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
        let point = Point::begin(folder.path(), at).map_err(|error| unusable(work, error))?;
        let (database, copied) = write::database(work, &point).await?;
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
    let kept = tally.tell_kept(&files, &out);
    let done = write::finish(work, folder.path(), copy, manifests.collect(), left_out).await?;
    let is_whole = done.left_out.iter().all(|lost| lost.gone);
    let pruned = match work.keep {
        // What is not in this one may be in an older one.
        Some(keep) if is_whole => {
            let (path, deployment) = (folder.path().to_owned(), work.deployment);
            let pruned = cores::blocking(move || prune::prune(&path, deployment, keep as usize)).await?;
            pruned.map_err(|error| unusable(work, error))?
        }
        _ => prune::Pruned::default(),
    };
    Ok(told(work, &done, tally, kept, pruned))
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

fn unusable(work: &Work<'_>, error: std::io::Error) -> OperationError {
    let full = matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
    let code = if full { "no-space" } else { "backup-folder" };
    let what = if full { "; make room there and run it again: what was copied is kept" } else { "" };
    OperationError::new(code, format!("cannot write the backup in {}{what}", work.folder)).because(error)
}

fn told(work: &Work<'_>, done: &write::Done, mut tally: Tally, kept: u64, pruned: prune::Pruned) -> Outcome {
    for LeftOut { package, version, why, gone } in &done.left_out {
        let item = format!("package {package} version {version}");
        let reason = if *gone { "it was deleted while the backup was made".to_owned() } else { why.clone() };
        tally.items.push(ReportItem { item, outcome: "left-out".into(), failed: !gone, reason });
    }
    let backup = &done.backup;
    let mut summary = format!(
        "backup {} made: {} with {}, {} ({} copied, {}); database {}",
        done.path.file_name().unwrap_or_default(),
        count(backup.version_count, "package version"),
        count(backup.file_count, "file"),
        bytes(backup.file_bytes),
        tally.copied,
        bytes(tally.copied_bytes),
        bytes(backup.database.size_bytes),
    );
    if kept > 0 {
        summary.push_str(&format!(
            "; {kept} damaged on the server and whole in earlier backups, from which they are kept"
        ));
    }
    if !done.left_out.is_empty() {
        summary.push_str(&format!("; {} left out, each with its reason below", done.left_out.len()));
        if work.keep.is_some() && done.left_out.iter().any(|lost| !lost.gone) {
            summary.push_str("; older backups stay until a whole one is made");
        }
    }
    if pruned.backups > 0 {
        let (backups, contents) = (count(pruned.backups, "old backup"), count(pruned.contents, "file"));
        summary.push_str(&format!("; {backups} and {contents} of them removed, {} freed", bytes(pruned.size_bytes)));
    }
    tally.items.extend(pruned.untouched);
    tracing::info!(path = %done.path, folder = %work.folder, "{summary}");
    let counts = [
        ("bytes".to_owned(), backup.file_bytes),
        ("bytes-copied".to_owned(), tally.copied_bytes),
        ("files".to_owned(), backup.file_count),
        ("files-already-there".to_owned(), tally.already),
        ("files-copied".to_owned(), tally.copied),
        ("versions-kept".to_owned(), kept),
        ("versions".to_owned(), backup.version_count),
    ];
    Outcome::Made { report: Report { summary, counts: counts.into(), ..Report::default() }, items: tally.items }
}

/// When the copy was made, for people.
pub(crate) fn age(made_at: Timestamp, now: Timestamp) -> String {
    format!("{:#}", now.duration_since(made_at).round(jiff::Unit::Second).unwrap_or_default())
}
