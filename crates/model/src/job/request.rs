//! What a job is asked to do: the payload of a job row, a closed schema per kind.

use serde::{Deserialize, Serialize};

use super::JobKind;
use crate::{BulletinId, FeedId, PackageId, UpdateId, api::FeedRules};

/// What an operation works on. Filters are resolved to ids when the job is asked for, so that a job never grows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Selection {
    /// Every live update of these bulletins (superseded and withdrawn ones are left out).
    Bulletins(Vec<BulletinId>),
    /// These updates.
    Updates(Vec<UpdateId>),
    /// These packages.
    Packages(Vec<PackageId>),
    /// Every package of the store.
    All,
}

/// A job's payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum JobRequest {
    /// Import patch data.
    Import {
        /// The feed.
        feed: FeedId,
        /// Take the catalogue although most of its updates have vanished.
        confirm_shrink: bool,
    },
    /// Only count what rules would take of a feed's catalogue as the vendor has it now; nothing is changed.
    /// Counts of the report: `updates`, `bulletins`, `files`, `bytes`, `left-out`.
    Preview {
        /// The feed.
        feed: FeedId,
        /// The rules to try; none: those of the feed.
        rules: Option<FeedRules>,
    },
    /// Fetch, verify and place packages.
    Stage {
        /// What.
        of: Selection,
    },
    /// Hash packages and compare with what is recorded.
    Verify {
        /// What.
        of: Selection,
    },
    /// Verify every file and fetch only the bad ones into the next version.
    RefreshQuick {
        /// What.
        of: Selection,
    },
    /// A new package with everything fetched anew; the old one is retired after the switch.
    RefreshComplete {
        /// What.
        of: Selection,
    },
    /// A new GUID over the verified files; what does not verify is fetched.
    Recreate {
        /// What.
        of: Selection,
    },
    /// Take a file fetched by hand; it lies in the data folder's `uploads`.
    Supply {
        /// The update that needs it.
        update: UpdateId,
        /// Name in the folder `uploads` (made by the server).
        upload: String,
        /// The name by which the catalogue knows the file; none when the digest decides.
        file: Option<String>,
    },
    /// Delete packages, rows and folders.
    Delete {
        /// Which.
        packages: Vec<PackageId>,
        /// Also those that a policy needs.
        although_needed: bool,
    },
    /// Compare database and disk; clear what no one owns.
    Reconcile {
        /// Only say what would be done.
        dry_run: bool,
    },
}

impl JobRequest {
    /// The kind of job that this asks for.
    #[must_use]
    pub fn kind(&self) -> JobKind {
        match self {
            Self::Import { .. } => JobKind::Import,
            Self::Preview { .. } => JobKind::Preview,
            Self::Stage { .. } => JobKind::Stage,
            Self::Verify { .. } => JobKind::Verify,
            Self::RefreshQuick { .. } => JobKind::RefreshQuick,
            Self::RefreshComplete { .. } => JobKind::RefreshComplete,
            Self::Recreate { .. } => JobKind::Recreate,
            Self::Supply { .. } => JobKind::Supply,
            Self::Delete { .. } => JobKind::Delete,
            Self::Reconcile { .. } => JobKind::Reconcile,
        }
    }
}
