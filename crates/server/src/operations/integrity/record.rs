//! Writing what was seen, in batches: proofs renewed, results where something differs, findings. Only where version and
//! fencing token are still those that were read; the rest is looked at again (G-11).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use patchwharf_db::{
    findings::{self, NewFinding, Settled},
    packages::{self, FileToCheck, Held},
    updates,
};
use patchwharf_model::{
    JobId, LocationId, PackageId, Sha256, Timestamp, UpdateId,
    finding::{Finding, FindingKind, Gravity, Outcome},
    package::ProofStamp,
};
use patchwharf_store::{fault::Step, layout};

use super::{
    check::{BYTES_READ, Check},
    judge::{Draft, Judged, judge},
    task::Task,
    words::{self, About},
};
use crate::operations::{OperationError, fault_at, write};

/// Judges and writes. Returns the packages that changed meanwhile.
pub(super) async fn batch(
    check: &mut Check<'_>,
    tasks: Vec<Arc<Task>>,
    light: bool,
) -> Result<Vec<PackageId>, OperationError> {
    let mut again: HashSet<PackageId> = HashSet::new();
    let mut judged = Vec::with_capacity(tasks.len());
    for task in tasks {
        match judge(&task, task.take_seen(), light, &check.before) {
            Some(one) => judged.push(((task.package, task.version), one)),
            None => drop(again.insert(task.package)),
        }
        tokio::task::coop::consume_budget().await;
    }
    let drafts: Vec<Draft> = judged.iter_mut().flat_map(|(_, one)| std::mem::take(&mut one.drafts)).collect();
    let mut new = findings(check, drafts).await?;
    fault_at(Step::IntegrityBeforeWrite)?;
    if !new.is_empty() || judged.iter().any(|(_, one)| one.is_news()) {
        let changed = put(check, &judged, &mut new).await?;
        again.extend(changed);
        fault_at(Step::IntegrityAfterWrite)?;
    }
    for (key, one) in judged.iter().filter(|((package, _), _)| !again.contains(package)) {
        match one.is_open {
            true => drop(check.judged.insert(key.0, key.1)),
            false => drop(check.not_judged.insert(key.0)),
        }
        check.counted.packages += 1;
        check.counted.files += one.files;
        check.ctx.progress.count(BYTES_READ, one.read_bytes);
        tracing::trace!(package.id = %key.0, version = key.1, "looked at");
    }
    log(check, &new);
    check.remember(new);
    Ok(again.into_iter().collect())
}

impl Judged {
    /// Whether anything of it has to be written.
    fn is_news(&self) -> bool {
        self.verified.is_some() || !self.confirmed.is_empty() || self.manifest_stamp.is_some() || self.manifest_doubted
    }
}

/// One transaction. Returns the packages that changed meanwhile; their findings are taken out.
async fn put(
    check: &Check<'_>,
    judged: &[((PackageId, u64), Judged)],
    new: &mut Vec<NewFinding>,
) -> Result<HashSet<PackageId>, OperationError> {
    let (ctx, now) = (check.ctx, check.ctx.now());
    let verified: Vec<_> = judged.iter().filter_map(|(_, one)| one.verified.clone()).collect();
    let named: HashSet<PackageId> = new.iter().filter_map(|one| one.finding.package).collect();
    let held: Vec<Held> = judged
        .iter()
        .filter(|((package, _), one)| one.verified.is_none() && named.contains(package))
        .filter_map(|(_, one)| one.held)
        .collect();
    let confirmed: Vec<_> = judged.iter().flat_map(|(_, one)| one.confirmed.iter().copied()).collect();
    let mut w = write(ctx).await?;
    let mut changed: HashSet<PackageId> = packages::overtaken(&mut w, &held).await?.into_iter().collect();
    if !verified.is_empty() {
        changed.extend(packages::put_verified(&mut w, Some(ctx.job), now, &verified).await?);
    }
    packages::renew_proofs(&mut w, ctx.job, now, &confirmed).await?;
    let stamps: Vec<_> = judged
        .iter()
        .filter_map(|(key, one)| Some((*key, one.manifest_stamp?)))
        .filter(|(key, _)| !changed.contains(&key.0))
        .collect();
    packages::put_manifest_stamps(&mut w, &stamps).await?;
    // A manifest that is not right has no stamp that a light check could believe.
    let doubted: Vec<_> = judged.iter().filter(|(_, one)| one.manifest_doubted).map(|(key, _)| *key).collect();
    packages::forget_manifest_stamps(&mut w, &doubted).await?;
    new.retain(|one| one.finding.package.is_none_or(|package| !changed.contains(&package)));
    findings::put(&mut w, ctx.job, new).await?;
    w.commit().await?;
    Ok(changed)
}

