//! Writing a catalogue: generations.
//!
//! An import takes a generation ([`begin_generation`]), writes only what is new or changed in batches (one
//! transaction each), and makes it current in one short transaction ([`switch_generation`]). Until then no reader
//! sees any of it; a crashed import is dropped by [`drop_crashed_generations`].

use std::collections::HashMap;

use jiff::Timestamp;
use patchwharf_model::{BulletinId, FeedId, Severity, Sha256, UpdateId, update::PayloadFile};

use crate::{Db, Result, Write, sql::record};

record!(
    /// What the database knows of an update at the feed's current generation.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct KnownUpdate {
        /// The vendor's key.
        pub update_key: String,
        /// Its id.
        pub update_id: UpdateId,
        /// Its bulletin.
        pub bulletin_id: BulletinId,
        /// SHA-256 of its item as it was written.
        pub digest: Sha256,
        /// Key of a live superseding update.
        pub superseded_by: Option<String>,
        /// Generation that wrote this revision.
        pub from_gen: i64,
        /// False: absent from the current catalogue.
        pub listed: bool,
        /// Withdrawn by the vendor.
        pub withdrawn: bool,
    }
);

record!(
    /// What the database knows of a bulletin at the feed's current generation.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct KnownBulletin {
        /// Its key in the feed.
        pub name: String,
        /// Its id.
        pub bulletin_id: BulletinId,
        /// Digest that the importer gave for its revision.
        pub digest: Sha256,
        /// Name of the bulletin that takes its place.
        pub superseded_by: Option<String>,
        /// False: absent from the current catalogue.
        pub listed: bool,
        /// Withdrawn as a whole.
        pub withdrawn: bool,
    }
);

/// An update to write. Identity is (feed, key): an existing one gets a new revision, its old one ends.
#[derive(Clone, Debug)]
pub struct NewUpdate {
    /// The vendor's key.
    pub key: String,
    /// Name of its bulletin in the feed; its identity row is made when it does not exist.
    pub bulletin: String,
    /// Vendor's time of this revision.
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
    /// Key of a live superseding update.
    pub superseded_by: Option<String>,
    /// Bytes of `files`.
    pub size_bytes: u64,
    /// The files that the feed's rules choose.
    pub files: Vec<PayloadFile>,
    /// SHA-256 over names, sizes and digests of `files`: equal means same content.
    pub files_digest: Sha256,
    /// JSON of the whole `UpdateItem`.
    pub item: String,
    /// SHA-256 of `item`.
    pub digest: Sha256,
}

/// What became of a [`NewUpdate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutUpdate {
    /// Its id, kept for good.
    pub update_id: UpdateId,
    /// Its bulletin.
    pub bulletin_id: BulletinId,
}

/// A bulletin to write; identity is (feed, name).
#[derive(Clone, Debug)]
pub struct NewBulletin {
    /// Key in the feed.
    pub name: String,
    /// Title.
    pub title: String,
    /// Description.
    pub description: String,
    /// Vendor.
    pub vendor: String,
    /// Vendor severity.
    pub severity: Severity,
    /// First released.
    pub released_at: Option<Timestamp>,
    /// Last revised.
    pub revised_at: Timestamp,
    /// CVE names.
    pub cves: Vec<String>,
    /// Knowledge-base articles.
    pub kbs: Vec<String>,
    /// Name of the bulletin that takes its place.
    pub superseded_by: Option<String>,
    /// Withdrawn as a whole.
    pub withdrawn: bool,
    /// False: absent from the current catalogue.
    pub listed: bool,
    /// What the importer compares next time.
    pub digest: Sha256,
}

/// A change of an update's standing that leaves its content alone.
#[derive(Clone, Debug)]
pub struct UpdateStanding {
    /// The update.
    pub update_id: UpdateId,
    /// Key of a live superseding update.
    pub superseded_by: Option<String>,
    /// False: absent from the current catalogue.
    pub listed: bool,
}

/// A change of a bulletin's standing that leaves its content alone.
#[derive(Clone, Debug)]
pub struct BulletinStanding {
    /// The bulletin.
    pub bulletin_id: BulletinId,
    /// Name of the bulletin that takes its place.
    pub superseded_by: Option<String>,
    /// False: absent from the current catalogue.
    pub listed: bool,
    /// Withdrawn as a whole.
    pub withdrawn: bool,
}

