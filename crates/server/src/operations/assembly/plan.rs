//! The plan of an operation: packages made and locked in bulk, the disk looked at, versions numbered.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use patchwharf_db::{
    Write, packages,
    packages::{File, Held, LockOutcome, NewFile, NewVersion, Replaces, Verified, Version},
    updates::Update,
};
use patchwharf_model::{JobId, LocationId, PackageId, UpdateId, package::VersionState};
use patchwharf_store::Location;

use super::{
    build::Build,
    decide::{self, Decision, Known, Make, Mode},
    inspect::{self, Look, Seen, Worth},
    signed,
};
use crate::{
    jobs::JobContext,
    operations::{OperationError, locks, write},
};

/// Updates planned in one go: bounds the size of a transaction.
const CHUNK: usize = 1_000;

/// What an operation has to do.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Versions to make.
    pub(crate) builds: Vec<Build>,
    /// What is as it must be.
    pub(crate) sound: Vec<Sound>,
    /// Packages that other jobs hold.
    pub(crate) busy: Vec<(PackageId, JobId)>,
    /// What is as it must be, and nobody vouches for it.
    pub(crate) unproved: Vec<Arc<Update>>,
    /// What cannot be planned, and why.
    pub(crate) refused: Vec<(Arc<Update>, String)>,
}

/// An update whose package is on disk, whole and proved.
#[derive(Debug)]
pub(crate) struct Sound {
    /// The update.
    pub(crate) update: Arc<Update>,
    /// Whether an earlier attempt of this job made it so.
    pub(crate) ours: bool,
}

/// Plans an operation over updates. Takes the packages' locks for the job.
pub(crate) async fn plan(ctx: &JobContext, mode: Mode, updates: Vec<Update>) -> Result<Plan, OperationError> {
    let mut plan = Plan::default();
    let mut updates: Vec<Arc<Update>> = updates.into_iter().map(Arc::new).collect();
    // In id order, so that two jobs never wait for each other in a ring.
    updates.sort_unstable_by_key(|update| update.update_id);
    for chunk in updates.chunks(CHUNK) {
        if ctx.stop.reason().is_some() {
            break;
        }
        plan_chunk(ctx, mode, chunk, &mut plan).await?;
    }
    Ok(plan)
}

async fn plan_chunk(
    ctx: &JobContext,
    mode: Mode,
    updates: &[Arc<Update>],
    plan: &mut Plan,
) -> Result<(), OperationError> {
    let held = hold(ctx, updates, plan).await?;
    let ids: Vec<UpdateId> = held.iter().map(|(update, ..)| update.update_id).collect();
    let mut versions: HashMap<UpdateId, Vec<Version>> = HashMap::new();
    for version in packages::versions_of(&ctx.app.db, &ids).await? {
        versions.entry(version.update_id).or_default().push(version);
    }
    let mut disk = Disk::read(ctx, mode, versions.values().flatten(), plan, &held).await?;
    let mut decided = Vec::new();
    let mut leftovers = Vec::new();
    let default = ctx.app.locations.default_location()?.id();
    for (update, package, token) in held {
        if disk.closed.contains(&package) {
            continue;
        }
        let versions = versions.remove(&update.update_id).unwrap_or_default();
        let seen = disk.seen.remove(&package).unwrap_or_default();
        let distrust = disk.distrusted.get(&package).map(String::as_str);
        let (seen, others) = (&seen, &disk.others);
        let known = Known { update: &update, package, token, versions: &versions, seen, distrust, others, default };
        let Decision { make, leftovers: more } = decide::decide(mode, ctx.job, ctx.now(), &known);
        leftovers.extend(more);
        let current = versions.iter().find(|v| v.is_current && v.active);
        disk.note(current, token, seen);
        match (make, current) {
            (Some(make), _) => decided.push((update, package, token, make)),
            (None, Some(v)) if v.unproved => plan.unproved.push(update),
            (None, Some(v)) => {
                plan.sound.push(Sound { update, ours: v.job_id == Some(ctx.job) && v.state == VersionState::Staged })
            }
            (None, None) => {}
        }
    }
    record(ctx, decided, &disk.results, &leftovers, plan).await
}

