//! Prune: originals go, each after a fresh proof of the copy that is served, in the same run.
//!
//! What is not proved whole where it is served stays. So does what a download still reads from the old place, and every
//! file there that this server did not put there. The report says what is left.
//!
//! A lock can be lost to a job that goes back to an original. So the record of an original goes first, by its fencing
//! token, and only what was still this job's then is unlinked: nobody goes back to what has no record.

mod left;
mod remove;
mod told;

use std::{collections::HashSet, sync::Arc, time::Duration};

use patchwharf_db::{
    packages,
    packages::{File, StagedFile, Verified, Version},
};
use patchwharf_model::{
    JobId, LocationId, PackageId, Timestamp,
    job::{Selection, Unit},
};
use patchwharf_store::{
    Location,
    fault::{self, Mutant},
};

use super::{
    Ending, OperationError,
    assembly::told::line,
    cores, later, locks,
    places::{self, Damage, Locked, VersionKey},
    selection, write,
};
use crate::{jobs::JobContext, settings};

/// Versions in one go.
const BATCH: u32 = 200;

/// What this attempt has seen; what was removed is counted by the job.
#[derive(Debug, Default)]
struct Done {
    /// Originals that would be removed, and their bytes.
    removable: u64,
    removable_bytes: u64,
    kept: u64,
    busy: Vec<(PackageId, JobId)>,
}

/// Runs the job: originals at `id` that were left behind by `before`.
pub(crate) async fn run(
    ctx: &JobContext,
    of: &Selection,
    id: LocationId,
    before: Timestamp,
    dry_run: bool,
) -> Result<Ending, OperationError> {
    let _keeper = locks::Keeper::start(ctx);
    ctx.app.locations.reload(&ctx.app.db).await?;
    let location = places::reach(ctx, id).await?;
    let keep = settings::duration(&ctx.app, &settings::KEEP_ORIGINALS).await?;
    let before = before.min(ctx.now().checked_sub(keep).unwrap_or(Timestamp::MIN));
    ctx.progress.phase(if dry_run { "proving what is served" } else { "proving what is served, removing originals" });
    let chosen = selection::chosen(&ctx.app.db, of).await?;
    let totals = packages::original_totals(&ctx.app.db, id, before, chosen.as_deref()).await?;
    let all = packages::original_totals(&ctx.app.db, id, Timestamp::MAX, chosen.as_deref()).await?;
    let young = Young { originals: all.versions.saturating_sub(totals.versions), keep };
    let chosen: Option<HashSet<PackageId>> = chosen.map(HashSet::from_iter);
    ctx.progress.start(Unit::Bytes, totals.size_bytes);
    ctx.progress.items_total(totals.versions);
    let prune = Prune { ctx, location: &location, dry_run };
    let (mut done, mut after) = (Done::default(), None);
    // What a job that was killed had taken off the record and not unlinked yet.
    for keys in remove::begun(ctx).await?.chunks(BATCH as usize) {
        prune.batch(keys, &mut done).await?;
    }
    loop {
        if let Some(reason) = ctx.stop.reason() {
            return Ok(Ending::Stopped(reason));
        }
        let page = packages::originals_at(&ctx.app.db, id, before, after, BATCH).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.package_id, last.version));
        let keys: Vec<VersionKey> = page
            .iter()
            .filter(|o| chosen.as_ref().is_none_or(|chosen| chosen.contains(&o.package_id)))
            .map(|o| (o.package_id, o.version))
            .collect();
        if !keys.is_empty() {
            prune.batch(&keys, &mut done).await?;
        }
    }
    if let Some(ending) = later::for_packages(ctx, &done.busy) {
        return Ok(ending);
    }
    let rest = left::look(ctx, &location).await?;
    Ok(Ending::Done(told::report(ctx, &done, young, rest, &location, dry_run)))
}

/// Originals that are not old enough to go.
#[derive(Clone, Copy)]
struct Young {
    originals: u64,
    keep: Duration,
}

struct Prune<'a> {
    ctx: &'a JobContext,
    location: &'a Arc<Location>,
    dry_run: bool,
}

/// A version with its files, and where it is served from.
type Served = (Version, Vec<File>, Arc<Location>);

