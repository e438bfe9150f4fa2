//! Jobs as clients see them.

use serde::{Deserialize, Serialize};

use super::{ExportFormat, List};
use crate::{
    JobId, Timestamp,
    job::{JobKind, JobRequest, JobState, Progress, Report},
};

/// A job in a list and in an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
    /// Queued: what it waits for, if not for a free worker.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub waiting_for: String,
    /// How often a worker has taken it up.
    pub attempt: u32,
    /// An administrator asked to end it.
    pub cancel_asked: bool,
    /// An administrator asked to pause it.
    pub pause_asked: bool,
    /// How far it has come.
    pub progress: Progress,
    /// The report's one sentence, once it has ended.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Who asked for it: `admin`, `schedule`, `server`.
    pub actor: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Not before this.
    pub not_before: Timestamp,
    /// When a worker first took it up.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// A job with what it was asked to do and what it leaves behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobDetail {
    /// The job.
    #[serde(flatten)]
    pub job: Job,
    /// What it was asked to do; none: another version of the server ordered it, in words that this one does not know.
    pub request: Option<JobRequest>,
    /// What was done, what failed and why; none before the end.
    pub report: Option<Report>,
}

/// An event of a job that is followed: `progress` while it goes on. The last event is `end`, with a [`JobDetail`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobEvent {
    /// The job.
    pub id: JobId,
    /// Rises with every change; also the event's id.
    pub number: u64,
    /// Where it stands.
    pub state: JobState,
    /// Queued: what it waits for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub waiting_for: String,
    /// How far it has come.
    pub progress: Progress,
}

/// Which jobs, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct JobQuery {
    /// In one of these states.
    #[serde(skip_serializing_if = "List::is_empty")]
    #[param(value_type = Option<String>, example = "queued,running")]
    pub state: List<JobState>,
    /// Of one of these kinds.
    #[serde(skip_serializing_if = "List::is_empty")]
    #[param(value_type = Option<String>, example = "stage,verify")]
    pub kind: List<JobKind>,
    /// Continue after this place: `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Rows per page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Which lines of a job's report: failures first, then by thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct JobItemQuery {
    /// Only with this outcome: `foreign`, `adopted`, `staged` ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// All of them at once, streamed, instead of a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub format: Option<ExportFormat>,
    /// Continue after this place: `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Rows per page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