/// Makes packages where there are none, and locks them: what another job holds is set aside.
async fn hold(
    ctx: &JobContext,
    updates: &[Arc<Update>],
    plan: &mut Plan,
) -> Result<Vec<(Arc<Update>, PackageId, i64)>, OperationError> {
    let now = ctx.now();
    let mut w = write(ctx).await?;
    let ids: Vec<UpdateId> = updates.iter().map(|update| update.update_id).collect();
    let packages: Vec<PackageId> =
        packages::ensure(&mut w, &ids).await?.into_iter().map(|package| package.package_id).collect();
    let outcomes = packages::lock(&mut w, &packages, ctx.job, locks::until(now)).await?;
    w.commit().await?;
    let mut held = Vec::new();
    for (update, (package, outcome)) in updates.iter().zip(outcomes) {
        match outcome {
            LockOutcome::Held { token } => held.push((Arc::clone(update), package, token)),
            LockOutcome::Busy { job, .. } => plan.busy.push((package, job)),
            LockOutcome::Gone => plan.refused.push((Arc::clone(update), "its package was deleted meanwhile".into())),
        }
    }
    Ok(held)
}

/// What the disk says of current versions, and what has to be written about it.
#[derive(Default)]
struct Disk {
    seen: HashMap<PackageId, Vec<Seen>>,
    others: HashMap<(PackageId, u64), Vec<File>>,
    closed: HashSet<PackageId>,
    /// Packages whose manifest is not what it must be, and why.
    distrusted: HashMap<PackageId, String>,
    results: Vec<Verified>,
}

impl Disk {
    async fn read(
        ctx: &JobContext,
        mode: Mode,
        versions: impl Iterator<Item = &Version>,
        plan: &mut Plan,
        held: &[(Arc<Update>, PackageId, i64)],
    ) -> Result<Self, OperationError> {
        let versions: Vec<&Version> = versions.collect();
        let current: HashMap<(PackageId, u64), LocationId> = versions
            .iter()
            .filter(|v| v.is_current && v.active)
            .map(|v| ((v.package_id, v.version), v.location_id))
            .collect();
        let all: Vec<(PackageId, u64)> = versions.iter().map(|v| (v.package_id, v.version)).collect();
        let mut disk = Self::default();
        let mut to_see: Vec<(Arc<Location>, File)> = Vec::new();
        for file in packages::files(&ctx.app.db, &all).await? {
            match current.get(&(file.package_id, file.version)) {
                None => disk.others.entry((file.package_id, file.version)).or_default().push(file),
                Some(location) => match location_of(ctx, *location) {
                    Some(location) => to_see.push((location, file)),
                    None => {
                        disk.closed.insert(file.package_id);
                    }
                },
            }
        }
        for (update, package, _) in held.iter().filter(|(_, package, _)| disk.closed.contains(package)) {
            let why = format!("the location of package {package} is not open; mount it, it is opened by itself");
            plan.refused.push((Arc::clone(update), why));
        }
        let look = if mode == Mode::RefreshQuick || mode == Mode::Recreate { Look::Hash } else { Look::Stamps };
        if look == Look::Hash {
            ctx.progress.phase("verifying");
            disk.distrusted = signed::hold_against(ctx, &mut to_see).await?;
        }
        let progress = ctx.progress.clone();
        let looked = inspect::look_at(to_see, look, move |file| {
            if look == Look::Hash {
                progress.bytes(file.size_bytes);
            }
        })
        .await?;
        for seen in looked {
            disk.seen.entry(seen.file.package_id).or_default().push(seen);
        }
        Ok(disk)
    }

    /// Notes what the database has wrong about a current version.
    fn note(&mut self, current: Option<&Version>, token: i64, seen: &[Seen]) {
        let Some(current) = current else { return };
        let files: Vec<_> = seen.iter().filter_map(Seen::result).collect();
        let bad: Vec<(VersionState, &str)> = seen
            .iter()
            .filter_map(|seen| match &seen.worth {
                Worth::Bad { state, reason } => Some((*state, reason.as_str())),
                _ => None,
            })
            .collect();
        let state = overall(bad.iter().map(|(state, _)| *state));
        if files.is_empty() && current.state == state {
            return;
        }
        let reason = bad.iter().map(|(_, reason)| *reason).collect::<Vec<_>>().join("; ");
        let held = Held { package_id: current.package_id, version: current.version, token };
        self.results.push(Verified { held, state, reason, files });
    }
}

/// A version's state from those of its bad files.
pub(crate) fn overall(bad: impl Iterator<Item = VersionState>) -> VersionState {
    bad.fold(VersionState::Staged, |worst, state| match (worst, state) {
        (VersionState::Corrupt, _) | (_, VersionState::Corrupt) => VersionState::Corrupt,
        (_, state) => state,
    })
}

