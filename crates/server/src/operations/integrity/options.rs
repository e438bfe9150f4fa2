//! What the system job can do besides: relocate existing packages if the default location has changed, and delete unused
//! packages. Each is a phase after the check, in the same job, and adds its sentence to the report.

use patchwharf_model::job::{IntegrityCheck, Report, ReportItem};

use crate::{
    jobs::JobContext,
    operations::{Ending, OperationError, relocate},
};

/// Refuses what cannot be done, before anything is begun.
pub(super) fn check(ctx: &JobContext, wish: &IntegrityCheck) -> Result<(), OperationError> {
    // DELETION OF UNUSED PACKAGES IS WIRED HERE: this refusal goes, and `run` calls its phase.
    if wish.delete_unused {
        return Err(refused("this server cannot do --delete-unused; run the check without it"));
    }
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
    if wish.relocate {
        match relocate(ctx, wish).await? {
            Ending::Done(report) => reports.push(report),
            ending => return Ok(Err(ending)),
        }
    }
    // if wish.delete_unused { unused::run(ctx, wish.dry_run).await }
    Ok(Ok(reports))
}

/// Moves what is not at the default location there. That it cannot be moved takes nothing away from what was checked.
async fn relocate(ctx: &JobContext, wish: &IntegrityCheck) -> Result<Ending, OperationError> {
    let to = ctx.app.locations.default_location()?.id();
    let (of, from) = (wish.of.clone(), wish.location);
    let (link, restage, dry_run) = (wish.link, wish.restage, wish.dry_run);
    match relocate::run(ctx, &relocate::Wish { of, from, to, link, restage, dry_run }).await {
        Err(error) if !error.transient => {
            let reason = error.text;
            let summary = format!("packages were not moved: {reason}");
            let (item, outcome) = ("relocation".to_owned(), error.code.to_owned());
            ctx.report_item(ReportItem { item, outcome, failed: true, reason });
            Ok(Ending::Done(Report { summary, ..Report::default() }))
        }
        ended => ended,
    }
}
