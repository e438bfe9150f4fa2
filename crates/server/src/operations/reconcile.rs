//! Reconcile: compare database and disk, clear what no one owns, and say what was found.
//!
//! It runs at every start, by the clock, and on demand; what it compares and how it settles it is `compare`.

use std::{sync::Arc, time::Duration};

use patchwharf_db::packages;
use patchwharf_model::job::{Report, ReportItem};
use patchwharf_store::{Location, fault::Step};

use super::{
    Ending, OperationError,
    assembly::told::with_causes,
    compare::{self, Difference, Who},
    fault_at, locks, sweep,
};
use crate::{
    app::App,
    jobs::{JobContext, Stop},
    uploads,
    words::bytes,
};

/// Start-up waits so long for the reconciliation; a longer one goes on beside the server's work (D-13).
const START_WAITS: Duration = Duration::from_secs(3);

/// Things that start-up names one by one in the log; the rest it counts.
const LOGGED: usize = 1_000;

/// A reconciliation, and whether it may change anything.
#[derive(Clone, Debug)]
struct Run {
    who: Who,
    dry_run: bool,
}

/// What was found and done.
#[derive(Clone, Debug, Default)]
struct Found {
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
    let who = Who { app: Arc::clone(app), source: "start-up".into(), job: None, stop: Stop::new() };
    let run = Run { who, dry_run: false };
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
    let _keeper = locks::Keeper::start(ctx);
    ctx.progress.phase("comparing database and disk");
    let found = Run { who: Who::of(ctx), dry_run }.everything().await?;
    let summary = match (found.items.len(), dry_run) {
        (0, _) => "database and disk agree".to_owned(),
        (n, true) => format!("{n} differences found; nothing was changed (dry run)"),
        (n, false) => format!("{n} differences found; what was done about each is said below"),
    };
    for item in found.items {
        ctx.report_item(item);
    }
    if let Some(reason) = ctx.stop.reason() {
        return Ok(Ending::Stopped(reason));
    }
    Ok(Ending::Done(Report { summary, ..Report::default() }))
}

impl Run {
    async fn everything(&self) -> Result<Found, OperationError> {
        let mut found = Found::default();
        fault_at(Step::ReconcileBefore)?;
        for location in self.who.app.locations.iter() {
            let left = compare::leftovers(&self.who, &location).await?;
            self.settle(&location, left, &mut found).await?;
        }
        fault_at(Step::ReconcileAfterStaging)?;
        if !self.dry_run {
            uploads::clear(&self.who.app).await?;
        }
        self.deletions(&mut found).await?;
        for location in self.who.app.locations.iter() {
            let differences = compare::at(&self.who, &location, None).await?.differences;
            self.settle(&location, differences, &mut found).await?;
        }
        fault_at(Step::ReconcileAfter)?;
        Ok(found)
    }

    async fn settle(
        &self,
        location: &Arc<Location>,
        mut differences: Vec<Difference>,
        found: &mut Found,
    ) -> Result<(), OperationError> {
        // What is on record, or kept for its time, is nothing new.
        differences.retain(|difference| {
            !matches!(
                difference,
                Difference::Missing { known: true, .. }
                    | Difference::Stuck { .. }
                    | Difference::Aside { over: false, .. }
            )
        });
        let failed = |difference: &Difference| {
            matches!(
                difference,
                Difference::Missing { .. } | Difference::Unreadable { .. } | Difference::Unusable { .. }
            )
        };
        if self.dry_run {
            for difference in differences {
                let (word, why) = difference.plan();
                found.add(difference.item(location), word, failed(&difference), why);
            }
            return Ok(());
        }
        for (difference, became) in compare::settle(&self.who, location, differences).await? {
            let failed = failed(&difference) || matches!(became.word, "orphan" | "kept" | "empty" | "two-places");
            found.add(difference.item(location), became.word, failed, became.text);
        }
        Ok(())
    }

    /// Finishes deletions that a crash interrupted, and those whose grace is over.
    async fn deletions(&self, found: &mut Found) -> Result<(), OperationError> {
        let app = &self.who.app;
        if self.dry_run {
            for due in packages::due_for_unlink(&app.db, sweep::retired_until(app), 1_000).await? {
                let item = format!("package {} version {}", due.package_id, due.version);
                found.add(item, "would-be-removed", false, format!("it is {}", due.state));
            }
            return Ok(());
        }
        let swept = sweep::run(app, &self.who.source, self.who.job).await?;
        if swept.versions > 0 {
            let item = format!("{} versions", swept.versions);
            let freed = bytes(swept.freed_bytes);
            found.add(item, "removed", false, format!("retired or being deleted; {freed} freed"));
        }
        for (package, version, why) in swept.stuck {
            found.add(format!("package {package} version {version}"), "deleting", true, why);
        }
        Ok(())
    }
}
