//! Software update policies: which updates, one switch each, and which package each switch points at.

use jiff::Timestamp;
use patchwharf_model::{BulletinId, PackageId, PolicyId, Sha256, UpdateId, package::VersionState};

use crate::{Db, Result, Write, sql::record};

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
        /// Whether the bulletin is enabled; a disabled bulletin's updates are withdrawn and come back on enable.
        pub bulletin_enabled: Option<bool>,
        /// The switch.
        pub enabled: bool,
        /// The package that it points at; none: package missing.
        pub package_id: Option<PackageId>,
        /// Its version.
        pub version: Option<u64>,
        /// That version's state; none: its rows are gone.
        pub state: Option<VersionState>,
        /// Content that it points at.
        pub files_digest: Option<Sha256>,
        /// New content that waits for the administrator: package.
        pub pending_package: Option<PackageId>,
        /// And version.
        pub pending_version: Option<u64>,
    }
);

/// Makes a policy over updates, bound to their current packages where there are any.
///
/// # Errors
/// `Refused` when the name is in use; `NotFound` when an update does not exist.
pub async fn create(w: &mut Write<'_>, name: &str, on_revision: OnRevision, updates: &[UpdateId]) -> Result<PolicyId> {
    let _ = (w, name, on_revision, updates);
    todo!()
}

/// All policies by name.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db) -> Result<Vec<Policy>> {
    let _ = db;
    todo!()
}

/// A policy by id or name.
///
/// # Errors
/// `NotFound`.
pub async fn show(db: &Db, name_or_id: &str) -> Result<Policy> {
    let _ = (db, name_or_id);
    todo!()
}

/// The switches of a policy, by bulletin and update key.
///
/// # Errors
/// When the database fails.
pub async fn switches(db: &Db, id: PolicyId) -> Result<Vec<PolicyUpdate>> {
    let _ = (db, id);
    todo!()
}

/// Turns a policy on or off. Returns whether that changed anything.
///
/// # Errors
/// `NotFound`.
pub async fn set_enabled(w: &mut Write<'_>, id: PolicyId, enabled: bool) -> Result<bool> {
    let _ = (w, id, enabled);
    todo!()
}

/// Turns switches on or off: these updates, or all with `None`. Returns how many changed.
///
/// # Errors
/// `NotFound`.
pub async fn set_switches(w: &mut Write<'_>, id: PolicyId, updates: Option<&[UpdateId]>, enabled: bool) -> Result<u64> {
    let _ = (w, id, updates, enabled);
    todo!()
}

/// Changes what it does when content is revised.
///
/// # Errors
/// `NotFound`.
pub async fn set_on_revision(w: &mut Write<'_>, id: PolicyId, on_revision: OnRevision) -> Result<()> {
    let _ = (w, id, on_revision);
    todo!()
}

/// Adds updates; those that it holds are left as they are. Returns how many were added.
///
/// # Errors
/// `NotFound`.
pub async fn add_updates(w: &mut Write<'_>, id: PolicyId, updates: &[UpdateId]) -> Result<u64> {
    let _ = (w, id, updates);
    todo!()
}

/// Takes updates out. Returns how many went.
///
/// # Errors
/// `NotFound`.
pub async fn remove_updates(w: &mut Write<'_>, id: PolicyId, updates: &[UpdateId]) -> Result<u64> {
    let _ = (w, id, updates);
    todo!()
}

/// Deletes a policy.
///
/// # Errors
/// `NotFound`.
pub async fn delete(w: &mut Write<'_>, id: PolicyId) -> Result<()> {
    let _ = (w, id);
    todo!()
}

/// Recreates a policy: the same name, state and switches under a new id, each bound to its update's package of now.
///
/// # Errors
/// `NotFound`.
pub async fn recreate(w: &mut Write<'_>, id: PolicyId) -> Result<PolicyId> {
    let _ = (w, id);
    todo!()
}

/// Accepts new content that waits: these updates, or all with `None`. Returns how many switched.
///
/// # Errors
/// `NotFound`.
pub async fn accept(w: &mut Write<'_>, id: PolicyId, updates: Option<&[UpdateId]>) -> Result<u64> {
    let _ = (w, id, updates);
    todo!()
}
