//! Delete packages that nothing uses, by rules that an administrator has switched on.
//!
//! Packages are read page by page and judged (`rules`); those that may go are locked in batches, judged once more in the
//! transaction that marks them, and taken by the one deleter (`sweep`) while the next batch is marked. The line of the
//! report is written with the mark: killed at any moment, the job says at its end everything that it has deleted.

mod rules;
pub(crate) mod settings;
mod told;

use std::collections::{BTreeMap, HashMap, HashSet};

use patchwharf_db::{
    jobs, packages,
    packages::{LockOutcome, Usage},
};
use patchwharf_model::{
    LocationId, PackageId, Timestamp,
    job::{DeleteUnused, Report, ReportItem},
};
use patchwharf_store::fault::Step;

use super::{Ending, OperationError, fault_at, locks, sweep, sweep::Swept, write};
use crate::jobs::{JobContext, StopReason};
use rules::{Rules, Verdict};

/// Packages that are read at once.
const PAGE: u32 = 1_000;
/// Packages that are marked in one transaction and swept together.
const BATCH: usize = 500;

/// What a deletion is confined to.
#[derive(Debug, Default)]
pub(crate) struct Only {
    /// These packages; none: all.
    pub(crate) packages: Option<HashSet<PackageId>>,
    /// What is served from this location; none: from anywhere.
    pub(crate) location: Option<LocationId>,
}

impl Only {
    fn has(&self, usage: &Usage) -> bool {
        self.packages.as_ref().is_none_or(|only| only.contains(&usage.package_id))
            && self.location.is_none_or(|only| only == usage.location_id)
    }
}

/// Runs the job.
pub(crate) async fn run(ctx: &JobContext, wish: &DeleteUnused, only: &Only) -> Result<Ending, OperationError> {
    let rules = Rules::read(&ctx.app, wish).await?;
    if rules.are_all_off() {
        return Ok(Ending::Done(Report { summary: told::ALL_OFF.to_owned(), ..Report::default() }));
    }
    let _keeper = locks::Keeper::start(ctx);
    ctx.progress.phase(if wish.dry_run { "looking for unused packages" } else { "deleting unused packages" });
    ctx.progress.items_total(0);
    let (dry_run, lines) = (wish.dry_run, Vec::new());
    let mut run = Run { ctx, rules, only, dry_run, lines, needed: 0, freed_bytes: 0, doubted: false };
    if ctx.attempt > 1 && !wish.dry_run {
        run.finish_what_was_begun().await?;
    }
    match run.all().await? {
        Some(ending) => Ok(ending),
        None => run.report().await,
    }
}

/// Packages that are marked, with their lines of the report.
type Marked = BTreeMap<PackageId, ReportItem>;

struct Run<'a> {
    ctx: &'a JobContext,
    rules: Rules,
    only: &'a Only,
    dry_run: bool,
    /// Lines of the report that are not written yet.
    lines: Vec<ReportItem>,
    /// Superseded packages that stay because an enabled policy has them.
    needed: u64,
    freed_bytes: u64,
    /// The clock is not relied on: nothing is called old.
    doubted: bool,
}

