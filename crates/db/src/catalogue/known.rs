//! What the database knows of a feed, to compare a new catalogue with.

use std::collections::HashMap;

use patchwharf_model::{BulletinId, FeedId, Sha256, UpdateId};

use crate::{
    Db, Result,
    sql::{args, record},
};

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

/// All updates of a feed at its current generation, by key. Light: about 300 bytes for each.
///
/// # Errors
/// When the database fails.
pub async fn known_updates(db: &Db, feed: FeedId) -> Result<HashMap<String, KnownUpdate>> {
    const KNOWN: &str = "SELECT i.update_key, i.update_id, r.bulletin_id, r.digest, r.superseded_by, r.from_gen, \
         r.listed, r.withdrawn FROM feed AS f JOIN software_update AS i ON i.feed_id = f.feed_id \
         JOIN update_revision AS r ON r.update_id = i.update_id AND r.from_gen <= f.current_generation \
         AND (r.to_gen IS NULL OR r.to_gen > f.current_generation) WHERE f.feed_id = $1";
    let mut known = HashMap::new();
    db.each("read the updates of a feed", KNOWN, args![feed], |row: KnownUpdate| {
        known.insert(row.update_key.clone(), row);
    })
    .await?;
    Ok(known)
}

/// All bulletins of a feed at its current generation, by name.
///
/// # Errors
/// When the database fails.
pub async fn known_bulletins(db: &Db, feed: FeedId) -> Result<HashMap<String, KnownBulletin>> {
    const KNOWN: &str = "SELECT i.name, i.bulletin_id, r.digest, r.superseded_by, r.listed, r.withdrawn \
         FROM feed AS f JOIN bulletin AS i ON i.feed_id = f.feed_id \
         JOIN bulletin_revision AS r ON r.bulletin_id = i.bulletin_id AND r.from_gen <= f.current_generation \
         AND (r.to_gen IS NULL OR r.to_gen > f.current_generation) WHERE f.feed_id = $1";
    let mut known = HashMap::new();
    db.each("read the bulletins of a feed", KNOWN, args![feed], |row: KnownBulletin| {
        known.insert(row.name.clone(), row);
    })
    .await?;
    Ok(known)
}