/// Findings from drafts: with bulletin, update and policies.
pub(super) async fn findings(check: &Check<'_>, drafts: Vec<Draft>) -> Result<Vec<NewFinding>, OperationError> {
    if drafts.is_empty() {
        return Ok(Vec::new());
    }
    let ids: HashSet<PackageId> = drafts.iter().filter_map(|draft| draft.version).map(|(package, _)| package).collect();
    let abouts = about(check, &ids.into_iter().collect::<Vec<_>>()).await?;
    let now = check.ctx.now();
    Ok(drafts
        .into_iter()
        .map(|draft| {
            let key = draft.key();
            let since = check.before.get(&key).map_or(now, |known| known.since);
            let about = draft.version.and_then(|(package, _)| abouts.get(&package));
            let root = draft.location.and_then(|id| check.root(id)).unwrap_or_default();
            NewFinding { stamp: draft.stamp, finding: words::finding(draft, &root, about, since), key }
        })
        .collect())
}

/// What is known of packages beyond their rows.
async fn about(check: &Check<'_>, ids: &[PackageId]) -> Result<HashMap<PackageId, About>, OperationError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let db = &check.ctx.app.db;
    let mut of_update: HashMap<PackageId, (UpdateId, Option<Timestamp>)> = HashMap::new();
    for v in packages::versions(db, ids).await? {
        let next_try = v.next_try_at.filter(|_| v.is_current);
        let entry = of_update.entry(v.package_id).or_insert((v.update_id, None));
        entry.1 = entry.1.or(next_try);
    }
    let updates: Vec<UpdateId> = of_update.values().map(|(update, _)| *update).collect();
    let updates: HashMap<UpdateId, _> =
        updates::by_ids(db, &updates).await?.into_iter().map(|update| (update.update_id, update)).collect();
    let mut policies: HashMap<PackageId, Vec<String>> = HashMap::new();
    for needed in packages::needed_by(db, ids).await? {
        let names = policies.entry(needed.package_id).or_default();
        if !names.contains(&needed.policy) {
            names.push(needed.policy);
        }
    }
    Ok(of_update
        .into_iter()
        .map(|(package, (update, next_try_at))| {
            let known = updates.get(&update);
            let about = About {
                update,
                update_key: known.map(|update| update.update_key.clone()).unwrap_or_default(),
                bulletin: known.map(|update| update.bulletin_id),
                bulletin_name: known.map(|update| update.bulletin.clone()).unwrap_or_default(),
                policies: policies.remove(&package).unwrap_or_default(),
                next_try_at,
            };
            (package, about)
        })
        .collect())
}

/// What this job has found wrong with a file before it was interrupted.
pub(super) fn wrong(check: &Check<'_>, location: LocationId, file: &FileToCheck) -> Option<(ProofStamp, Sha256)> {
    if check.before.is_empty() {
        return None;
    }
    let path = layout::version_path(file.package_id, file.version).join(&file.name);
    let known = check.before.get(&format!("{} {location} {path}", FindingKind::FileChanged))?;
    let found = known.found.strip_prefix("SHA-256 ").filter(|_| known.job == check.ctx.job)?;
    Some((known.stamp?, found.parse().ok()?))
}

/// What is new is logged; what is known since an earlier check is only repeated in the report.
pub(super) fn log(check: &Check<'_>, new: &[NewFinding]) {
    for NewFinding { finding, key, .. } in new.iter().filter(|one| !check.before.contains_key(&one.key)) {
        let bulletin = finding.bulletin.map(|id| id.to_string()).unwrap_or_default();
        let package = finding.package.map(|id| id.to_string()).unwrap_or_default();
        let job = check.ctx.job;
        let text =
            format!("{}: {}: expected {}, found {}", finding.kind, finding.path, finding.expected, finding.found);
        match finding.gravity {
            Gravity::Damage | Gravity::Danger => {
                tracing::warn!(job.id = %job, bulletin.id = bulletin, package.id = package, key, "{text}");
            }
            Gravity::Leftover | Gravity::Note => {
                tracing::info!(job.id = %job, bulletin.id = bulletin, package.id = package, key, "{text}");
            }
        }
    }
}

/// What was done about a finding, or why nothing was.
pub(super) fn log_settled(job: JobId, finding: &Finding, settled: &Settled) {
    if matches!(settled.outcome, Outcome::Open | Outcome::Planned) {
        return;
    }
    let bulletin = finding.bulletin.map(|id| id.to_string()).unwrap_or_default();
    let package = finding.package.map(|id| id.to_string()).unwrap_or_default();
    let (kind, path, outcome, became) = (finding.kind, &finding.path, settled.outcome, &settled.became);
    tracing::info!(
        job.id = %job, bulletin.id = bulletin, package.id = package, key = settled.key,
        "{kind}: {path}: {outcome}: {became}"
    );
}
