//! The end of the one deleter: versions whose grace is over, or that are marked as being deleted, leave the disk and
//! then the database. Doing it again is no error; what cannot be unlinked stays "deleting", visible, and is retried.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use patchwharf_db::{
    packages,
    packages::{DueVersion, Held, Original, StateChange},
};
use patchwharf_model::{FileName, JobId, LocationId, PackageId, Timestamp, package::ProofStamp, package::VersionState};
use patchwharf_store::{Location, ToUnlink, UnlinkError, Unlinked, fault::Step};

use super::{OperationError, assembly::told::with_causes, cores, fault_at, staging};
use crate::{app::App, jobs::JobContext};

/// Versions in one go.
const BATCH: u32 = 500;

/// Names and proofs of a version's files.
type Files = Vec<(FileName, Option<ProofStamp>)>;

/// What a sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    /// Versions that went.
    pub(crate) versions: u64,
    /// Bytes that became free.
    pub(crate) freed_bytes: u64,
    /// Versions that could not be unlinked, and why.
    pub(crate) stuck: Vec<(PackageId, u64, String)>,
}

/// Sweeps everything that is due.
pub(crate) async fn run(app: &Arc<App>, source: &str, job: Option<JobId>) -> Result<Swept, OperationError> {
    let mut swept = Swept::default();
    let mut seen: HashSet<(PackageId, u64)> = HashSet::new();
    loop {
        // What is stuck comes again: ask for so many more.
        let limit = BATCH.saturating_add(u32::try_from(swept.stuck.len()).unwrap_or(u32::MAX));
        let mut due = packages::due_for_unlink(&app.db, retired_until(app), limit).await?;
        due.retain(|version| seen.insert((version.package_id, version.version)));
        if due.is_empty() {
            return Ok(swept);
        }
        batch(app, source, job, due, &mut swept).await?;
    }
}

/// Sweeps packages that were marked just now.
pub(crate) async fn marked(
    app: &Arc<App>,
    source: &str,
    job: Option<JobId>,
    ids: &[PackageId],
) -> Result<Swept, OperationError> {
    let mut swept = Swept::default();
    if !ids.is_empty() {
        let due = packages::deleting(&app.db, ids).await?;
        batch(app, source, job, due, &mut swept).await?;
    }
    Ok(swept)
}

/// Retired versions go when their grace ended before this time: none while the clock is doubted.
pub(crate) fn retired_until(app: &App) -> Timestamp {
    app.ages.now().unwrap_or(Timestamp::MIN)
}

