//! Verify: hash packages and compare with what is recorded, by the same hands as the integrity check. Takes no lock:
//! results are written in batches, only where version and fencing token are still those that were read; the rest is
//! looked at again.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use patchwharf_db::{
    packages::{self, FileToCheck},
    updates::{self, Update},
};
use patchwharf_model::{
    LocationId, PackageId, Sha256, UpdateId,
    job::{Report, Selection},
    package::{ProofStamp, VersionState},
};

use super::{
    Ending, OperationError,
    assembly::{item, location_of, told},
    integrity::{self, Item, Judged, Manner, Sink, Task},
    selection, write,
};
use crate::{
    jobs::JobContext,
    words::{bytes, count},
};

/// Packages in one query.
const CHUNK: usize = 1_000;

/// Runs the job.
pub(crate) async fn run(ctx: &JobContext, of: &Selection) -> Result<Ending, OperationError> {
    ctx.progress.phase("choosing packages");
    let mut verification = Verification { ctx, whole: 0, bad: 0, size_bytes: 0 };
    let (mut items, mut away) = (Vec::new(), 0);
    for ids in selection::packages_of(&ctx.app.db, of).await?.chunks(CHUNK) {
        let rows = packages::placed(&ctx.app.db, ids).await?;
        let closed = rows.iter().filter(|row| row.is_served && location_of(ctx, row.location_id).is_none());
        for row in closed {
            let why = format!("package location {} is not open; mount it, it is opened by itself", row.location_id);
            told::line(ctx, format!("package {}", row.package_id), "not-verified", true, why);
            away += 1;
        }
        items.extend(Item::of(ctx, rows));
    }
    let manner = Manner { light: false, past_cache: true, max_bytes_per_second: None, only_between: None };
    if let Err(ending) = integrity::prove(ctx, manner, items, &mut verification).await? {
        return Ok(ending);
    }
    let Verification { whole, bad, size_bytes, .. } = verification;
    let size = bytes(size_bytes);
    let mut summary = match bad {
        0 => format!("{} verified, {size}: all whole", count(whole, "package")),
        bad => format!(
            "{} verified, {size}: {bad} damaged, each with its reason below; nothing was changed on disk",
            count(whole + bad, "package")
        ),
    };
    if away > 0 {
        summary = format!("{summary}; {away} not verified, their location is not open");
    }
    let counts = [("bytes".to_owned(), size_bytes)].into();
    Ok(Ending::Done(Report { summary, counts, ..Report::default() }))
}

/// What a verification found.
struct Verification<'a> {
    ctx: &'a JobContext,
    whole: u64,
    bad: u64,
    size_bytes: u64,
}

impl Sink for Verification<'_> {
    fn wrong(&self, _location: LocationId, _file: &FileToCheck) -> Option<(ProofStamp, Sha256)> {
        None
    }

    async fn take(&mut self, tasks: Vec<Arc<Task>>, light: bool) -> Result<Vec<PackageId>, OperationError> {
        let mut changed: HashSet<PackageId> = HashSet::new();
        let mut judged = Vec::with_capacity(tasks.len());
        let nothing_before = HashMap::new();
        for task in tasks {
            match integrity::judge(&task, task.take_seen(), light, &nothing_before) {
                Some(one) => judged.push((task, one)),
                None => drop(changed.insert(task.package)),
            }
        }
        let (ctx, now) = (self.ctx, self.ctx.now());
        let verified: Vec<_> = judged.iter().filter_map(|(_, one)| one.verified.clone()).collect();
        let confirmed: Vec<_> = judged.iter().flat_map(|(_, one)| one.confirmed.iter().copied()).collect();
        let mut w = write(ctx).await?;
        if !verified.is_empty() {
            changed.extend(packages::put_verified(&mut w, Some(ctx.job), now, &verified).await?);
        }
        packages::renew_proofs(&mut w, ctx.job, now, &confirmed).await?;
        w.commit().await?;
        judged.retain(|(task, _)| !changed.contains(&task.package));
        let updates = updates_of(ctx, &judged).await?;
        for (task, one) in &judged {
            self.say(task, one, updates.get(&task.package));
        }
        Ok(changed.into_iter().collect())
    }
}

/// The updates of packages.
async fn updates_of(
    ctx: &JobContext,
    judged: &[(Arc<Task>, Judged)],
) -> Result<HashMap<PackageId, Update>, OperationError> {
    let ids: Vec<PackageId> = judged.iter().map(|(task, _)| task.package).collect();
    let of: HashMap<PackageId, UpdateId> =
        packages::versions(&ctx.app.db, &ids).await?.into_iter().map(|v| (v.package_id, v.update_id)).collect();
    let ids: Vec<UpdateId> = of.values().copied().collect();
    let updates: HashMap<UpdateId, Update> =
        updates::by_ids(&ctx.app.db, &ids).await?.into_iter().map(|update| (update.update_id, update)).collect();
    Ok(of.into_iter().filter_map(|(package, update)| Some((package, updates.get(&update)?.clone()))).collect())
}

impl Verification<'_> {
    fn say(&mut self, task: &Task, one: &Judged, update: Option<&Update>) {
        let ctx = self.ctx;
        self.size_bytes += task.files.iter().map(|(row, _)| row.size_bytes).sum::<u64>();
        let name = update.map_or_else(|| format!("package {}", task.package), item);
        let (state, reason) = match &one.verified {
            Some(verdict) => (verdict.state, verdict.reason.clone()),
            None => (task.state, String::new()),
        };
        if state == VersionState::Staged {
            self.whole += 1;
            let found: Vec<String> =
                one.drafts.iter().map(|draft| format!("{} {}: {}", draft.kind, draft.path, draft.found)).collect();
            let reason = match found.is_empty() {
                true => String::new(),
                false => format!("{}; mend it with `patchwharf job run integrity-check --repair`", found.join("; ")),
            };
            return told::line(ctx, name, "whole", false, reason);
        }
        self.bad += 1;
        let way_out = update.map_or_else(String::new, |update| {
            format!("; mend it with `patchwharf bulletin refresh {}`", update.bulletin)
        });
        let bulletin = update.map_or_else(String::new, |update| update.bulletin_id.to_string());
        tracing::warn!(
            job.id = %ctx.job, bulletin.id = bulletin, package.id = %task.package, version = task.version,
            "{name} is {state}: {reason}"
        );
        told::line(ctx, name, state.as_str(), true, format!("{reason}{way_out}"));
    }
}
