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
    finding::{Finding, FindingKind, Gravity},
    job::IntegrityCheck,
    package::ProofStamp,
};
use patchwharf_store::Location;

use super::{
    judge::{Before, Draft},
    prove::{Item, Manner, Sink},
    record,
    scope::Scope,
    task::Task,
    words,
};
use crate::{
    jobs::{JobContext, Order},
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
    /// Versions with something wrong about their manifests before.
    pub(super) doubted_manifests: HashSet<(PackageId, u64)>,
    /// What was found, by key.
    pub(super) findings: BTreeMap<String, Finding>,
    /// What was known before and only counted, by key.
    pub(super) known: BTreeMap<String, FindingKind>,
    /// Differences between database and store, each with its location.
    pub(super) differences: Vec<(Arc<Location>, Difference)>,
    /// Locations whose folders were compared with the database.
    pub(super) compared: HashSet<LocationId>,
    /// Packages whose contents were judged, and in which version.
    pub(super) judged: HashMap<PackageId, u64>,
    /// Packages that could not be judged.
    pub(super) not_judged: HashSet<PackageId>,
    pub(super) counted: Counted,
}

/// What a check has counted: what an earlier attempt has proved comes by again, and counts again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    pub(super) packages: u64,
    pub(super) files: u64,
}

/// The job's count of bytes that were read, in all its attempts: nothing is read twice.
pub(super) const BYTES_READ: &str = "bytes-read";

impl<'a> Check<'a> {
    pub(super) async fn begin(
        ctx: &'a JobContext,
        wish: &'a IntegrityCheck,
        scope: Scope,
    ) -> Result<Self, OperationError> {
        let before: Before = findings::open(&ctx.app.db).await?.into_iter().map(|one| (one.key.clone(), one)).collect();
        let doubted = before.values().filter(|one| one.kind.is_of_manifest());
        let doubted_manifests = doubted.filter_map(|one| Some((one.package?, one.version?))).collect();
        let who = Who::of(ctx);
        Ok(Self {
            ctx,
            wish,
            scope,
            who,
            before,
            doubted_manifests,
            findings: BTreeMap::new(),
            known: BTreeMap::new(),
            differences: Vec::new(),
            compared: HashSet::new(),
            judged: HashMap::new(),
            not_judged: HashSet::new(),
            counted: Counted::default(),
        })
    }

    /// How this check looks at things.
    pub(super) fn manner(&self) -> Manner {
        Manner {
            light: self.wish.light,
            past_cache: self.wish.past_cache,
            max_bytes_per_second: self.wish.max_bytes_per_second,
            only_between: self.wish.only_between,
        }
    }

    /// Compares rows and folders of every location; returns the versions whose files are to be looked at.
    pub(super) async fn compare(&mut self) -> Result<Vec<Item>, OperationError> {
        let mut items = Vec::new();
        for location in self.scope.open.clone() {
            let mut compared = compare::at(&self.who, &location, self.scope.packages.as_ref()).await?;
            if !compared.differences.iter().any(|one| matches!(one, Difference::Unusable { .. })) {
                self.compared.insert(location.id());
            }
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

    /// Notes findings that do not come from a look at files. A light check runs often, and leaves mere notes out; by the
    /// clock it only counts what is known already and nobody but a person does anything about.
    pub(super) async fn note(&mut self, mut drafts: Vec<Draft>) -> Result<(), OperationError> {
        drafts.retain(|draft| !self.wish.light || draft.kind.gravity() != Gravity::Note);
        if self.wish.light && self.ctx.actor == Order::CLOCK {
            let is_old =
                |draft: &Draft| words::waits_for_a_person(draft.kind) && self.before.contains_key(&draft.key());
            let (old, new) = drafts.into_iter().partition(is_old);
            self.known.extend(Vec::<Draft>::into_iter(old).map(|draft| (draft.key(), draft.kind)));
            drafts = new;
        }
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

    /// Whether it was about some packages and there is none of them.
    pub(super) fn is_empty(&self) -> bool {
        self.scope.packages.is_some() && self.counted.packages == 0 && self.not_judged.is_empty()
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

    /// Writes what has become of findings.
    pub(super) async fn settle(&mut self, settled: Vec<findings::Settled>) -> Result<(), OperationError> {
        if settled.is_empty() {
            return Ok(());
        }
        let mut w = write(self.ctx).await?;
        findings::settle(&mut w, self.ctx.job, &settled).await?;
        w.commit().await?;
        self.ctx.progress.advance(settled.len() as u64);
        for one in settled {
            if let Some(finding) = self.findings.get_mut(&one.key) {
                record::log_settled(self.ctx.job, finding, &one);
                finding.outcome = one.outcome;
                finding.became = one.became;
                finding.by = one.by;
                finding.remedy = one.remedy;
                finding.command = one.command;
            }
        }
        Ok(())
    }
}

impl Sink for Check<'_> {
    fn wrong(&self, location: LocationId, file: &FileToCheck) -> Option<(ProofStamp, Sha256)> {
        record::wrong(self, location, file)
    }

    fn believes_manifest(&self, key: (PackageId, u64)) -> bool {
        !self.doubted_manifests.contains(&key)
    }

    async fn take(&mut self, tasks: Vec<Arc<Task>>, light: bool) -> Result<Vec<PackageId>, OperationError> {
        record::batch(self, tasks, light).await
    }

    fn not_judged(&mut self, packages: &[PackageId]) {
        self.not_judged.extend(packages);
    }
}