async fn batch(
    app: &Arc<App>,
    source: &str,
    job: Option<JobId>,
    due: Vec<DueVersion>,
    swept: &mut Swept,
) -> Result<(), OperationError> {
    let ids: Vec<(PackageId, u64)> = due.iter().map(|version| (version.package_id, version.version)).collect();
    let retired: Vec<(PackageId, u64)> = due
        .iter()
        .filter(|version| version.state == VersionState::Retired)
        .map(|version| (version.package_id, version.version))
        .collect();
    if !retired.is_empty() {
        let mut w = app.db.write("system", source, app.clock.now()).await?;
        packages::mark_versions_deleting(&mut w, job, &retired).await?;
        w.commit().await?;
        fault_at(Step::DeleteAfterMark)?;
    }
    let mut files: HashMap<(PackageId, u64), Files> = HashMap::new();
    for file in packages::files(&app.db, &ids).await? {
        if let Ok(name) = FileName::new(file.name) {
            files.entry((file.package_id, file.version)).or_default().push((name, file.proof.map(|(stamp, _)| stamp)));
        }
    }
    let to_unlink = |version: &DueVersion| ToUnlink {
        package: version.package_id,
        version: version.version,
        files: files.get(&(version.package_id, version.version)).cloned().unwrap_or_default(),
    };
    // First the copies that relocations left behind: a version whose original stays is not forgotten.
    let (mut originals, mut gone_originals) = (BTreeMap::<LocationId, Vec<ToUnlink>>::new(), Vec::new());
    let known = packages::originals_of(&app.db, &ids).await?;
    for original in &known {
        let version = due.iter().find(|v| (v.package_id, v.version) == (original.package_id, original.version));
        originals.entry(original.location_id).or_default().extend(version.map(to_unlink));
    }
    // A move that was broken off may have left a copy that nobody recorded; it must not come back as "lost".
    for location in app.locations.iter().filter(|location| !location.is_read_only()) {
        let own = Arc::clone(&location);
        let elsewhere: Vec<(PackageId, u64)> = due
            .iter()
            .filter(|v| v.location_id != location.id())
            .map(|v| (v.package_id, v.version))
            .filter(|(package, version)| {
                let recorded =
                    |o: &Original| (o.package_id, o.version, o.location_id) == (*package, *version, own.id());
                !known.iter().any(recorded)
            })
            .collect();
        let there = cores::blocking(move || {
            elsewhere.into_iter().filter(|(package, version)| own.has_version(*package, *version)).collect::<Vec<_>>()
        })
        .await?;
        let versions = due.iter().filter(|v| there.contains(&(v.package_id, v.version)));
        originals.entry(location.id()).or_default().extend(versions.map(to_unlink));
    }
    for (id, versions) in originals {
        let gone = unlink_at(app, source, id, versions, swept).await?;
        gone_originals.extend(gone.into_iter().map(|(package, version)| (package, version, id)));
    }
    let stuck: HashSet<(PackageId, u64)> =
        swept.stuck.iter().map(|(package, version, _)| (*package, *version)).collect();
    let mut by_location: BTreeMap<LocationId, Vec<ToUnlink>> = BTreeMap::new();
    for version in due.iter().filter(|v| !stuck.contains(&(v.package_id, v.version))) {
        by_location.entry(version.location_id).or_default().push(to_unlink(version));
    }
    let mut gone = Vec::new();
    for (id, versions) in by_location {
        gone.extend(unlink_at(app, source, id, versions, swept).await?);
    }
    swept.versions += gone.len() as u64;
    fault_at(Step::DeleteAfterUnlink)?;
    record(app, source, job, &gone, &gone_originals, swept).await?;
    fault_at(Step::DeleteAfterRow)?;
    Ok(())
}

/// Unlinks versions at a location, if it is open. Returns those that are gone from there, durably.
async fn unlink_at(
    app: &Arc<App>,
    source: &str,
    id: LocationId,
    versions: Vec<ToUnlink>,
    swept: &mut Swept,
) -> Result<Vec<(PackageId, u64)>, OperationError> {
    match app.locations.get(id) {
        Ok(location) => unlink(app, source, &location, versions, swept).await,
        Err(error) => {
            let why = format!("{}; it goes on by itself when that is there again", error.text);
            swept.stuck.extend(versions.into_iter().map(|v| (v.package, v.version, why.clone())));
            Ok(Vec::new())
        }
    }
}

/// Unlinks versions of one location. Returns those that are gone from the disk, durably.
async fn unlink(
    app: &Arc<App>,
    source: &str,
    location: &Arc<Location>,
    versions: Vec<ToUnlink>,
    swept: &mut Swept,
) -> Result<Vec<(PackageId, u64)>, OperationError> {
    let (own, now) = (Arc::clone(location), app.clock.now());
    let (versions, results): (Vec<ToUnlink>, Vec<Result<Unlinked, UnlinkError>>) = cores::blocking(move || {
        let results = own.unlink(&versions, now);
        (versions, results)
    })
    .await?;
    let mut gone = Vec::new();
    let mut restamped = Vec::new();
    for (version, result) in versions.into_iter().zip(results) {
        match result {
            Ok(unlinked) => {
                swept.freed_bytes += unlinked.freed_bytes;
                for path in &unlinked.quarantined {
                    tracing::warn!(package.id = %version.package, "something foreign in its folder is kept in {path}");
                }
                restamped.extend(unlinked.restamped);
                gone.push((version.package, version.version));
            }
            Err(error) => {
                let why = with_causes(&error);
                tracing::warn!(package.id = %version.package, version = version.version, "stays \"deleting\": {why}");
                swept.stuck.push((version.package, version.version, why));
            }
        }
    }
    restamp(app, source, &restamped).await?;
    Ok(gone)
}

