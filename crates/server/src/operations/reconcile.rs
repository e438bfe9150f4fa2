//! Reconcile: compare database and disk, clear what no one owns, and say what was found.
//!
//! Nothing that could be wanted is ever deleted here: folders without rows are adopted back when a manifest signed by
//! this server tells of a version that a restored older database has lost (C-13), else they go to quarantine. Rows
//! without folders become "missing". What is not ours is named and left alone.

mod disk;
mod lost;
mod quarantine;
mod rows;

use std::{sync::Arc, time::Duration};

use patchwharf_db::packages;
use patchwharf_model::{
    JobId,
    job::{Report, ReportItem},
};
use patchwharf_store::fault::Step;

use super::{Ending, OperationError, assembly::told::with_causes, fault_at, staging, sweep};
use crate::{app::App, jobs::JobContext};

/// Start-up waits so long for the reconciliation; a longer one goes on beside the server's work (D-13).
const START_WAITS: Duration = Duration::from_secs(3);

/// Things that start-up names one by one in the log; the rest it counts.
const LOGGED: usize = 1_000;

/// Who reconciles, and whether it may change anything.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    app: Arc<App>,
    source: String,
    job: Option<JobId>,
    dry_run: bool,
}

/// What was found and done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    items: Vec<ReportItem>,
}

impl Found {
    fn add(&mut self, item: String, outcome: &str, failed: bool, reason: impl Into<String>) {
        self.items.push(ReportItem { item, outcome: outcome.to_owned(), failed, reason: reason.into() });
    }

    /// Says what start-up did.
    fn log(&self) {
        for item in self.items.iter().take(LOGGED) {
            tracing::info!("start-up reconciliation: {}: {} {}", item.item, item.outcome, item.reason);
        }
        if !self.items.is_empty() {
            tracing::info!(things = self.items.len(), "start-up reconciliation is done");
        }
    }
}

/// What start-up does before any job runs: clears `.staging` of what no one owns, finishes interrupted deletions,
/// compares rows and folders, and says what it did.
///
/// # Errors
/// Database or store could not be read.
pub async fn at_start(app: &Arc<App>) -> Result<(), OperationError> {
    let run = Run { app: Arc::clone(app), source: "start-up".into(), job: None, dry_run: false };
    let mut work = tokio::spawn(async move {
        let result = run.everything().await;
        match &result {
            Ok(found) => found.log(),
            Err(error) => tracing::error!(error = %with_causes(error), "the start-up reconciliation broke off"),
        }
        result.map(drop)
    });
    match tokio::time::timeout(START_WAITS, &mut work).await {
        Ok(Ok(result)) => result,
        Ok(Err(panicked)) => {
            Err(OperationError::new("internal", "the start-up reconciliation ended unexpectedly").because(panicked))
        }
        Err(_) => {
            tracing::info!("the start-up reconciliation goes on beside the server's work");
            Ok(())
        }
    }
}

/// Runs the job.
pub(crate) async fn run(ctx: &JobContext, dry_run: bool) -> Result<Ending, OperationError> {
    ctx.progress.phase("comparing database and disk");
    let source = format!("job {}", ctx.job);
    let run = Run { app: Arc::clone(&ctx.app), source, job: Some(ctx.job), dry_run };
    let found = run.everything().await?;
    let summary = match (found.items.len(), dry_run) {
        (0, _) => "database and disk agree".to_owned(),
        (n, true) => format!("{n} differences found; nothing was changed (dry run)"),
        (n, false) => format!("{n} differences found; what was done about each is said below"),
    };
    for item in found.items {
        ctx.report_item(item);
    }
    Ok(Ending::Done(Report { summary, ..Report::default() }))
}

impl Run {
    async fn everything(&self) -> Result<Found, OperationError> {
        let mut found = Found::default();
        fault_at(Step::ReconcileBefore)?;
        self.staging(&mut found).await?;
        fault_at(Step::ReconcileAfterStaging)?;
        self.deletions(&mut found).await?;
        for location in self.app.locations.iter() {
            let disk = disk::scan(location).await?;
            let rows = rows::read(&self.app.db, location.id()).await?;
            self.orphans(location, &disk, &rows, &mut found).await?;
            self.missing(location, &disk, &rows, &mut found).await?;
            self.abandoned(&rows, &mut found).await?;
            self.rest(location, disk, &mut found).await?;
            self.quarantine(location, &mut found).await?;
        }
        fault_at(Step::ReconcileAfter)?;
        Ok(found)
    }

    /// Clears `.staging` of what no version waits for.
    async fn staging(&self, found: &mut Found) -> Result<(), OperationError> {
        if self.dry_run {
            for (location, name) in staging::ownerless(&self.app).await? {
                found.add(format!("{location}/.staging/{name}"), "would-be-cleared", false, "nobody waits for it");
            }
            return Ok(());
        }
        for name in staging::clear(&self.app).await? {
            found.add(format!(".staging/{name}"), "cleared", false, "nobody waits for it");
        }
        Ok(())
    }

    /// Finishes deletions that a crash interrupted, and those whose grace is over.
    async fn deletions(&self, found: &mut Found) -> Result<(), OperationError> {
        if self.dry_run {
            for due in packages::due_for_unlink(&self.app.db, self.app.clock.now(), 1_000).await? {
                let item = format!("package {} version {}", due.package_id, due.version);
                found.add(item, "would-be-removed", false, format!("it is {}", due.state));
            }
            return Ok(());
        }
        let swept = sweep::run(&self.app, &self.source, self.job).await?;
        if swept.versions > 0 {
            let item = format!("{} versions", swept.versions);
            found.add(item, "removed", false, format!("retired or being deleted; {} bytes freed", swept.freed_bytes));
        }
        for (package, version, why) in swept.stuck {
            found.add(format!("package {package} version {version}"), "deleting", true, why);
        }
        Ok(())
    }
}
