//! Undo a relocation: versions are served from their originals again, without a byte being copied.
//!
//! Each original is hashed first, past the cache; what is not whole any more is named and stays where it is served now.
//! The copies at the place that is left become originals in their turn.

use std::{collections::HashSet, sync::Arc};

use camino::Utf8Path;
use patchwharf_db::{
    locations as table, packages,
    packages::{File, Original, Relocated, StagedFile, Version},
};
use patchwharf_model::{
    JobId, LocationId, PackageId, Timestamp,
    job::{Report, Selection, Unit},
};
use patchwharf_store::{Location, fault::Step};

use super::{
    Ending, OperationError,
    assembly::told::line,
    cores, fault_at, later, locks,
    places::{self, Damage, Locked, VersionKey, item},
    selection, write,
};
use crate::{
    jobs::JobContext,
    words::{bytes, count},
};

/// Versions in one transaction.
const BATCH: u32 = 200;

/// Counts of the job, in all its attempts.
const UNDONE: &str = "versions-undone";
const BYTES: &str = "bytes";

/// What this attempt has seen, and what it would do.
#[derive(Debug, Default)]
struct Done {
    undone: u64,
    size_bytes: u64,
    damaged: u64,
    busy: Vec<(PackageId, JobId)>,
}

/// Runs the job: what was moved to `from` and has an original at `to` is served from there again.
pub(crate) async fn run(
    ctx: &JobContext,
    of: &Selection,
    from: LocationId,
    to: LocationId,
    dry_run: bool,
) -> Result<Ending, OperationError> {
    let _keeper = locks::Keeper::start(ctx);
    ctx.app.locations.reload(&ctx.app.db).await?;
    // The place that is left may be gone: then this is the way to what still lies at the other one.
    let left = table::show(&ctx.app.db, from).await?.path;
    let target = places::reach(ctx, to).await?;
    ctx.progress.phase(if dry_run { "looking at the originals" } else { "going back to the originals" });
    let chosen = selection::chosen(&ctx.app.db, of).await?;
    // Whenever it was moved: also by a clock that ran ahead.
    let totals = packages::original_totals(&ctx.app.db, to, Timestamp::MAX, chosen.as_deref()).await?;
    ctx.progress.start(Unit::Bytes, totals.size_bytes);
    ctx.progress.items_total(totals.versions);
    let chosen = chosen.map(HashSet::from_iter);
    let undo = Undo { ctx, chosen, from, left: &left, target: &target, dry_run };
    let (mut done, mut after) = (Done::default(), None);
    loop {
        if let Some(reason) = ctx.stop.reason() {
            return Ok(Ending::Stopped(reason));
        }
        let page = packages::originals_at(&ctx.app.db, to, Timestamp::MAX, after, BATCH).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.package_id, last.version));
        let wanted: Vec<Original> =
            page.into_iter().filter(|o| o.served_from == from && undo.is_chosen(o.package_id)).collect();
        if !wanted.is_empty() {
            undo.batch(&wanted, &mut done).await?;
        }
    }
    let stay = undo.without_original().await?;
    if let Some(ending) = later::for_packages(ctx, &done.busy) {
        return Ok(ending);
    }
    if !dry_run {
        (done.undone, done.size_bytes) = (ctx.progress.counted(UNDONE), ctx.progress.counted(BYTES));
    }
    let new_go_to_left = table::default(&ctx.app.db).await?.is_some_and(|row| row.location_id == from);
    Ok(Ending::Done(report(&done, stay, &left, &target, new_go_to_left, dry_run)))
}

struct Undo<'a> {
    ctx: &'a JobContext,
    /// Which packages; none: all.
    chosen: Option<HashSet<PackageId>>,
    from: LocationId,
    left: &'a Utf8Path,
    target: &'a Arc<Location>,
    dry_run: bool,
}