/// Our own unlinks changed the stamps of inodes that live on under other names: their proofs follow.
async fn restamp(app: &App, source: &str, restamped: &[(ProofStamp, ProofStamp)]) -> Result<(), OperationError> {
    if restamped.is_empty() {
        return Ok(());
    }
    let mut w = app.db.write("system", source, app.clock.now()).await?;
    packages::restamp(&mut w, &composed(restamped)).await?;
    w.commit().await?;
    Ok(())
}

/// What several unlinks of one inode, in their order, did to its stamp: every stamp that it had leads to the last one.
pub(crate) fn composed(restamped: &[(ProofStamp, ProofStamp)]) -> Vec<(ProofStamp, ProofStamp)> {
    let inode = |stamp: &ProofStamp| (stamp.dev, stamp.inode);
    let last: HashMap<(u64, u64), ProofStamp> = restamped.iter().map(|(_, after)| (inode(after), *after)).collect();
    let mut seen = HashSet::new();
    restamped
        .iter()
        .filter(|(before, _)| seen.insert((inode(before), before.ctime_ns)))
        .filter_map(|(before, _)| Some((*before, *last.get(&inode(before))?)))
        .collect()
}

/// The rows follow the folders; what is stuck says why.
async fn record(
    app: &App,
    source: &str,
    job: Option<JobId>,
    gone: &[(PackageId, u64)],
    gone_originals: &[(PackageId, u64, LocationId)],
    swept: &Swept,
) -> Result<(), OperationError> {
    let stuck: Vec<PackageId> = swept.stuck.iter().map(|(package, ..)| *package).collect();
    let states: Vec<StateChange> = match stuck.is_empty() {
        true => Vec::new(),
        false => packages::versions(&app.db, &stuck)
            .await?
            .into_iter()
            .filter_map(|v| {
                let (.., why) = swept.stuck.iter().find(|(p, n, _)| (*p, *n) == (v.package_id, v.version))?;
                let held = Held { package_id: v.package_id, version: v.version, token: v.token };
                let (state, reason) = (VersionState::Deleting, why.clone());
                (v.state == state && v.reason != reason).then_some(StateChange {
                    held,
                    state,
                    reason,
                    next_try_at: None,
                })
            })
            .collect(),
    };
    if gone.is_empty() && gone_originals.is_empty() && states.is_empty() {
        return Ok(());
    }
    let mut w = app.db.write("system", source, app.clock.now()).await?;
    packages::forget_originals(&mut w, gone_originals).await?;
    if !gone.is_empty() {
        packages::remove_versions(&mut w, gone).await?;
    }
    if !states.is_empty() {
        packages::set_states(&mut w, job, &states).await?;
    }
    w.commit().await?;
    Ok(())
}

/// Takes back versions that a cancelled job began, and their files on the way that nobody else wants.
pub(crate) async fn give_up(ctx: &JobContext, begun: &[(PackageId, u64)]) -> Result<(), OperationError> {
    let source = format!("job {}", ctx.job);
    if !begun.is_empty() {
        let mut w = super::write(ctx).await?;
        packages::mark_versions_deleting(&mut w, Some(ctx.job), begun).await?;
        w.commit().await?;
    }
    run(&ctx.app, &source, Some(ctx.job)).await?;
    staging::clear(&ctx.app).await?;
    Ok(())
}
