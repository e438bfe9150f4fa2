//! A check under way: what was open before it, what it has found, what it has counted.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use patchwharf_db::{
    findings,
    packages::{self, FileToCheck},
};
use patchwharf_model::{
    LocationId, PackageId, Sha256,
    finding::{Finding, FindingKind, Gravity, Outcome},
    job::IntegrityCheck,
    package::ProofStamp,
};
use patchwharf_store::Location;

use super::{
    judge::{Before, Draft},
    prove::{Item, Sink},
    record,
    scope::Scope,
    task::Task,
    words,
};
use crate::{
    jobs::JobContext,
    operations::{
        OperationError,
        compare::{self, Difference, Who},
        write,
    },
};

/// A check under way.
pub(super) struct Check<'a> {
    pub(super) ctx: &'a JobContext,
    pub(super) wish: &'a IntegrityCheck,
    pub(super) scope: Scope,
    pub(super) who: Who,
    /// What was open before, by key.
    pub(super) before: Before,
    /// What was found, by key.
    pub(super) findings: BTreeMap<String, Finding>,
    /// Differences between database and store, each with its location.
    pub(super) differences: Vec<(Arc<Location>, Difference)>,
    pub(super) counted: Counted,
}

/// What a check has counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    pub(super) packages: u64,
    pub(super) files: u64,
    pub(super) read_bytes: u64,
}

impl<'a> Check<'a> {
    pub(super) async fn begin(
        ctx: &'a JobContext,
        wish: &'a IntegrityCheck,
        scope: Scope,
    ) -> Result<Self, OperationError> {
        let before = findings::open(&ctx.app.db).await?.into_iter().map(|one| (one.key.clone(), one)).collect();
        let who = Who { app: Arc::clone(&ctx.app), source: format!("job {}", ctx.job), job: Some(ctx.job) };
        let (findings, differences) = (BTreeMap::new(), Vec::new());
        Ok(Self { ctx, wish, scope, who, before, findings, differences, counted: Counted::default() })
    }

    /// Compares rows and folders of every location; returns the versions whose files are to be looked at.
    pub(super) async fn compare(&mut self) -> Result<Vec<Item>, OperationError> {
        let mut items = Vec::new();
        for location in self.scope.open.clone() {
            let mut compared = compare::at(&self.who, &location, self.scope.packages.as_ref()).await?;
            if self.scope.packages.is_none() {
                compared.differences.extend(compare::leftovers(&self.who, &location).await?);
                self.own_folders(&location).await?;
            }
            let missing: HashSet<(PackageId, u64)> = compared
                .differences
                .iter()
                .filter(|difference| matches!(difference, Difference::Missing { .. }))
                .filter_map(Difference::version)
                .collect();
            compared.rows.retain(|row| !missing.contains(&(row.package_id, row.version)));
            items.extend(Item::of(self.ctx, compared.rows));
            self.note_differences(&location, compared.differences).await?;
        }
        self.closed_locations().await?;
        items.sort_by_key(|item| (item.row.proved_at, item.row.package_id));
        Ok(items)
    }

    /// Locations that are not open: what they hold cannot be looked at.
    async fn closed_locations(&mut self) -> Result<(), OperationError> {
        let mut drafts = Vec::new();
        for (id, path) in self.scope.closed.clone() {
            let rows = packages::placed_at(&self.ctx.app.db, id).await?;
            let held = rows.iter().filter(|row| self.scope.has(Some(row.package_id), Some(id))).count();
            if held > 0 {
                let kind = FindingKind::LocationClosed;
                let expected = format!("{held} package versions at {path}");
                drafts.push(words::of_location(
                    kind,
                    id,
                    "",
                    expected,
                    "the location is not open; nothing was touched",
                ));
            }
        }
        self.note(drafts).await
    }

    /// Notes findings that do not come from a look at files. A light check runs often, and leaves mere notes out.
    pub(super) async fn note(&mut self, mut drafts: Vec<Draft>) -> Result<(), OperationError> {
        drafts.retain(|draft| !self.wish.light || draft.kind.gravity() != Gravity::Note);
        if drafts.is_empty() {
            return Ok(());
        }
        let new = record::findings(self, drafts).await?;
        let mut w = write(self.ctx).await?;
        findings::put(&mut w, self.ctx.job, &new).await?;
        w.commit().await?;
        record::log(self, &new);
        self.remember(new);
        Ok(())
    }

    /// The path of a location.
    pub(super) fn root(&self, id: LocationId) -> Option<String> {
        let open =
            self.scope.open.iter().find(|location| location.id() == id).map(|location| location.path().to_string());
        open.or_else(|| self.scope.closed.iter().find(|(closed, _)| *closed == id).map(|(_, path)| path.clone()))
    }

    pub(super) fn remember(&mut self, new: Vec<findings::NewFinding>) {
        self.findings.extend(new.into_iter().map(|one| (one.key, one.finding)));
    }

    /// What was wrong before and is not any more: it is no longer open; and what an earlier attempt of this job found and
    /// was right again when this one looked was mended.
    pub(super) async fn right_again(&mut self) -> Result<(), OperationError> {
        let gone: Vec<&str> = self
            .before
            .values()
            .filter(|one| self.scope.has(one.package, one.location) && !self.findings.contains_key(&one.key))
            .filter(|one| !self.wish.light || one.kind.gravity() != Gravity::Note)
            .map(|one| one.key.as_str())
            .collect();
        let mended: Vec<findings::Settled> = findings::remaining(&self.ctx.app.db, self.ctx.job)
            .await?
            .into_iter()
            .filter(|(key, _)| !self.findings.contains_key(key))
            .map(|(key, finding)| words::settled(&key, &finding, Outcome::Mended, "it is right again"))
            .collect();
        if gone.is_empty() && mended.is_empty() {
            return Ok(());
        }
        let mut w = write(self.ctx).await?;
        findings::close(&mut w, &gone).await?;
        findings::settle(&mut w, self.ctx.job, &mended).await?;
        w.commit().await?;
        Ok(())
    }

    /// Writes what has become of findings.
    pub(super) async fn settle(&mut self, settled: Vec<findings::Settled>) -> Result<(), OperationError> {
        if settled.is_empty() {
            return Ok(());
        }
        let mut w = write(self.ctx).await?;
        findings::settle(&mut w, self.ctx.job, &settled).await?;
        w.commit().await?;
        for one in settled {
            if let Some(finding) = self.findings.get_mut(&one.key) {
                finding.outcome = one.outcome;
                finding.became = one.became;
                finding.by = one.by;
                finding.remedy = one.remedy;
                finding.command = one.command;
            }
        }
        Ok(())
    }

    /// Findings that are still there, by package.
    pub(super) fn left_by_package(&self) -> HashMap<PackageId, Vec<String>> {
        let mut left: HashMap<PackageId, Vec<String>> = HashMap::new();
        for (key, finding) in self.findings.iter().filter(|(_, finding)| finding.outcome.remains()) {
            if let Some(package) = finding.package {
                left.entry(package).or_default().push(key.clone());
            }
        }
        left
    }
}

impl Sink for Check<'_> {
    fn wrong(&self, location: LocationId, file: &FileToCheck) -> Option<(ProofStamp, Sha256)> {
        record::wrong(self, location, file)
    }

    async fn take(&mut self, tasks: Vec<Arc<Task>>) -> Result<Vec<PackageId>, OperationError> {
        record::batch(self, tasks).await
    }
}
