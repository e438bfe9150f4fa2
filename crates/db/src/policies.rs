//! Software update policies: which updates, one switch each, and which package each switch points at.

mod change;
mod follow;
mod read;

use jiff::Timestamp;
use patchwharf_model::{BulletinId, PackageId, PolicyId, Sha256, UpdateId, package::VersionState};

use crate::sql::record;

pub use change::{
    accept, add_updates, create, delete, recreate, remove_updates, set_enabled, set_on_revision, set_switches,
};

pub(crate) use follow::follow;
pub use read::{SwitchQuery, list, show, switch_page, switches};

impl OnRevision {
    /// The stable name used in API, database and command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Ask => "ask",
        }
    }
}

/// What a policy does when the vendor revises an update's content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnRevision {
    /// Follow as soon as the new content is staged.
    #[default]
    Automatic,
    /// Stay on the old content until an administrator accepts the new.
    Ask,
}

record!(
    /// A policy.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Policy {
        /// Its id.
        pub policy_id: PolicyId,
        /// Its name, unique.
        pub name: String,
        /// Whether it is on.
        pub enabled: bool,
        /// What it does when content is revised.
        pub on_revision: OnRevision,
        /// When it was made.
        pub created_at: Timestamp,
        /// When it was last changed, by a person or by following a package.
        pub changed_at: Timestamp,
        /// How many updates it holds.
        pub updates: u64,
        /// Of those, without a package now.
        pub missing: u64,
        /// Of those, with new content that waits for the administrator.
        pub pending: u64,
        /// Of those, withdrawn now because their bulletin is disabled.
        pub withdrawn: u64,
    }
);

record!(
    /// One switch of a policy.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PolicyUpdate {
        /// The policy.
        pub policy_id: PolicyId,
        /// The update.
        pub update_id: UpdateId,
        /// The vendor's key.
        pub update_key: String,
        /// Its title; empty when no catalogue has it any more.
        pub title: String,
        /// Its bulletin, if it is in the current catalogue.
        pub bulletin_id: Option<BulletinId>,
        /// The bulletin's name.
        pub bulletin: Option<String>,
        /// Whether it is offered: not by a disabled bulletin, and not when the vendor has withdrawn it; comes back by itself.
        pub offered: Option<bool>,
        /// The switch.
        pub enabled: bool,
        /// The package that it points at; none: package missing.
        pub package_id: Option<PackageId>,
        /// Its version.
        pub version: Option<u64>,
        /// That version's state; none: its rows are gone.
        pub state: Option<VersionState>,
        /// Whether that version is pinned by SHA-1 only.
        pub weak: Option<bool>,
        /// Whether the feed lets such packages be offered.
        pub accept_sha1: bool,
        /// Content that it points at.
        pub files_digest: Option<Sha256>,
        /// New content that waits for the administrator: package.
        pub pending_package: Option<PackageId>,
        /// And version.
        pub pending_version: Option<u64>,
    }
);
