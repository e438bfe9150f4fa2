//! What the system job can do besides: relocate existing packages if the default location has changed, and delete unused
//! packages. Each is a phase after the check, in the same job.

use patchwharf_model::job::IntegrityCheck;

use crate::{
    jobs::JobContext,
    operations::{Ending, OperationError},
};

/// Refuses what cannot be done, before anything is begun.
pub(super) fn check(wish: &IntegrityCheck) -> Result<(), OperationError> {
    // RELOCATION AND DELETION OF UNUSED PACKAGES ARE WIRED HERE: this refusal goes, and `run` calls their phases.
    let asked = [("relocate", wish.relocate), ("delete-unused", wish.delete_unused)];
    match asked.into_iter().find(|(_, asked)| *asked) {
        None => Ok(()),
        Some((option, _)) => {
            Err(OperationError::new("refused", format!("this server cannot do --{option}; run the check without it")))
        }
    }
}

/// Runs the phases that were asked for. An ending: the job cannot go on now.
pub(super) async fn run(_ctx: &JobContext, _wish: &IntegrityCheck) -> Result<Option<Ending>, OperationError> {
    // if wish.relocate { relocate::run(ctx, wish.link, wish.restage).await }
    // if wish.delete_unused { unused::run(ctx, wish.dry_run).await }
    Ok(None)
}
