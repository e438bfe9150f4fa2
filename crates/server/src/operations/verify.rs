//! Verify: hash packages and compare with what is recorded. Takes no lock: results are written in batches, only where
//! version and fencing token are still those that were read; the rest is looked at again.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use patchwharf_db::{
    jobs, packages,
    packages::{File, Held, Verified, Version},
    updates::{self, Update},
};
use patchwharf_model::{
    PackageId, UpdateId,
    job::{Report, Selection, Unit},
    package::VersionState,
};
use patchwharf_store::Location;

use super::{
    Ending, OperationError,
    assembly::{self, Look, Seen, Worth, item, overall, told},
    selection, write,
};
use crate::{jobs::JobContext, words::count};

/// Packages in one go: bounds the transaction and what a pause has to wait for.
const BATCH: usize = 500;
/// Bytes in one go.
const BATCH_BYTES: u64 = 2 << 30;
/// Times that a package is looked at again because it changed meanwhile.
const ROUNDS: usize = 5;

/// What a verification found.
#[derive(Debug, Default)]
struct Found {
    whole: u64,
    bad: u64,
    size_bytes: u64,
}

/// Runs the job.
pub(crate) async fn run(ctx: &JobContext, of: &Selection) -> Result<Ending, OperationError> {
    ctx.progress.phase("choosing packages");
    let mut open = selection::packages_of(&ctx.app.db, of).await?;
    let done = if ctx.attempt > 1 { jobs::items_done(&ctx.app.db, ctx.job).await? } else { HashSet::new() };
    let mut found = Found::default();
    ctx.progress.phase("verifying");
    ctx.progress.start(Unit::Bytes, 0);
    ctx.progress.items_total(open.len() as u64);
    let mut total_bytes = 0;
    for _ in 0..ROUNDS {
        let mut again = Vec::new();
        for packages in open.chunks(BATCH) {
            if let Some(reason) = ctx.stop.reason() {
                return Ok(Ending::Stopped(reason));
            }
            let batch = Batch::read(ctx, packages, &done).await?;
            total_bytes += batch.size_bytes();
            ctx.progress.total(total_bytes);
            match batch.verify(ctx, &mut found).await? {
                Ok(changed) => again.extend(changed),
                Err(reason) => return Ok(Ending::Stopped(reason)),
            }
            ctx.progress.items_done(packages.len() as u64);
        }
        open = again;
        if open.is_empty() {
            break;
        }
    }
    let summary = match found.bad {
        0 => format!("{} verified, {} bytes: all whole", count(found.whole, "package"), found.size_bytes),
        bad => format!(
            "{} verified, {} bytes: {bad} damaged, each with its reason below; nothing was changed on disk",
            count(found.whole + bad, "package"),
            found.size_bytes
        ),
    };
    let counts = [("bytes".to_owned(), found.size_bytes)].into();
    Ok(Ending::Done(Report { summary, counts, ..Report::default() }))
}

/// Packages that are verified together.
struct Batch {
    versions: Vec<Version>,
    files: Vec<File>,
    updates: HashMap<UpdateId, Update>,
}

impl Batch {
    /// Current versions of these packages, without those that an earlier attempt of the job has found whole.
    async fn read(ctx: &JobContext, ids: &[PackageId], done: &HashSet<String>) -> Result<Self, OperationError> {
        let db = &ctx.app.db;
        let mut versions = packages::versions(db, ids).await?;
        versions.retain(|v| {
            v.is_current && matches!(v.state, VersionState::Staged | VersionState::Corrupt | VersionState::Missing)
        });
        let of: BTreeSet<UpdateId> = versions.iter().map(|v| v.update_id).collect();
        let of: Vec<UpdateId> = of.into_iter().collect();
        let updates: HashMap<UpdateId, Update> =
            updates::by_ids(db, &of).await?.into_iter().map(|update| (update.update_id, update)).collect();
        versions.retain(|v| !done.contains(&name(v, &updates)));
        let keys: Vec<(PackageId, u64)> = versions.iter().map(|v| (v.package_id, v.version)).collect();
        let files = if keys.is_empty() { Vec::new() } else { packages::files(db, &keys).await? };
        Ok(Self { versions, files, updates })
    }

    fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size_bytes).sum()
    }

    /// Hashes, writes, says. Returns packages that changed meanwhile.
    async fn verify(
        self,
        ctx: &JobContext,
        found: &mut Found,
    ) -> Result<Result<Vec<PackageId>, crate::jobs::StopReason>, OperationError> {
        let locations: HashMap<(PackageId, u64), Option<Arc<Location>>> = self
            .versions
            .iter()
            .map(|v| ((v.package_id, v.version), assembly::location_of(ctx, v.location_id)))
            .collect();
        let mut seen: HashMap<(PackageId, u64), Vec<Seen>> = HashMap::new();
        let open: Vec<(Arc<Location>, File)> = self
            .files
            .into_iter()
            .filter_map(|file| Some((locations.get(&(file.package_id, file.version))?.clone()?, file)))
            .collect();
        for files in pieces(open) {
            if let Some(reason) = ctx.stop.reason() {
                return Ok(Err(reason));
            }
            let progress = ctx.progress.clone();
            for one in assembly::look_at(files, Look::Hash, move |file| progress.bytes(file.size_bytes)).await? {
                seen.entry((one.file.package_id, one.file.version)).or_default().push(one);
            }
        }
        let now = ctx.now();
        let results: Vec<Verified> = self
            .versions
            .iter()
            .filter(|v| locations.get(&(v.package_id, v.version)).is_some_and(Option::is_some))
            .map(|v| result(v, seen.get(&(v.package_id, v.version)).map_or(&[][..], Vec::as_slice)))
            .collect();
        let mut changed: HashSet<PackageId> = HashSet::new();
        if !results.is_empty() {
            let mut w = write(ctx).await?;
            changed.extend(packages::put_verified(&mut w, Some(ctx.job), now, &results).await?);
            w.commit().await?;
        }
        for v in &self.versions {
            let item = name(v, &self.updates);
            if locations.get(&(v.package_id, v.version)).is_none_or(Option::is_none) {
                let why =
                    format!("package location {} is not open; mount it and start the server again", v.location_id);
                told::line(ctx, item, "not-verified", true, why);
            } else if !changed.contains(&v.package_id)
                && let Some(result) = results.iter().find(|r| r.held.package_id == v.package_id)
            {
                say(ctx, item, v, result, self.updates.get(&v.update_id), found);
            }
        }
        Ok(Ok(changed.into_iter().collect()))
    }
}

/// Files in pieces of bounded size.
fn pieces(files: Vec<(Arc<Location>, File)>) -> Vec<Vec<(Arc<Location>, File)>> {
    let mut pieces: Vec<Vec<(Arc<Location>, File)>> = vec![Vec::new()];
    let mut bytes = 0;
    for file in files {
        if bytes > BATCH_BYTES {
            pieces.push(Vec::new());
            bytes = 0;
        }
        bytes += file.1.size_bytes;
        if let Some(piece) = pieces.last_mut() {
            piece.push(file);
        }
    }
    pieces
}

fn name(version: &Version, updates: &HashMap<UpdateId, Update>) -> String {
    updates.get(&version.update_id).map_or_else(|| format!("package {}", version.package_id), item)
}

fn result(version: &Version, seen: &[Seen]) -> Verified {
    let bad: Vec<(VersionState, &str)> = seen
        .iter()
        .filter_map(|seen| match &seen.worth {
            Worth::Bad { state, reason } => Some((*state, reason.as_str())),
            Worth::Proved { .. } | Worth::Renewed { .. } => None,
        })
        .collect();
    Verified {
        held: Held { package_id: version.package_id, version: version.version, token: version.token },
        state: overall(bad.iter().map(|(state, _)| *state)),
        reason: bad.iter().map(|(_, reason)| *reason).collect::<Vec<_>>().join("; "),
        files: seen.iter().filter_map(Seen::result).collect(),
    }
}

fn say(ctx: &JobContext, item: String, v: &Version, result: &Verified, update: Option<&Update>, found: &mut Found) {
    if result.state == VersionState::Staged {
        found.whole += 1;
        found.size_bytes += v.size_bytes;
        told::line(ctx, item, "whole", false, String::new());
        return;
    }
    found.bad += 1;
    found.size_bytes += v.size_bytes;
    let way_out = update
        .map_or_else(String::new, |update| format!("; mend it with `patchwharf bulletin refresh {}`", update.bulletin));
    let bulletin = update.map_or_else(String::new, |update| update.bulletin_id.to_string());
    tracing::warn!(
        job.id = %ctx.job, bulletin.id = bulletin, package.id = %v.package_id, version = v.version,
        "{item} is {}: {}", result.state, result.reason
    );
    told::line(ctx, item, result.state.as_str(), true, format!("{}{way_out}", result.reason));
}
