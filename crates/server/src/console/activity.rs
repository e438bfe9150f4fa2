//! What goes on now: jobs that have not ended, and which bulletins, packages and feeds they work on.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use patchwharf_db::{bulletins, jobs};
use patchwharf_model::{
    BulletinId, FeedId, JobId, PackageId, UpdateId,
    api::PackageSummary,
    job::{JobKind, JobRequest, JobState, Progress, Selection},
};

use crate::{api::ApiResult, app::App};

/// Jobs of each state that are looked at: more than these at once nobody follows row by row.
const JOBS: u32 = 50;

/// A job as a row shows it.
#[derive(Clone, Debug)]
pub(super) struct Doing {
    pub(super) job: JobId,
    pub(super) kind: JobKind,
    pub(super) state: JobState,
    pub(super) progress: Progress,
}

impl Doing {
    /// Percent done, where that is known.
    pub(super) fn percent(&self) -> Option<u64> {
        percent(&self.progress)
    }

    /// The same of one that runs: of one that waits or stands still its state says more.
    pub(super) fn shown_percent(&self) -> Option<u64> {
        if self.state == JobState::Running { self.percent() } else { None }
    }
}

/// Percent done of a progress, where that is known.
pub(super) fn percent(progress: &Progress) -> Option<u64> {
    (progress.total > 0).then(|| (progress.done.saturating_mul(100) / progress.total).min(100))
}

/// What goes on now. Of several jobs for one thing that one is shown which runs, else the one that will run first.
#[derive(Debug, Default)]
pub(super) struct Activity {
    pub(super) bulletins: HashMap<BulletinId, Doing>,
    pub(super) packages: HashMap<PackageId, Doing>,
    pub(super) feeds: HashMap<FeedId, Doing>,
    /// Whether anything goes on at all: a table that shows it looks again sooner.
    pub(super) any: bool,
    jobs: Vec<(Works, Doing)>,
}

/// What a job works on.
#[derive(Debug)]
enum Works {
    On(Selection),
    /// Only the packages say so that it holds.
    Held,
}

impl Activity {
    /// Reads it; what it means for the rows of a table is noted for these alone.
    ///
    /// # Errors
    /// The database failed.
    pub(super) async fn now(app: &Arc<App>) -> ApiResult<Self> {
        let mut activity = Self::default();
        for row in jobs::under_way(&app.db, JOBS).await? {
            activity.any = true;
            let Ok(request) = serde_json::from_str::<JobRequest>(&row.payload) else { continue };
            let doing = Doing { job: row.job_id, kind: row.kind, state: row.state, progress: row.progress };
            let works = match request {
                JobRequest::Stage { of }
                | JobRequest::Verify { of }
                | JobRequest::RefreshQuick { of }
                | JobRequest::RefreshComplete { of }
                | JobRequest::Recreate { of }
                | JobRequest::Relocate { of, dry_run: false, .. }
                | JobRequest::UndoRelocation { of, dry_run: false, .. } => Works::On(of),
                JobRequest::IntegrityCheck(check) => Works::On(check.of),
                JobRequest::Delete { packages, .. } => Works::On(Selection::Packages(packages)),
                JobRequest::Supply { update, .. } => Works::On(Selection::Updates(vec![update])),
                JobRequest::Import { feed, .. } => {
                    activity.feeds.entry(feed).or_insert(doing);
                    continue;
                }
                _ => Works::Held,
            };
            activity.jobs.push((works, doing));
        }
        Ok(activity)
    }

    /// Notes what is done to these bulletins: to themselves, their updates or their packages.
    ///
    /// # Errors
    /// The database failed.
    pub(super) async fn on_bulletins(mut self, app: &App, ids: &[BulletinId]) -> ApiResult<Self> {
        if self.jobs.is_empty() || ids.is_empty() {
            return Ok(self);
        }
        let parts = bulletins::parts(&app.db, ids).await?;
        let shown: HashSet<BulletinId> = ids.iter().copied().collect();
        let of_update: HashMap<UpdateId, BulletinId> = parts.iter().map(|p| (p.update_id, p.bulletin_id)).collect();
        let of_package: HashMap<PackageId, BulletinId> =
            parts.iter().filter_map(|p| Some((p.package_id?, p.bulletin_id))).collect();
        for (works, doing) in &self.jobs {
            let held = parts.iter().filter(|part| part.lock_job == Some(doing.job)).map(|part| part.bulletin_id);
            let mut on: HashSet<BulletinId> = held.collect();
            match works {
                Works::On(Selection::Bulletins(ids)) => on.extend(ids.iter().filter(|id| shown.contains(id))),
                Works::On(Selection::Updates(ids)) => on.extend(ids.iter().filter_map(|id| of_update.get(id))),
                Works::On(Selection::Packages(ids)) => on.extend(ids.iter().filter_map(|id| of_package.get(id))),
                Works::On(Selection::All) | Works::Held => {}
            }
            for id in on {
                self.bulletins.entry(id).or_insert_with(|| doing.clone());
            }
        }
        Ok(self)
    }

    /// Notes what is done to these packages: to themselves, their updates or their bulletins.
    pub(super) fn on_packages(mut self, rows: &[PackageSummary]) -> Self {
        let mut by_package: HashMap<PackageId, PackageId> = HashMap::new();
        let mut by_update: HashMap<UpdateId, PackageId> = HashMap::new();
        let mut by_bulletin: HashMap<BulletinId, Vec<PackageId>> = HashMap::new();
        for row in rows {
            by_package.insert(row.id, row.id);
            // What is done to an update is done to the package that it has now.
            if row.active {
                by_update.insert(row.update, row.id);
                row.bulletin.into_iter().for_each(|id| by_bulletin.entry(id).or_default().push(row.id));
            }
        }
        for (works, doing) in &self.jobs {
            let held = rows.iter().filter(|row| row.locked_by == Some(doing.job)).map(|row| row.id);
            let mut on: HashSet<PackageId> = held.collect();
            match works {
                Works::On(Selection::Packages(ids)) => on.extend(ids.iter().filter_map(|id| by_package.get(id))),
                Works::On(Selection::Updates(ids)) => on.extend(ids.iter().filter_map(|id| by_update.get(id))),
                Works::On(Selection::Bulletins(ids)) => {
                    on.extend(ids.iter().filter_map(|id| by_bulletin.get(id)).flatten());
                }
                Works::On(Selection::All) | Works::Held => {}
            }
            for id in on {
                self.packages.entry(id).or_insert_with(|| doing.clone());
            }
        }
        self
    }
}
