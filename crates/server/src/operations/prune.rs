//! Prune: originals go, each after a fresh proof of the copy that is served, in the same run.
//!
//! What is not proved whole where it is served stays. So does what a download still reads from the old place, and every
//! file there that this server did not put there. The report says what is left.

mod left;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use patchwharf_db::{
    packages,
    packages::{File, FileResult, Held, Original, StagedFile, Verified, Version},
};
use patchwharf_model::{
    JobId, LocationId, PackageId, Timestamp,
    job::{Report, Selection, Unit},
    package::VersionState,
    span,
};
use patchwharf_store::{
    Location, Pruned, ToPrune, UnlinkError,
    fault::{self, Mutant, Step},
};

use super::{
    Ending, OperationError,
    assembly::told::line,
    cores, fault_at, locks,
    places::{self, Damage, Locked, VersionKey},
    selection, sweep, with_causes, write,
};
use crate::{
    jobs::JobContext,
    settings,
    words::{bytes, count},
};

/// Versions in one go.
const BATCH: u32 = 200;

#[derive(Debug, Default)]
struct Done {
    removed: u64,
    size_bytes: u64,
    freed_bytes: u64,
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
    loop {
        if let Some(reason) = ctx.stop.reason() {
            return Ok(Ending::Stopped(reason));
        }
        let mut page = packages::originals_at(&ctx.app.db, id, before, after, BATCH).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.package_id, last.version));
        page.retain(|o| chosen.as_ref().is_none_or(|chosen| chosen.contains(&o.package_id)));
        if !page.is_empty() {
            prune.batch(page, &mut done).await?;
        }
    }
    if let [(package, job), ..] = done.busy[..] {
        let not_before = ctx.now().checked_add(std::time::Duration::from_secs(5)).unwrap_or(Timestamp::MAX);
        return Ok(Ending::Later { not_before, waiting_for: format!("package {package}, which job {job} holds") });
    }
    let rest = left::look(ctx, &location).await?;
    Ok(Ending::Done(report(&done, young, rest, &location, dry_run)))
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
    async fn batch(&self, originals: Vec<Original>, done: &mut Done) -> Result<(), OperationError> {
        let ctx = self.ctx;
        let keys: Vec<VersionKey> = originals.iter().map(|o| (o.package_id, o.version)).collect();
        let mut locked = Locked::take(ctx, &keys).await?;
        done.busy.append(&mut locked.busy);
        let (free, stay) = self.free(locked.versions);
        for (version, why) in stay {
            done.kept += 1;
            self.kept(&version, "kept", why);
        }
        let looked = self.look(free).await?;
        self.record(&looked).await?;
        let mut to_remove = Vec::new();
        for one in &looked {
            match &one.proved {
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
                    done.removed += 1;
                    done.size_bytes += one.version.size_bytes;
                    line(ctx, item(&one.version), "would-be-removed", false, String::new());
                }
            }
            false => self.remove(&to_remove, done).await?,
        }
        let mut w = write(ctx).await?;
        packages::unlock(&mut w, ctx.job, Some(&locked.held)).await?;
        w.commit().await?;
        ctx.progress.items_done(originals.len() as u64);
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

    /// The proofs are renewed, and damage that was found is on record.
    async fn record(&self, looked: &[Looked]) -> Result<(), OperationError> {
        let verdicts: Vec<Verified> = looked.iter().filter_map(verdict).collect();
        if verdicts.is_empty() {
            return Ok(());
        }
        let now = self.ctx.now();
        let mut w = write(self.ctx).await?;
        packages::put_verified(&mut w, Some(self.ctx.job), now, &verdicts).await?;
        w.commit().await?;
        Ok(())
    }

    async fn remove(&self, looked: &[&Looked], done: &mut Done) -> Result<(), OperationError> {
        if looked.is_empty() {
            return Ok(());
        }
        fault_at(Step::PruneBeforeUnlink)?;
        let (own, key) = (Arc::clone(self.location), self.ctx.app.known_keys().await?);
        let versions: Vec<ToPrune> = looked
            .iter()
            .map(|one| ToPrune {
                package: one.version.package_id,
                version: one.version.version,
                files: places::wanted(&one.files).unwrap_or_default(),
            })
            .collect();
        let results: Vec<Result<Pruned, UnlinkError>> = cores::blocking(move || own.prune(&versions, &key)).await?;
        fault_at(Step::PruneAfterUnlink)?;
        let (mut gone, mut restamped) = (Vec::new(), Vec::new());
        for (one, result) in looked.iter().zip(results) {
            match result {
                Ok(pruned) => {
                    done.removed += 1;
                    done.size_bytes += one.version.size_bytes;
                    done.freed_bytes += pruned.freed_bytes;
                    self.removed(&one.version, &pruned);
                    gone.push((one.version.package_id, one.version.version, self.location.id()));
                    restamped.extend(pruned.restamped);
                }
                Err(error) => {
                    done.kept += 1;
                    self.kept(&one.version, "kept", with_causes(&error));
                }
            }
        }
        let mut w = write(self.ctx).await?;
        packages::restamp(&mut w, &sweep::composed(&restamped)).await?;
        packages::forget_originals(&mut w, &gone).await?;
        w.commit().await?;
        fault_at(Step::PruneAfterRow)
    }

    fn removed(&self, version: &Version, pruned: &Pruned) {
        let (ctx, place) = (self.ctx, self.location.path());
        tracing::info!(
            job.id = %ctx.job, package.id = %version.package_id, version = version.version,
            freed_bytes = pruned.freed_bytes, "its original at {place} was removed; what is served was proved before"
        );
        let reason = match pruned.left.as_slice() {
            [] => String::new(),
            left => format!(
                "these were not put there by this server and stay in {place}/{}/{}: {}",
                version.package_id,
                version.version,
                left.join(", ")
            ),
        };
        line(ctx, item(version), "removed", false, reason);
    }

    fn kept(&self, version: &Version, outcome: &str, why: String) {
        tracing::warn!(
            job.id = %self.ctx.job, package.id = %version.package_id, version = version.version,
            "its original at {} stays: {why}", self.location.path()
        );
        line(self.ctx, item(version), outcome, true, why);
    }
}

