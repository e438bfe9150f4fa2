//! Jobs: long work on the server with steps, progress, log and history.

mod request;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use request::{AdoptionWay, DeleteUnused, IntegrityCheck, JobRequest, Selection};

use crate::named::names;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    /// Import patch data from a feed.
    Import,
    /// Count what rules would take of a feed.
    Preview,
    /// Download software update packages.
    Stage,
    /// Stage everything that is current, enabled and not downloaded.
    Download,
    /// Revise software updates: stage anew what vendors have revised.
    Revise,
    /// Verify packages against their digests.
    Verify,
    /// Quick refresh: fetch only what is bad into the next version, then switch.
    RefreshQuick,
    /// Complete refresh: a new package with everything fetched anew, then switch.
    RefreshComplete,
    /// Recreate packages: a new GUID over the verified files.
    Recreate,
    /// Take a file fetched by hand.
    Supply,
    /// Delete packages.
    Delete,
    /// Delete packages that nothing uses, by the rules that are set.
    DeleteUnused,
    /// Compare database and disk and clear what no one owns.
    Reconcile,
    /// Check software update package integrity: find every fault, and mend it where that was asked for.
    IntegrityCheck,
    /// Move packages to another location.
    Relocate,
    /// Go back to the originals that a relocation has left behind.
    UndoRelocation,
    /// Remove originals whose copies are proved.
    Prune,
    /// Take files of a folder that is not ours into packages, by content.
    Adopt,
    /// Back up database, keys, configuration and packages.
    Backup,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Waits for a worker (or for its time: `not_before`).
    Queued,
    /// A worker holds its lease.
    Running,
    /// Stopped by an administrator, to be resumed.
    Paused,
    /// Ended; everything asked for was done.
    Done,
    /// Ended; at least one thing could not be done. The report names each. A dry run that came to its end is done, whatever
    /// it has found.
    Failed,
    /// Ended by an administrator.
    Cancelled,
}

names!(
    JobKind,
    BadJobKind,
    "a kind of job",
    Import = "import",
    Preview = "preview",
    Stage = "stage",
    Download = "download",
    Revise = "revise",
    Verify = "verify",
    RefreshQuick = "refresh-quick",
    RefreshComplete = "refresh-complete",
    Recreate = "recreate",
    Supply = "supply",
    Delete = "delete",
    DeleteUnused = "delete-unused",
    Reconcile = "reconcile",
    IntegrityCheck = "integrity-check",
    Relocate = "relocate",
    UndoRelocation = "undo-relocation",
    Prune = "prune",
    Adopt = "adopt",
    Backup = "backup"
);
names!(
    JobState,
    BadJobState,
    "a state of a job",
    Queued = "queued",
    Running = "running",
    Paused = "paused",
    Done = "done",
    Failed = "failed",
    Cancelled = "cancelled"
);

impl JobState {
    /// Whether the job has ended for good.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// What is being counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Bytes.
    #[default]
    Bytes,
    /// Things: packages, files, entries.
    Items,
}

/// How far a job has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Progress {
    /// What it is doing now, in a few words.
    pub phase: String,
    /// Done so far, in `unit`.
    pub done: u64,
    /// To be done in all, in `unit`; 0 when not known.
    pub total: u64,
    /// What `done` and `total` count.
    pub unit: Unit,
    /// Things (packages, entries) finished, whatever the unit.
    pub items_done: u64,
    /// Things in all.
    pub items_total: u64,
    /// Bytes per second over the last seconds.
    pub bytes_per_second: u64,
    /// Seconds until the end at this rate; none when not known.
    pub eta_seconds: Option<u64>,
    /// Files on their way now.
    #[serde(default)]
    pub files: Vec<FileProgress>,
    /// What has come of the job so far, by name; it outlasts pauses and restarts, and ends in the report.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, u64>,
}

/// One file on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FileProgress {
    /// Its name.
    pub name: String,
    /// Bytes so far.
    pub done_bytes: u64,
    /// Bytes in all; 0 when not known.
    pub total_bytes: u64,
}

/// How one thing that a job worked on ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReportItem {
    /// The thing: `bulletin DSA-5380-1`, `package 0190...`, `file sp1.exe`.
    pub item: String,
    /// How it ended: `staged`, `already staged`, `mended`, `failed`, `revised` ...
    pub outcome: String,
    /// Whether this counts as a failure.
    pub failed: bool,
    /// Why, and what to do; expected and found digest where there are any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What a job leaves behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Report {
    /// One sentence.
    pub summary: String,
    /// Named counts: `staged` 12, `failed` 1, `bytes` 12345.
    pub counts: BTreeMap<String, u64>,
    /// The things that deserve a line each (all failures; successes up to a limit).
    pub items: Vec<ReportItem>,
    /// How many further items were left out of `items`.
    #[serde(default)]
    pub items_left_out: u64,
    /// How many items count as a failure, of all: of a dry run, what would fail or is wrong.
    #[serde(default)]
    pub items_failed: u64,
}
