//! Catalogue feeds.

use jiff::Timestamp;
use patchwharf_model::{FeedId, JobId};

use crate::{Db, Result, Write, sql::record};

record!(
    /// A feed.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Feed {
        /// Its id.
        pub feed_id: FeedId,
        /// Its name, unique among feeds that were not removed.
        pub name: String,
        /// `sdp` or `apt`.
        pub kind: String,
        /// JSON, closed schema per kind: URL, suite, keyring, rules ... Opaque here.
        pub config: String,
        /// Whether packages pinned by SHA-1 only may be offered to computers.
        pub accept_sha1: bool,
        /// Minutes between imports; none: only on demand.
        pub schedule_minutes: Option<u32>,
        /// When the next scheduled import is due.
        pub next_import_at: Option<Timestamp>,
        /// The generation that readers see; 0 before the first import.
        pub current_generation: i64,
        /// The generation that the next import takes.
        pub next_generation: i64,
        /// The catalogue's own date at the last import: an older one is a rollback.
        pub catalogue_date: Option<Timestamp>,
        /// Validators and digest of the last import: equal means nothing to do. Opaque here.
        pub fingerprint: Option<String>,
        /// When the last import ended well.
        pub last_import_at: Option<Timestamp>,
        /// The last import's job, ended well or not.
        pub last_import_job: Option<JobId>,
        /// Why the last import failed; none: it did not.
        pub last_error: Option<String>,
        /// When it was added.
        pub created_at: Timestamp,
        /// When it was removed with its packages kept; it is never imported again.
        pub removed_at: Option<Timestamp>,
    }
);

/// What a new feed needs.
#[derive(Clone, Debug)]
pub struct NewFeed {
    /// Its name.
    pub name: String,
    /// `sdp` or `apt`.
    pub kind: String,
    /// JSON.
    pub config: String,
    /// Whether packages pinned by SHA-1 only may be offered.
    pub accept_sha1: bool,
    /// Minutes between imports; the first is due at once.
    pub schedule_minutes: Option<u32>,
}

/// What may be changed on a feed; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct FeedChange {
    /// Another name.
    pub name: Option<String>,
    /// Another configuration (rules, URL ...). Clears the fingerprint, so that the next import reads everything.
    pub config: Option<String>,
    /// Audited by an action of its own: `feed.accept-sha1`.
    pub accept_sha1: Option<bool>,
    /// Another schedule; `Some(None)` takes it away.
    pub schedule_minutes: Option<Option<u32>>,
}

/// Adds a feed.
///
/// # Errors
/// `Refused` when the name is in use.
pub async fn create(w: &mut Write<'_>, new: &NewFeed) -> Result<FeedId> {
    let _ = (w, new);
    todo!()
}

/// All feeds by name; removed ones last and only if asked for.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, with_removed: bool) -> Result<Vec<Feed>> {
    let _ = (db, with_removed);
    todo!()
}

/// A feed by id or name.
///
/// # Errors
/// `NotFound`.
pub async fn show(db: &Db, name_or_id: &str) -> Result<Feed> {
    let _ = (db, name_or_id);
    todo!()
}

/// A feed by id.
///
/// # Errors
/// `NotFound`.
pub async fn get(db: &Db, id: FeedId) -> Result<Feed> {
    let _ = (db, id);
    todo!()
}

/// Changes a feed and audits it.
///
/// # Errors
/// `NotFound`; `Refused` when the name is in use.
pub async fn update(w: &mut Write<'_>, id: FeedId, change: &FeedChange) -> Result<()> {
    let _ = (w, id, change);
    todo!()
}

/// Feeds whose scheduled import is due.
///
/// # Errors
/// When the database fails.
pub async fn due(db: &Db, now: Timestamp) -> Result<Vec<Feed>> {
    let _ = (db, now);
    todo!()
}

/// Notes that an import ended (well: `error` none) and sets the next due time by the schedule.
///
/// # Errors
/// `NotFound`.
pub async fn import_ended(w: &mut Write<'_>, id: FeedId, job: Option<JobId>, error: Option<&str>) -> Result<()> {
    let _ = (w, id, job, error);
    todo!()
}

/// What is to become of a removed feed's things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Refuse while packages exist; else everything of the feed goes.
    Refuse,
    /// Keep bulletins, updates and packages; the feed is never imported again and its name becomes free.
    Keep,
}

/// Removes a feed. For `--purge` the caller deletes the packages first and then calls this with [`Removal::Refuse`].
///
/// # Errors
/// `NotFound`; `Refused` while packages exist, and says how many and which options there are.
pub async fn remove(w: &mut Write<'_>, id: FeedId, removal: Removal) -> Result<()> {
    let _ = (w, id, removal);
    todo!()
}
