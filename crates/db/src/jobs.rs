//! The queue of jobs, their leases, progress, items and history.

mod items;
mod lease;
mod queue;
mod read;

use jiff::Timestamp;
use patchwharf_model::{
    InstanceId, JobId,
    job::{JobKind, JobState, Progress, Report},
};

use crate::sql::record;

pub use items::{item_counts, items, items_done, items_with, put_items};
pub use lease::{Asked, claim, finish, is_resumed, next_due, paused, renew, requeue, take_back};
pub use queue::{Ask, Enqueued, NewJob, ask, enqueue, prune};
pub use read::{JobQuery, failed_since, list, show, under_way};

record!(
    struct Id {
        job_id: JobId,
    }
);

record!(
    /// A job.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Job {
        /// Its id.
        pub job_id: JobId,
        /// What it does.
        pub kind: JobKind,
        /// JSON, closed schema per kind.
        pub payload: String,
        /// Higher goes first.
        pub priority: i64,
        /// One unfinished job per key.
        pub dedup_key: Option<String>,
        /// The caller's own id of the request, if it gave one: the same id twice is one job.
        pub operation_id: Option<String>,
        /// Where it stands.
        pub state: JobState,
        /// Not claimed before this.
        pub not_before: Timestamp,
        /// Queued again: what it waits for.
        pub waiting_for: String,
        /// How often it was claimed.
        pub attempt: u32,
        /// The instance that runs it.
        pub lease_owner: Option<InstanceId>,
        /// Until when, if it is not renewed.
        pub lease_until: Option<Timestamp>,
        /// Somebody asked to cancel it.
        pub cancel_asked: bool,
        /// Somebody asked to pause it.
        pub pause_asked: bool,
        /// How far it has come.
        pub progress: Progress,
        /// What it left behind when it ended.
        pub report: Option<Report>,
        /// Who asked for it.
        pub actor: String,
        /// When.
        pub created_at: Timestamp,
        /// When it was first claimed.
        pub started_at: Option<Timestamp>,
        /// When it ended.
        pub ended_at: Option<Timestamp>,
    }
);

record!(
    /// A job that has not ended, as far as rows of tables show it.
    #[derive(Clone, Debug, PartialEq)]
    pub struct UnderWay {
        /// Its id.
        pub job_id: JobId,
        /// What it does.
        pub kind: JobKind,
        /// Where it stands.
        pub state: JobState,
        /// JSON, closed schema per kind.
        pub payload: String,
        /// How far it has come.
        pub progress: Progress,
    }
);
