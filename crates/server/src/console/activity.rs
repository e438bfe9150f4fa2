//! What goes on now: jobs that run or wait, and which bulletins, packages and feeds they work on.

use std::{collections::HashMap, sync::Arc};

use patchwharf_db::jobs;
use patchwharf_model::{
    BulletinId, FeedId, JobId, PackageId,
    job::{JobKind, JobRequest, JobState, Progress, Selection},
};

use crate::{api::ApiResult, app::App};

/// Jobs that are looked at: more than these at once nobody follows row by row.
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
}

/// Percent done of a progress, where that is known.
pub(super) fn percent(progress: &Progress) -> Option<u64> {
    (progress.total > 0).then(|| (progress.done.saturating_mul(100) / progress.total).min(100))
}

/// What goes on now.
#[derive(Debug, Default)]
pub(super) struct Activity {
    pub(super) bulletins: HashMap<BulletinId, Doing>,
    pub(super) packages: HashMap<PackageId, Doing>,
    pub(super) feeds: HashMap<FeedId, Doing>,
    /// Whether anything goes on at all: a table that shows it looks again sooner.
    pub(super) any: bool,
}

impl Activity {
    /// Reads it.
    ///
    /// # Errors
    /// The database failed.
    pub(super) async fn now(app: &Arc<App>) -> ApiResult<Self> {
        let query = jobs::JobQuery {
            states: vec![JobState::Running, JobState::Queued],
            limit: JOBS,
            ..jobs::JobQuery::default()
        };
        let mut activity = Self::default();
        // The oldest last: of two jobs for one thing the first one counts.
        for row in jobs::list(&app.db, &query).await?.rows {
            activity.any = true;
            let Ok(request) = serde_json::from_str::<JobRequest>(&row.payload) else { continue };
            let doing = Doing { job: row.job_id, kind: row.kind, state: row.state, progress: row.progress };
            match request {
                JobRequest::Stage { of }
                | JobRequest::Verify { of }
                | JobRequest::RefreshQuick { of }
                | JobRequest::RefreshComplete { of }
                | JobRequest::Recreate { of }
                | JobRequest::Relocate { of, .. } => activity.note(of, &doing),
                JobRequest::Import { feed, .. } => drop(activity.feeds.insert(feed, doing)),
                JobRequest::Delete { packages, .. } => activity.note(Selection::Packages(packages), &doing),
                _ => {}
            }
        }
        Ok(activity)
    }

    fn note(&mut self, of: Selection, doing: &Doing) {
        match of {
            Selection::Bulletins(ids) => self.bulletins.extend(ids.into_iter().map(|id| (id, doing.clone()))),
            Selection::Packages(ids) => self.packages.extend(ids.into_iter().map(|id| (id, doing.clone()))),
            Selection::Updates(_) | Selection::All => {}
        }
    }
}