/// What an import leaves on its feed when it ends well.
#[derive(Clone, Debug)]
pub struct Switch {
    /// The generation to make current.
    pub generation: i64,
    /// Validators and digest.
    pub fingerprint: Option<String>,
    /// The catalogue's own date.
    pub catalogue_date: Option<Timestamp>,
}

/// All updates of a feed at its current generation, by key. Light: about 300 bytes for each.
///
/// # Errors
/// When the database fails.
pub async fn known_updates(db: &Db, feed: FeedId) -> Result<HashMap<String, KnownUpdate>> {
    let _ = (db, feed);
    todo!()
}

/// All bulletins of a feed at its current generation, by name.
///
/// # Errors
/// When the database fails.
pub async fn known_bulletins(db: &Db, feed: FeedId) -> Result<HashMap<String, KnownBulletin>> {
    let _ = (db, feed);
    todo!()
}

/// Takes the feed's next generation. Two imports of one feed never share one.
///
/// # Errors
/// `NotFound` when the feed does not exist or was removed.
pub async fn begin_generation(w: &mut Write<'_>, feed: FeedId) -> Result<i64> {
    let _ = (w, feed);
    todo!()
}

/// Writes new or changed updates (about 1,000 at a time) and ends their older revisions. Same order as given.
/// A key may come only once in an import; the last one wins when it comes again.
///
/// # Errors
/// When the database fails.
pub async fn put_updates(
    w: &mut Write<'_>,
    feed: FeedId,
    generation: i64,
    updates: &[NewUpdate],
) -> Result<Vec<PutUpdate>> {
    let _ = (w, feed, generation, updates);
    todo!()
}

/// Writes new or changed bulletins and ends their older revisions. Same order as given.
///
/// # Errors
/// When the database fails.
pub async fn put_bulletins(
    w: &mut Write<'_>,
    feed: FeedId,
    generation: i64,
    bulletins: &[NewBulletin],
) -> Result<Vec<BulletinId>> {
    let _ = (w, feed, generation, bulletins);
    todo!()
}

/// Sets superseded-by and listed for updates whose content did not change: a new revision with the same content.
///
/// # Errors
/// When the database fails.
pub async fn set_update_standing(
    w: &mut Write<'_>,
    feed: FeedId,
    generation: i64,
    standing: &[UpdateStanding],
) -> Result<()> {
    let _ = (w, feed, generation, standing);
    todo!()
}

/// Sets the standing of bulletins whose content did not change.
///
/// # Errors
/// When the database fails.
pub async fn set_bulletin_standing(
    w: &mut Write<'_>,
    feed: FeedId,
    generation: i64,
    standing: &[BulletinStanding],
) -> Result<()> {
    let _ = (w, feed, generation, standing);
    todo!()
}

/// Writes what updates supersede, as their revision of this generation lists it (forward edges; keys may dangle).
///
/// # Errors
/// When the database fails.
pub async fn put_supersedence(
    w: &mut Write<'_>,
    feed: FeedId,
    generation: i64,
    edges: &[(UpdateId, String)],
) -> Result<()> {
    let _ = (w, feed, generation, edges);
    todo!()
}

/// Makes the generation current and brings the derived columns of the bulletins that it touches up to date.
///
/// # Errors
/// `Refused` when the generation is not newer than the current one.
pub async fn switch_generation(w: &mut Write<'_>, feed: FeedId, switch: &Switch) -> Result<()> {
    let _ = (w, feed, switch);
    todo!()
}

/// Drops what imports wrote that never ended, of one feed or of all. At start, and after a failed import.
/// The caller makes sure that no import of these feeds is running.
///
/// # Errors
/// When the database fails.
pub async fn drop_crashed_generations(w: &mut Write<'_>, feed: Option<FeedId>) -> Result<u64> {
    let _ = (w, feed);
    todo!()
}

/// Deletes up to `limit` rows that no reader can see any more. 0: nothing was left.
///
/// # Errors
/// When the database fails.
pub async fn collect_garbage(w: &mut Write<'_>, limit: u32) -> Result<u64> {
    let _ = (w, limit);
    todo!()
}
