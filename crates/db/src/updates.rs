//! Software updates at their feeds' current generation.

use jiff::Timestamp;
use patchwharf_model::{
    BulletinId, FeedId, PackageId, Severity, Sha256, UpdateId, package::VersionState, update::PayloadFile,
};

use crate::{Db, Result, sql::record};

record!(
    /// An update and its active package.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Update {
        /// Its id.
        pub update_id: UpdateId,
        /// The vendor's key.
        pub update_key: String,
        /// Its feed.
        pub feed_id: FeedId,
        /// The feed's name.
        pub feed: String,
        /// Its bulletin.
        pub bulletin_id: BulletinId,
        /// The bulletin's name.
        pub bulletin: String,
        /// Whether the bulletin is enabled.
        pub bulletin_enabled: bool,
        /// Vendor's time of the revision.
        pub revised_at: Timestamp,
        /// Title.
        pub title: String,
        /// Vendor.
        pub vendor: String,
        /// Classification.
        pub classification: String,
        /// Architecture; empty: any.
        pub architecture: String,
        /// Version; empty: not named.
        pub version: String,
        /// Vendor severity.
        pub severity: Severity,
        /// `software`, `driver`, `detectoid`.
        pub update_type: String,
        /// Withdrawn by the vendor.
        pub withdrawn: bool,
        /// False: absent from the current catalogue.
        pub listed: bool,
        /// Key of a live superseding update.
        pub superseded_by: Option<String>,
        /// Bytes of `files`.
        pub size_bytes: u64,
        /// The files of its package.
        pub files: Vec<PayloadFile>,
        /// SHA-256 over `files`.
        pub files_digest: Sha256,
        /// Its active package, if one was made.
        pub package_id: Option<PackageId>,
        /// The version of that package that is served.
        pub current_version: Option<u64>,
        /// That version's state.
        pub state: Option<VersionState>,
        /// `files_digest` of that version: another one means that the vendor has revised the update.
        pub staged_files_digest: Option<Sha256>,
        /// When that version's files were last proved, the oldest of them.
        pub proved_at: Option<Timestamp>,
    }
);

impl Update {
    /// Whether it counts for "downloaded": neither superseded nor withdrawn, and it has files.
    #[must_use]
    pub fn is_in_scope(&self) -> bool {
        !self.withdrawn && self.superseded_by.is_none() && !self.files.is_empty()
    }
}

/// Updates of these bulletins, by bulletin and key.
///
/// # Errors
/// When the database fails.
pub async fn by_bulletins(db: &Db, bulletins: &[BulletinId]) -> Result<Vec<Update>> {
    let _ = (db, bulletins);
    todo!()
}

/// Updates by id; unknown ids are left out.
///
/// # Errors
/// When the database fails.
pub async fn by_ids(db: &Db, ids: &[UpdateId]) -> Result<Vec<Update>> {
    let _ = (db, ids);
    todo!()
}

/// One update.
///
/// # Errors
/// `NotFound`.
pub async fn show(db: &Db, id: UpdateId) -> Result<Update> {
    let _ = (db, id);
    todo!()
}

/// JSON of the whole `UpdateItem`.
///
/// # Errors
/// `NotFound`.
pub async fn item(db: &Db, id: UpdateId) -> Result<String> {
    let _ = (db, id);
    todo!()
}

/// Ids for what people type: an id, the vendor's key, or `FEED/KEY`. Same order as given.
///
/// # Errors
/// `NotFound`; `Ambiguous`.
pub async fn resolve(db: &Db, names: &[String]) -> Result<Vec<UpdateId>> {
    let _ = (db, names);
    todo!()
}