fn item(version: &Version) -> String {
    format!("original of package {} version {}", version.package_id, version.version)
}

fn verdict(one: &Looked) -> Option<Verified> {
    let held = Held { package_id: one.version.package_id, version: one.version.version, token: one.version.token };
    match &one.proved {
        Ok(files) => Some(Verified {
            held,
            state: VersionState::Staged,
            reason: String::new(),
            files: files
                .iter()
                .map(|file| FileResult {
                    name: file.name.to_string(),
                    state: VersionState::Staged,
                    reason: String::new(),
                    proof: Some((file.stamp, file.sha256)),
                })
                .collect(),
        }),
        // A manifest alone is no state of the files.
        Err(damage) if damage.files.is_empty() => None,
        Err(damage) => Some(Verified {
            held,
            state: damage.state,
            reason: damage.reason.clone(),
            files: damage
                .files
                .iter()
                .map(|(name, state, reason)| FileResult {
                    name: name.clone(),
                    state: *state,
                    reason: reason.clone(),
                    proof: None,
                })
                .collect(),
        }),
    }
}

fn report(done: &Done, young: Young, mut rest: left::Rest, location: &Location, dry_run: bool) -> Report {
    if dry_run {
        rest.originals = rest.originals.saturating_sub(done.removed);
    }
    let originals = count(done.removed, "original");
    let mut summary = match dry_run {
        true => format!(
            "{originals} ({}) at {} would be removed, each with a whole copy where it is served; nothing was changed (dry run)",
            bytes(done.size_bytes),
            location.path()
        ),
        false => format!("{originals} at {} removed, {} freed", location.path(), bytes(done.freed_bytes)),
    };
    if done.kept > 0 {
        summary = format!("{summary}; {} kept, each with its reason below", done.kept);
    }
    if young.originals > 0 {
        let (stay, keep) = (count(young.originals, "original"), span::written(young.keep));
        summary = format!(
            "{summary}; {stay} younger than {keep} kept (`originals.keep-for`): a download that another server began \
             before the move may still read there"
        );
    }
    summary = format!("{summary}. {}", rest.sentence(dry_run));
    let mut counts: BTreeMap<String, u64> = rest.counts();
    counts.insert("bytes-freed".to_owned(), done.freed_bytes);
    Report { summary, counts, ..Report::default() }
}
