//! The operations: one module each, each a job, each idempotent and resumable.

mod adopt;
pub(crate) mod assembly;
mod backup;
pub(crate) mod compare;
pub(crate) mod cores;
mod delete;
pub(crate) mod download;
pub mod import;
pub mod integrity;
mod later;
mod locks;
mod places;
mod prune;
pub mod reconcile;
mod refresh;
pub(crate) mod relocate;
pub mod retry;
pub(crate) mod revise;
pub(crate) mod selection;
mod stage;
mod staging;
mod supply;
mod sweep;
pub(crate) mod take;
mod undo;
pub(crate) mod unproved;
pub(crate) mod unused;
mod verify;

use std::{error::Error, fmt};

pub(crate) use assembly::told::with_causes;

use patchwharf_db::{DbError, Write};
use patchwharf_model::{
    Timestamp,
    job::{JobRequest, Report},
};
use patchwharf_store::fault::{self, Step};

use crate::jobs::{JobContext, StopReason};

/// How an operation ended.
#[derive(Debug)]
pub enum Ending {
    /// It came to its end. A report with a failed item makes the job `failed`, but for a dry run.
    Done(Report),
    /// It cannot go on now (no space, package held by another job, vendor down): again not before then.
    Later {
        /// The earliest time of the next attempt.
        not_before: Timestamp,
        /// What it waits for, for people.
        waiting_for: String,
    },
    /// It was asked to stop and did.
    Stopped(StopReason),
}

/// Why an operation could not come to an end. The engine logs it with its sources and fails the job, or runs it again
/// when `transient`.
#[derive(Debug)]
pub struct OperationError {
    /// Stable code: `database`, `store`, `not-found` ...
    pub code: &'static str,
    /// What was attempted on what, why it failed, what to do next.
    pub text: String,
    /// Whether the same attempt can succeed later without anyone's doing (database busy, server away).
    pub transient: bool,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl OperationError {
    /// An error with its code and text.
    #[must_use]
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), transient: false, source: None }
    }

    /// Adds what caused it.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Marks it as passing: the engine tries again after a while.
    #[must_use]
    pub fn transient(mut self) -> Self {
        self.transient = true;
        self
    }
}

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for OperationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|s| &**s as &(dyn Error + 'static))
    }
}

impl From<DbError> for OperationError {
    fn from(error: DbError) -> Self {
        // A refusal says itself what is to be done.
        let (code, text) = match &error {
            DbError::NotFound { .. } => ("not-found", error.to_string()),
            DbError::Refused(_) | DbError::Ambiguous { .. } => ("refused", error.to_string()),
            _ => ("database", format!("the database did not do what was asked: {error}")),
        };
        let transient = error.is_transient();
        let error = Self::new(code, text).because(error);
        if transient { error.transient() } else { error }
    }
}

/// A write transaction in the job's name.
async fn write(ctx: &JobContext) -> Result<Write<'_>, OperationError> {
    Ok(ctx.app.db.write(&ctx.actor, &format!("job {}", ctx.job), ctx.now()).await?)
}

/// A place at which crash tests interrupt; nothing in a release.
pub(crate) fn fault_at(step: Step) -> Result<(), OperationError> {
    fault::at(step).map_err(|e| OperationError::new("fault", "a fault was injected here").because(e))
}

/// Runs what a job asks for.
///
/// # Errors
/// The operation could not come to an end; things that failed one by one are items of the report instead.
pub async fn run(request: JobRequest, ctx: &JobContext) -> Result<Ending, OperationError> {
    match &request {
        JobRequest::Stage { of } => stage::run(ctx, of).await,
        JobRequest::Download { dry_run } => download::run(ctx, *dry_run).await,
        JobRequest::Revise { dry_run } => revise::run(ctx, *dry_run).await,
        JobRequest::Verify { of } => verify::run(ctx, of).await,
        JobRequest::RefreshQuick { of } => refresh::quick(ctx, of).await,
        JobRequest::RefreshComplete { of } => refresh::complete(ctx, of).await,
        JobRequest::Recreate { of } => refresh::recreate(ctx, of).await,
        JobRequest::Supply { update, upload, file } => supply::run(ctx, *update, upload, file.as_deref()).await,
        JobRequest::Delete { packages, although_needed } => delete::run(ctx, packages, *although_needed).await,
        JobRequest::DeleteUnused(wish) => unused::run(ctx, wish, &unused::Only::default()).await,
        JobRequest::Reconcile { dry_run } => reconcile::run(ctx, *dry_run).await,
        JobRequest::IntegrityCheck(check) => integrity::run(ctx, check).await,
        JobRequest::Relocate { of, from, to, link, restage, dry_run } => {
            let (of, from, to) = (of.clone(), *from, *to);
            let wish = relocate::Wish { of, from, to, link: *link, restage: *restage, dry_run: *dry_run };
            relocate::run(ctx, &wish).await
        }
        JobRequest::UndoRelocation { of, from, to, dry_run } => undo::run(ctx, of, *from, *to, *dry_run).await,
        JobRequest::Prune { of, location, before, dry_run } => prune::run(ctx, of, *location, *before, *dry_run).await,
        JobRequest::Adopt { path, trust, way, no_foreign_digests, dry_run } => {
            let (path, trust, no_foreign_digests) = (path.clone(), trust.clone(), *no_foreign_digests);
            adopt::run(ctx, &adopt::Wish { path, trust, way: *way, no_foreign_digests, dry_run: *dry_run }).await
        }
        JobRequest::Backup { folder, passphrase_file, keep, quick } => {
            backup::run(ctx, folder, passphrase_file.as_deref(), *keep, *quick).await
        }
        JobRequest::Import { feed, confirm_shrink } => import::run(ctx, *feed, *confirm_shrink).await,
        JobRequest::Preview { feed, rules, auto_stage } => {
            import::preview(ctx, *feed, rules.as_ref(), auto_stage.as_ref()).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_the_database_is_one_to_whoever_asked() {
        let refused = OperationError::from(DbError::Refused("it is the default".to_owned()));
        assert_eq!((refused.code, refused.text.as_str(), refused.transient), ("refused", "it is the default", false));
        let missing = OperationError::from(DbError::NotFound { kind: "location", name: "x".to_owned() });
        assert_eq!((missing.code, missing.transient), ("not-found", false));
        assert_eq!(OperationError::from(DbError::Damaged("page 7".to_owned())).code, "database");
    }
}