impl Undo<'_> {
    fn is_chosen(&self, package: PackageId) -> bool {
        self.chosen.as_ref().is_none_or(|chosen| chosen.contains(&package))
    }

    async fn batch(&self, originals: &[Original], done: &mut Done) -> Result<(), OperationError> {
        let ctx = self.ctx;
        let keys: Vec<VersionKey> = originals.iter().map(|o| (o.package_id, o.version)).collect();
        let mut locked = Locked::take(ctx, &keys).await?;
        done.busy.append(&mut locked.busy);
        locked.versions.retain(|(v, _)| v.location_id == self.from);
        let looked = self.look(locked.versions).await?;
        let mut rows = Vec::new();
        for (version, proved) in &looked {
            match proved {
                Err(damage) => {
                    done.damaged += 1;
                    self.damaged(version, damage);
                }
                Ok(files) => {
                    let original =
                        originals.iter().find(|o| (o.package_id, o.version) == (version.package_id, version.version));
                    rows.push(self.row(version, files, original.is_some_and(|o| o.same_data)));
                }
            }
        }
        if self.dry_run {
            done.undone += rows.len() as u64;
            done.size_bytes +=
                looked.iter().filter(|(_, proved)| proved.is_ok()).map(|(v, _)| v.size_bytes).sum::<u64>();
            let mut w = write(ctx).await?;
            packages::unlock(&mut w, ctx.job, Some(&locked.held)).await?;
            w.commit().await?;
            return Ok(());
        }
        if !rows.is_empty() {
            fault_at(Step::UndoBeforeSwitch)?;
        }
        let mut w = write(ctx).await?;
        let relocation = packages::relocate(&mut w, ctx.job, &rows).await?;
        packages::unlock(&mut w, ctx.job, Some(&locked.held)).await?;
        w.commit().await?;
        if !rows.is_empty() {
            fault_at(Step::UndoAfterSwitch)?;
        }
        for (version, _) in looked.iter().filter(|(v, _)| relocation.moved.contains(&(v.package_id, v.version))) {
            ctx.progress.count(UNDONE, 1);
            ctx.progress.count(BYTES, version.size_bytes);
            tracing::info!(
                job.id = %ctx.job, package.id = %version.package_id, version = version.version,
                "is served from its original at {} again", self.target.path()
            );
            line(ctx, item(version), "undone", false, String::new());
        }
        for package in relocation.lost {
            let reason = "it was changed by another job meanwhile; ask again".to_owned();
            line(ctx, format!("package {package}"), "overtaken", true, reason);
        }
        ctx.progress.items_done(looked.len() as u64);
        Ok(())
    }

    /// Hashes the originals, past the cache.
    async fn look(
        &self,
        versions: Vec<(Version, Vec<File>)>,
    ) -> Result<Vec<(Version, Result<Vec<StagedFile>, Damage>)>, OperationError> {
        let (target, key, now) = (Arc::clone(self.target), self.ctx.app.known_keys().await?, self.ctx.now());
        let progress = self.ctx.progress.clone();
        cores::for_each(versions, move |(version, files)| {
            let proved = places::prove(&target, version, files, &key, now);
            progress.bytes(version.size_bytes);
            (version.clone(), proved)
        })
        .await
    }

    fn row(&self, version: &Version, files: &[StagedFile], same_data: bool) -> Relocated {
        Relocated {
            package_id: version.package_id,
            version: version.version,
            token: version.token,
            from: self.from,
            to: self.target.id(),
            same_data,
            files: files.to_vec(),
        }
    }

    fn damaged(&self, version: &Version, damage: &Damage) {
        let reason = format!(
            "its original at {} is not whole any more ({}); it is served from {} as before",
            self.target.path(),
            damage.reason,
            self.left
        );
        tracing::warn!(job.id = %self.ctx.job, package.id = %version.package_id, version = version.version, "{reason}");
        line(self.ctx, item(version), "original-damaged", true, reason);
    }

    /// Versions at the place that is left without an original at the other: made after the move, or pruned. Named.
    async fn without_original(&self) -> Result<u64, OperationError> {
        let (mut count, mut after) = (0, None);
        loop {
            let page = packages::to_relocate(&self.ctx.app.db, self.from, after, 1_000).await?;
            let Some(last) = page.last() else { return Ok(count) };
            after = Some((last.package_id, last.version));
            let keys: Vec<VersionKey> = page.iter().map(|v| (v.package_id, v.version)).collect();
            let with: HashSet<VersionKey> = packages::originals_of(&self.ctx.app.db, &keys)
                .await?
                .into_iter()
                .filter(|original| original.location_id == self.target.id())
                .map(|original| (original.package_id, original.version))
                .collect();
            let without = |v: &&Version| !with.contains(&(v.package_id, v.version)) && self.is_chosen(v.package_id);
            for version in page.iter().filter(without) {
                count += 1;
                let reason = "it has no original there: it was made after the move, or pruned; relocate it instead";
                line(self.ctx, item(version), "stays", false, reason.to_owned());
            }
        }
    }
}

fn report(done: &Done, stay: u64, left: &Utf8Path, target: &Location, new_go_to_left: bool, dry_run: bool) -> Report {
    let versions = count(done.undone, "package version");
    let mut summary = match dry_run {
        true => format!(
            "{versions} ({}) could be served from {} again; nothing was changed (dry run)",
            bytes(done.size_bytes),
            target.path()
        ),
        false => format!("{versions} ({}) served from {} again", bytes(done.size_bytes), target.path()),
    };
    if done.damaged > 0 {
        summary = format!("{summary}; {} not, their originals are damaged: see below", done.damaged);
    }
    if stay > 0 {
        summary = format!("{summary}; {stay} without an original there stay at {left}");
    }
    if new_go_to_left && !dry_run {
        let to = target.path();
        summary = format!(
            "{summary}. New packages still go to {left}; `patchwharf settings set package-location {to}` changes that"
        );
    }
    let counts = [("bytes".to_owned(), done.size_bytes), ("versions".to_owned(), done.undone)].into();
    Report { summary, counts, ..Report::default() }
}
