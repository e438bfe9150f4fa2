//! One transaction for a batch that is in place, and what comes after it.

use std::collections::HashMap;

use patchwharf_db::{
    packages,
    packages::{Committed, StagedVersion},
};
use patchwharf_model::{LocationId, PackageId, Timestamp};
use patchwharf_store::fault::{self, Mutant, Step};

use super::{
    super::{
        failing::{self, Failed},
        told,
    },
    InPlace, Placing, TakenBytes,
};
use crate::{
    jobs::JobContext,
    operations::{OperationError, cores, fault_at, write},
};

/// When the files of the versions that are replaced now may go.
pub(super) fn retire_after(ctx: &JobContext) -> Timestamp {
    let now = ctx.now();
    if fault::mutant(Mutant::DeleteWithoutLease) {
        return now;
    }
    now.checked_add(ctx.app.live.grace()).unwrap_or(Timestamp::MAX)
}

/// One transaction for the batch; then reports, logs, and quarantine for what was found bad.
pub(super) async fn commit(
    ctx: &JobContext,
    in_place: Vec<InPlace>,
    failed: Vec<Failed>,
    placing: &mut Placing,
) -> Result<(), OperationError> {
    if in_place.is_empty() && failed.is_empty() {
        return Ok(());
    }
    let versions: Vec<StagedVersion> = in_place.iter().map(row).collect();
    if fault::mutant(Mutant::DeleteFirst) {
        super::mutants::old_first(ctx, &in_place).await?;
    }
    let refreshed = in_place.iter().any(|one| one.build.from.is_some() && one.build.replaces.is_none());
    let recreated = in_place.iter().any(|one| one.build.replaces.is_some());
    fault_at(Step::CommitBefore)?;
    if refreshed {
        fault_at(Step::RefreshBeforeSwitch)?;
    }
    if recreated {
        fault_at(Step::RecreateBeforeSwitch)?;
    }
    let mut w = write(ctx).await?;
    let committed = match versions.is_empty() {
        true => Committed::default(),
        false => packages::commit_staged(&mut w, ctx.job, retire_after(ctx), &versions).await?,
    };
    let gone: Vec<(PackageId, u64)> = replaced_and_gone(&in_place, &committed).collect();
    if !gone.is_empty() {
        packages::mark_versions_deleting(&mut w, Some(ctx.job), &gone).await?;
    }
    failing::record(ctx, &mut w, &failed).await?;
    w.commit().await?;
    fault_at(Step::CommitAfter)?;
    if refreshed {
        fault_at(Step::RefreshAfterSwitch)?;
    }
    if recreated {
        fault_at(Step::RecreateAfterSwitch)?;
    }
    finish(ctx, in_place, failed, committed, placing).await
}

/// Old versions of which nothing is on disk: there is nobody who could be reading them, so they need no grace.
fn replaced_and_gone<'a>(
    in_place: &'a [InPlace],
    committed: &'a Committed,
) -> impl Iterator<Item = (PackageId, u64)> + 'a {
    in_place
        .iter()
        .filter(|one| committed.versions.iter().any(|v| v.package_id == one.build.package))
        .filter_map(|one| one.build.from.as_ref())
        .filter(|from| from.gone)
        .map(|from| (from.package, from.version))
}

fn row(one: &InPlace) -> StagedVersion {
    StagedVersion {
        package_id: one.build.package,
        version: one.build.version,
        token: one.build.token,
        weak: one.build.is_weak(),
        files: one.files.clone(),
        replaces: one.build.replaces,
    }
}

/// What comes after the commit: everything here may be lost in a crash without harm.
async fn finish(
    ctx: &JobContext,
    in_place: Vec<InPlace>,
    failed: Vec<Failed>,
    committed: Committed,
    placing: &mut Placing,
) -> Result<(), OperationError> {
    let current: HashMap<_, _> = committed.versions.iter().map(|v| (v.package_id, v.version)).collect();
    ctx.progress.items_done((in_place.len() + failed.len()) as u64);
    let mut bad = Vec::new();
    for InPlace { build, given, .. } in in_place {
        if current.get(&build.package) != Some(&build.version) {
            placing.failed += 1;
            told::lost(ctx, &build);
            continue;
        }
        placing.committed += 1;
        placing.size_bytes += build.size_bytes();
        let taken = TakenBytes::of(&given);
        placing.taken += taken;
        told::committed(ctx, &build, &taken.told(&given));
        if let Some(from) = build.from {
            let names = from.bad.into_iter().filter(|bad| bad.on_disk).map(|bad| bad.name);
            bad.extend(names.map(|name| (from.location, from.package, from.version, name)));
        }
    }
    for repointed in &committed.repointed {
        told::repointed(ctx, repointed);
    }
    for one in failed {
        placing.failed += 1;
        told::failed(ctx, &one);
    }
    set_aside(ctx, bad).await
}

/// The bad files of the versions that were replaced, now that their replacement is proved and current.
async fn set_aside(ctx: &JobContext, bad: Vec<(LocationId, PackageId, u64, String)>) -> Result<(), OperationError> {
    if bad.is_empty() {
        return Ok(());
    }
    let (own, now) = (ctx.clone(), ctx.now());
    cores::blocking(move || {
        for (location, package, version, name) in bad {
            let Some(location) = super::super::plan::location_of(&own, location) else { continue };
            match location.quarantine_entry(package, version, &name, now) {
                Ok(path) => tracing::info!(
                    job.id = %own.job, package.id = %package, "bad file {name} of version {version} is kept in {path}"
                ),
                Err(error) => tracing::warn!(
                    job.id = %own.job, package.id = %package, error = %told::with_causes(&error),
                    "bad file {name} of version {version} stays where it is until that version goes"
                ),
            }
        }
    })
    .await
}