/// A version whose served copy was looked at.
struct Looked {
    version: Version,
    files: Vec<File>,
    proved: Result<Vec<StagedFile>, Damage>,
}

impl Prune<'_> {
    async fn batch(&self, keys: &[VersionKey], done: &mut Done) -> Result<(), OperationError> {
        let ctx = self.ctx;
        let mut locked = Locked::take(ctx, keys).await?;
        done.busy.append(&mut locked.busy);
        let (free, stay) = self.free(locked.versions);
        for (version, why) in stay {
            done.kept += 1;
            self.kept(&version, "kept", why);
        }
        let looked = self.look(free).await?;
        let overtaken = self.record(&looked).await?;
        let mut to_remove = Vec::new();
        for one in &looked {
            match &one.proved {
                _ if overtaken.contains(&one.version.package_id) => self.overtaken(&one.version, done),
                Ok(_) => to_remove.push(one),
                Err(damage) => {
                    done.kept += 1;
                    let why = format!(
                        "the copy that is served is not whole ({}); mend it with `patchwharf bulletin refresh`, or go back \
                         with `patchwharf location undo`",
                        damage.reason
                    );
                    self.kept(&one.version, "copy-damaged", why);
                }
            }
        }
        match self.dry_run {
            true => {
                for one in &to_remove {
                    done.removable += 1;
                    done.removable_bytes += one.version.size_bytes;
                    line(ctx, told::item(&one.version), "would-be-removed", false, String::new());
                }
            }
            false => self.remove(&to_remove, done).await?,
        }
        let mut w = write(ctx).await?;
        packages::unlock(&mut w, ctx.job, Some(&locked.held)).await?;
        w.commit().await?;
        ctx.progress.items_done(keys.len() as u64);
        Ok(())
    }

    /// What may be looked at: not what a download still reads from here, nor what is served from here again.
    fn free(&self, versions: Vec<(Version, Vec<File>)>) -> (Vec<Served>, Vec<(Version, String)>) {
        let (mut free, mut stay) = (Vec::new(), Vec::new());
        for (version, files) in versions {
            let (package, number) = (version.package_id, version.version);
            if version.location_id == self.location.id() {
                stay.push((version, "it is served from there again".to_owned()));
            } else if self.ctx.app.downloads.reads(self.location.id(), package, number) {
                stay.push((version, "a download still reads it from there; prune again when it has ended".to_owned()));
            } else {
                match self.ctx.app.locations.get(version.location_id) {
                    Ok(served_from) => free.push((version, files, served_from)),
                    Err(error) => stay.push((version, format!("its copy cannot be proved: {}", error.text))),
                }
            }
        }
        (free, stay)
    }

    /// Hashes what is served, past the cache.
    async fn look(&self, versions: Vec<Served>) -> Result<Vec<Looked>, OperationError> {
        let (key, now, progress) = (self.ctx.app.known_keys().await?, self.ctx.now(), self.ctx.progress.clone());
        cores::for_each(versions, move |(version, files, served_from)| {
            let proved = match fault::mutant(Mutant::PruneUnproved) {
                true => Ok(Vec::new()),
                false => places::prove(served_from, version, files, &key, now),
            };
            progress.bytes(version.size_bytes);
            Looked { version: version.clone(), files: files.clone(), proved }
        })
        .await
    }

    /// The proofs are renewed, and damage that was found is on record. Returns the packages that are another's by now.
    async fn record(&self, looked: &[Looked]) -> Result<HashSet<PackageId>, OperationError> {
        let verdicts: Vec<Verified> = looked.iter().filter_map(Looked::verdict).collect();
        if verdicts.is_empty() {
            return Ok(HashSet::new());
        }
        let now = self.ctx.now();
        let mut w = write(self.ctx).await?;
        let overtaken = packages::put_verified(&mut w, Some(self.ctx.job), now, &verdicts).await?;
        w.commit().await?;
        Ok(overtaken.into_iter().collect())
    }
}

impl Looked {
    fn verdict(&self) -> Option<Verified> {
        match &self.proved {
            Ok(files) => Some(places::proved(&self.version, files)),
            // A manifest alone is no state of the files.
            Err(damage) if damage.files.is_empty() => None,
            Err(damage) => Some(damage.verdict(&self.version)),
        }
    }
}
