//! Delete packages: the one deleter, over row and folder.
//!
//! Refuses what a policy needs, unless told `--although-needed` (the switch then stays on and shows "package
//! missing"). Marks the rows, which withdraws them from every offer in the same transaction; then the sweep unlinks and
//! removes the rows. A download that runs holds an open descriptor, its lease: it ends whole.

use std::collections::{BTreeMap, HashMap};

use patchwharf_db::{
    bulletins,
    bulletins::OfPackage,
    packages,
    packages::{LockOutcome, Needed},
};
use patchwharf_model::{JobId, PackageId, job::Report};
use patchwharf_store::fault::Step;

use super::{Ending, OperationError, assembly::told, fault_at, later, locks, sweep, write};
use crate::{
    jobs::JobContext,
    words::{bytes, count},
};

/// Packages marked in one transaction.
const BATCH: usize = 500;

/// Runs the job.
pub(crate) async fn run(
    ctx: &JobContext,
    wanted: &[PackageId],
    although_needed: bool,
) -> Result<Ending, OperationError> {
    let _keeper = locks::Keeper::start(ctx);
    ctx.progress.phase("deleting");
    ctx.progress.items_total(wanted.len() as u64);
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    let mut done = Done::default();
    for packages in wanted.chunks(BATCH) {
        if let Some(reason) = ctx.stop.reason() {
            return Ok(Ending::Stopped(reason));
        }
        mark(ctx, packages, although_needed, &mut done).await?;
        ctx.progress.items_done(packages.len() as u64);
    }
    let swept = sweep::run(&ctx.app, &format!("job {}", ctx.job), Some(ctx.job)).await?;
    for (package, version, why) in swept.stuck {
        told::line(ctx, format!("package {package}"), "deleting", true, format!("version {version}: {why}"));
    }
    if let Some(ending) = later::for_packages(ctx, &done.busy) {
        return Ok(ending);
    }
    let mut summary = format!("{} deleted, {} freed", count(done.marked, "package"), bytes(swept.freed_bytes));
    if done.refused > 0 {
        summary = format!("{summary}; {} needed by policies stay", count(done.refused, "package"));
    }
    let counts = [("bytes-freed".to_owned(), swept.freed_bytes)].into();
    Ok(Ending::Done(Report { summary, counts, ..Report::default() }))
}

#[derive(Default)]
struct Done {
    marked: u64,
    refused: u64,
    busy: Vec<(PackageId, JobId)>,
}

async fn mark(
    ctx: &JobContext,
    ids: &[PackageId],
    although_needed: bool,
    done: &mut Done,
) -> Result<(), OperationError> {
    let mut needed: HashMap<PackageId, Vec<Needed>> = HashMap::new();
    for need in packages::needed_by(&ctx.app.db, ids).await? {
        needed.entry(need.package_id).or_default().push(need);
    }
    let (refused, free): (Vec<PackageId>, Vec<PackageId>) =
        ids.iter().partition(|id| needed.contains_key(id) && !although_needed);
    for id in refused {
        done.refused += 1;
        let names: BTreeMap<&str, ()> = needed[&id].iter().map(|need| (need.policy.as_str(), ())).collect();
        let names = names.into_keys().collect::<Vec<_>>().join(", ");
        let reason = format!(
            "needed by policy {names}; take it out of there, or delete it with `--although-needed`: the switch then \
             stays on and shows \"package missing\""
        );
        told::line(ctx, format!("package {id}"), "refused", true, reason);
    }
    if free.is_empty() {
        return Ok(());
    }
    fault_at(Step::DeleteBeforeMark)?;
    let bulletins: HashMap<PackageId, OfPackage> =
        bulletins::of_packages(&ctx.app.db, &free).await?.into_iter().map(|row| (row.package_id, row)).collect();
    let mut w = write(ctx).await?;
    let mut held = Vec::new();
    for (package, outcome) in packages::lock(&mut w, &free, ctx.job, locks::until(ctx.now())).await? {
        match outcome {
            LockOutcome::Held { token } => held.push((package, token)),
            LockOutcome::Busy { job, .. } => done.busy.push((package, job)),
            LockOutcome::Gone => {
                told::line(ctx, format!("package {package}"), "gone", false, "it was deleted before".into())
            }
        }
    }
    let lost = packages::mark_packages_deleting(&mut w, ctx.job, &held, |_| None).await?;
    w.commit().await?;
    fault_at(Step::DeleteAfterMark)?;
    for (package, _) in held.iter().filter(|(package, _)| !lost.contains(package)) {
        done.marked += 1;
        let missing = needed.get(package).map_or_else(String::new, |needs| {
            let names: Vec<&str> = needs.iter().map(|need| need.policy.as_str()).collect();
            format!("switches of policy {} show \"package missing\" until it is staged again", names.join(", "))
        });
        log(ctx.job, *package, bulletins.get(package), &missing);
        told::line(ctx, format!("package {package}"), "deleted", false, missing);
    }
    for package in lost {
        told::line(ctx, format!("package {package}"), "overtaken", true, "it was changed meanwhile; ask again".into());
    }
    Ok(())
}

fn log(job: JobId, package: PackageId, of: Option<&OfPackage>, missing: &str) {
    let bulletin = of.map_or_else(String::new, |of| of.bulletin_id.to_string());
    let name = of.map_or_else(String::new, |of| format!("{} {}: ", of.bulletin, of.update_key));
    let missing = if missing.is_empty() { String::new() } else { format!("; {missing}") };
    tracing::info!(job.id = %job, bulletin.id = bulletin, package.id = %package, "{name}package is deleted{missing}");
}