/// The open location of that id.
pub(crate) fn location_of(ctx: &JobContext, id: LocationId) -> Option<Arc<Location>> {
    ctx.app.locations.get(id).ok()
}

/// Writes what was found and numbers the versions to be made, in one transaction.
async fn record(
    ctx: &JobContext,
    decided: Vec<(Arc<Update>, PackageId, i64, Make)>,
    results: &[Verified],
    leftovers: &[(PackageId, u64)],
    plan: &mut Plan,
) -> Result<(), OperationError> {
    if decided.is_empty() && results.is_empty() && leftovers.is_empty() {
        return Ok(());
    }
    let now = ctx.now();
    let mut w = write(ctx).await?;
    if !results.is_empty() {
        packages::put_verified(&mut w, Some(ctx.job), now, results).await?;
    }
    if !leftovers.is_empty() {
        packages::mark_versions_deleting(&mut w, Some(ctx.job), leftovers).await?;
    }
    let targets = targets(ctx, &mut w, &decided).await?;
    let mut builds: Vec<Build> = Vec::with_capacity(decided.len());
    for ((update, package, token, make), target) in decided.into_iter().zip(targets) {
        let (target, target_token, replaces) = match target {
            Some((new, new_token)) => (new, new_token, Some(Replaces { package_id: package, token })),
            None => (package, token, None),
        };
        builds.push(Build {
            update,
            package: target,
            token: target_token,
            version: make.resume.map_or(0, |(_, version)| version),
            location: make.location,
            from: make.from,
            replaces,
            files: make.files,
            attempts: make.attempts,
            resumed: make.resume.is_some(),
            in_place: None,
        });
    }
    number(ctx, &mut w, &mut builds).await?;
    w.commit().await?;
    plan.builds.append(&mut builds);
    Ok(())
}

/// For those that get a new GUID: the new package and its token, made or taken up again, locked for the job.
async fn targets(
    ctx: &JobContext,
    w: &mut Write<'_>,
    decided: &[(Arc<Update>, PackageId, i64, Make)],
) -> Result<Vec<Option<(PackageId, i64)>>, OperationError> {
    let fresh: Vec<UpdateId> = decided
        .iter()
        .filter(|(_, _, _, make)| make.new_package && make.resume.is_none())
        .map(|(update, ..)| update.update_id)
        .collect();
    let mut made = match fresh.is_empty() {
        true => Vec::new(),
        false => packages::create_replacements(w, &fresh).await?,
    }
    .into_iter();
    let wanted: Vec<Option<PackageId>> = decided
        .iter()
        .map(|(_, _, _, make)| match (make.new_package, make.resume) {
            (false, _) => None,
            (true, Some((package, _))) => Some(package),
            (true, None) => made.next().map(|package| package.package_id),
        })
        .collect();
    let ids: Vec<PackageId> = wanted.iter().flatten().copied().collect();
    if ids.is_empty() {
        return Ok(vec![None; decided.len()]);
    }
    let tokens: HashMap<PackageId, i64> = packages::lock(w, &ids, ctx.job, locks::until(ctx.now()))
        .await?
        .into_iter()
        .filter_map(|(package, outcome)| match outcome {
            LockOutcome::Held { token } => Some((package, token)),
            LockOutcome::Busy { .. } | LockOutcome::Gone => None,
        })
        .collect();
    Ok(wanted.into_iter().map(|id| id.and_then(|id| tokens.get(&id).map(|token| (id, *token)))).collect())
}

/// Gives numbers to versions that have none.
async fn number(ctx: &JobContext, w: &mut Write<'_>, builds: &mut [Build]) -> Result<(), OperationError> {
    let rows: Vec<NewVersion> = builds.iter().filter(|build| build.version == 0).map(row).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let numbers = packages::new_versions(w, ctx.job, &rows).await?;
    for (build, number) in builds.iter_mut().filter(|build| build.version == 0).zip(numbers) {
        build.version = number;
    }
    Ok(())
}

fn row(build: &Build) -> NewVersion {
    NewVersion {
        package_id: build.package,
        location_id: build.location,
        state: VersionState::Staging,
        weak: build.is_weak(),
        size_bytes: build.size_bytes(),
        files_digest: build.update.files_digest,
        files: build
            .files
            .iter()
            .map(|file| NewFile {
                name: file.file.name.clone(),
                size_bytes: file.file.size_bytes,
                sha256: file.sha256,
                vendor_digest: file.file.digest,
                url: file.file.url.clone(),
            })
            .collect(),
    }
}
