//! What the system job can do besides: delete unused packages, and relocate existing packages if the default location has
//! changed. Each is a phase after the check, in the same job, and adds its sentence to the report.

use patchwharf_model::job::{DeleteUnused, IntegrityCheck, Report, ReportItem, Selection};

use crate::{
    jobs::JobContext,
    operations::{Ending, OperationError, relocate, selection, unused},
};

/// Refuses what cannot be done, before anything is begun.
pub(super) fn check(ctx: &JobContext, wish: &IntegrityCheck) -> Result<(), OperationError> {
    if wish.relocate && wish.location == Some(ctx.app.locations.default_location()?.id()) {
        return Err(refused(
            "--relocate moves packages to the default location, and --location names that one: name the location that \
             packages are to be moved from, or none for all",
        ));
    }
    Ok(())
}

fn refused(text: &str) -> OperationError {
    OperationError::new("refused", text)
}

/// Runs the phases that were asked for: what each reports, or why the job cannot go on now.
pub(super) async fn run(
    ctx: &JobContext,
    wish: &IntegrityCheck,
) -> Result<Result<Vec<Report>, Ending>, OperationError> {
    let mut reports = Vec::new();
    // First what nothing uses: it is not copied, and it lies where --location says that it does.
    if wish.delete_unused {
        match delete_unused(ctx, wish).await? {
            Ending::Done(report) => reports.push(report),
            ending => return Ok(Err(ending)),
        }
    }
    if wish.relocate {
        match relocate(ctx, wish).await? {
            Ending::Done(report) => reports.push(report),
            ending => return Ok(Err(ending)),
        }
    }
    Ok(Ok(reports))
}

/// Moves what is not at the default location there. That it cannot be moved takes nothing away from what was checked.
async fn relocate(ctx: &JobContext, wish: &IntegrityCheck) -> Result<Ending, OperationError> {
    let to = ctx.app.locations.default_location()?.id();
    let (of, from) = (wish.of.clone(), wish.location);
    let (link, restage, dry_run) = (wish.link, wish.restage, wish.dry_run);
    let ended = relocate::run(ctx, &relocate::Wish { of, from, to, link, restage, dry_run }).await;
    or_told(ctx, ended, "relocation", "packages were not moved")
}

/// Deletes what nothing uses, by the rules that are set, among what the check is about.
async fn delete_unused(ctx: &JobContext, wish: &IntegrityCheck) -> Result<Ending, OperationError> {
    let packages = match &wish.of {
        Selection::All => None,
        of => Some(selection::packages_of(&ctx.app.db, of).await?.into_iter().collect()),
    };
    let only = unused::Only { packages, location: wish.location };
    let rules = DeleteUnused { dry_run: wish.dry_run, ..DeleteUnused::default() };
    let ended = unused::run(ctx, &rules, &only).await;
    or_told(ctx, ended, "deletion of unused packages", "unused packages were not deleted")
}

/// A phase that could not be done is a line of the report; one that may be done later is tried again.
fn or_told(
    ctx: &JobContext,
    ended: Result<Ending, OperationError>,
    phase: &str,
    what: &str,
) -> Result<Ending, OperationError> {
    match ended {
        Err(error) if !error.transient => {
            let reason = error.text;
            let summary = format!("{what}: {reason}");
            let (item, outcome) = (phase.to_owned(), error.code.to_owned());
            ctx.report_item(ReportItem { item, outcome, failed: true, reason });
            Ok(Ending::Done(Report { summary, ..Report::default() }))
        }
        ended => ended,
    }
}