impl Run<'_> {
    /// Goes through all packages. An ending when it does not come to its end.
    async fn all(&mut self) -> Result<Option<Ending>, OperationError> {
        let (mut after, mut waiting): (Option<PackageId>, Vec<PackageId>) = (None, Vec::new());
        let mut marked = Marked::new();
        loop {
            let Some(now) = self.ctx.app.ages.now() else { return self.broken_off(marked, None).await };
            let page = packages::usage(&self.ctx.app.db, after, PAGE).await?;
            after = page.last().map(|usage| usage.package_id);
            for usage in page.iter().filter(|usage| self.only.has(usage)) {
                match self.rules.judge(usage, now) {
                    Verdict::Used => {}
                    Verdict::Needed => self.needed += 1,
                    Verdict::Unused(unused) => match self.obstacle(usage, now) {
                        Some(why) => self.lines.push(told::kept(usage, why)),
                        None if self.dry_run => self.lines.push(told::line(usage, &unused, told::WOULD_BE_DELETED)),
                        None => waiting.push(usage.package_id),
                    },
                }
            }
            self.write_lines().await?;
            let ended = after.is_none();
            while waiting.len() >= BATCH || (ended && !waiting.is_empty()) {
                if let Some(reason) = self.ctx.stop.reason() {
                    return self.broken_off(marked, Some(reason)).await;
                }
                let Some(now) = self.ctx.app.ages.now() else { return self.broken_off(marked, None).await };
                let batch: Vec<PackageId> = waiting.drain(..waiting.len().min(BATCH)).collect();
                // The disk removes one batch while the database marks the next one.
                let (next, swept) = tokio::join!(self.mark(&batch, now), self.sweep(&marked));
                self.swept(&marked, swept?).await?;
                marked = next?;
            }
            match (ended, self.ctx.stop.reason()) {
                (_, Some(reason)) => return self.broken_off(marked, Some(reason)).await,
                (false, None) => {}
                (true, None) => {
                    let swept = self.sweep(&marked).await?;
                    self.swept(&marked, swept).await?;
                    return Ok(None);
                }
            }
        }
    }

    /// Goes no further: what is marked is removed. Without a reason the clock is in doubt.
    async fn broken_off(
        &mut self,
        marked: Marked,
        reason: Option<StopReason>,
    ) -> Result<Option<Ending>, OperationError> {
        self.doubted |= reason.is_none();
        let swept = self.sweep(&marked).await?;
        self.swept(&marked, swept).await?;
        Ok(reason.map(Ending::Stopped))
    }

    /// Why an unused package stays for now.
    fn obstacle(&self, usage: &Usage, now: Timestamp) -> Option<String> {
        let app = &self.ctx.app;
        if let Some(why) = self.rules.obstacle(usage, self.ctx.job, now) {
            return Some(why);
        }
        if app.downloads.reads(usage.location_id, usage.package_id, usage.version) {
            return Some("a download reads it now; the next run looks at it again".to_owned());
        }
        app.locations.get(usage.location_id).err().map(|error| error.text)
    }

    /// Removes what is marked, folders and rows.
    async fn sweep(&self, marked: &Marked) -> Result<Swept, OperationError> {
        let packages: Vec<PackageId> = marked.keys().copied().collect();
        let source = format!("job {}", self.ctx.job);
        sweep::marked(&self.ctx.app, &source, Some(self.ctx.job), &packages).await
    }

    /// Counts what was removed, and names what could not be.
    async fn swept(&mut self, marked: &Marked, swept: Swept) -> Result<(), OperationError> {
        self.freed_bytes += swept.freed_bytes;
        for (package, version, why) in swept.stuck {
            if let Some(line) = marked.get(&package) {
                self.lines.push(told::stuck(line, version, &why));
            }
        }
        self.ctx.progress.items_done(marked.len() as u64);
        self.write_lines().await
    }

    /// Locks packages and marks those that are still unused, with their lines of the report.
    async fn mark(&self, batch: &[PackageId], now: Timestamp) -> Result<Marked, OperationError> {
        let ctx = self.ctx;
        fault_at(Step::DeleteBeforeMark)?;
        let mut w = write(ctx).await?;
        let mut tokens = HashMap::new();
        for (package, outcome) in packages::lock(&mut w, batch, ctx.job, locks::until(ctx.now())).await? {
            if let LockOutcome::Held { token } = outcome {
                tokens.insert(package, token);
            }
        }
        // Somebody may have bound it to a policy, staged it, or taken its lock since it was read.
        let (mut unused, mut kept) = (Vec::new(), Vec::new());
        for usage in packages::usage_of(&mut w, batch).await? {
            let Verdict::Unused(why) = self.rules.judge(&usage, now) else { continue };
            match (tokens.get(&usage.package_id), self.obstacle(&usage, now)) {
                (Some(token), None) => unused.push((usage, why, *token)),
                (_, Some(obstacle)) => kept.push(told::kept(&usage, obstacle)),
                (None, None) => {}
            }
        }
        let held: Vec<(PackageId, i64)> = unused.iter().map(|(usage, _, token)| (usage.package_id, *token)).collect();
        let mut lines: BTreeMap<PackageId, ReportItem> =
            unused.iter().map(|(usage, why, _)| (usage.package_id, told::line(usage, why, told::DELETED))).collect();
        let why = |id: PackageId| lines.get(&id).map(|line| format!("{}; {}", line.item, line.reason));
        let lost = packages::mark_packages_deleting(&mut w, ctx.job, &held, why).await?;
        lines.retain(|package, _| !lost.contains(package));
        kept.extend(lines.values().cloned());
        jobs::put_items(&mut w, ctx.job, &kept).await?;
        let stay: Vec<PackageId> = tokens.into_keys().filter(|package| !lines.contains_key(package)).collect();
        packages::unlock(&mut w, ctx.job, Some(&stay)).await?;
        w.commit().await?;
        fault_at(Step::DeleteAfterMark)?;
        for (usage, ..) in &unused {
            if let Some(line) = lines.get(&usage.package_id) {
                told::log(ctx.job, usage, line);
            }
        }
        Ok(lines)
    }

    /// What an earlier attempt has marked and not removed.
    async fn finish_what_was_begun(&mut self) -> Result<(), OperationError> {
        let swept = sweep::run(&self.ctx.app, &format!("job {}", self.ctx.job), Some(self.ctx.job)).await?;
        let stuck = swept.stuck.into_iter();
        self.lines.extend(stuck.map(|(package, version, why)| told::stuck_before(package, version, &why)));
        self.write_lines().await
    }

    /// Writes lines here and now: the sums are read from what is written.
    async fn write_lines(&mut self) -> Result<(), OperationError> {
        let lines = std::mem::take(&mut self.lines);
        if lines.is_empty() {
            return Ok(());
        }
        let mut w = write(self.ctx).await?;
        jobs::put_items(&mut w, self.ctx.job, &lines).await?;
        w.commit().await?;
        Ok(())
    }

    async fn report(&self) -> Result<Ending, OperationError> {
        let ctx = self.ctx;
        let mut sums = told::Sums::default();
        let mut cursor: Option<String> = None;
        loop {
            let page = jobs::items(&ctx.app.db, ctx.job, None, cursor.as_deref(), PAGE).await?;
            page.rows.iter().for_each(|item| sums.add(item));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        // Of what an earlier attempt unlinked nothing is known but the sizes on record.
        let freed = (ctx.attempt == 1 && !self.dry_run).then_some(self.freed_bytes);
        let mut report = told::report(&sums, self.dry_run, self.doubted, self.needed, freed);
        if let Some(warning) = self.rules.warning(&ctx.app).await? {
            report.summary = format!("{}; {warning}", report.summary);
        }
        Ok(Ending::Done(report))
    }
}
