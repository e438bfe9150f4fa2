//! Software updates at their feeds' current generation.

use std::collections::HashMap;

use jiff::Timestamp;
use patchwharf_model::{
    BulletinId, FeedId, PackageId, Severity, Sha256, UpdateId, package::VersionState, update::PayloadFile,
};

use crate::{
    Db, DbError, Result,
    sql::{IntoValue, Text, args, record, rows},
};

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT i.update_id, i.update_key, i.feed_id, f.name AS feed, r.bulletin_id, b.name AS bulletin, ",
            "b.enabled AS bulletin_enabled, r.revised_at, r.title, r.vendor, r.classification, r.architecture, ",
            "r.version, r.severity, r.update_type, r.withdrawn, r.listed, r.superseded_by, r.size_bytes, r.files, ",
            "r.files_digest, p.package_id, p.current_version, v.state, v.unproved, v.files_digest AS staged_files_digest, ",
            "CASE WHEN p.current_version IS NULL THEN NULL ELSE NULLIF(p.proved_at, 0) END AS proved_at ",
            "FROM update_revision AS r JOIN feed AS f ON f.feed_id = r.feed_id ",
            "AND r.from_gen <= f.current_generation AND (r.to_gen IS NULL OR r.to_gen > f.current_generation) ",
            "JOIN software_update AS i ON i.update_id = r.update_id ",
            "JOIN bulletin AS b ON b.bulletin_id = r.bulletin_id ",
            "LEFT JOIN package AS p ON p.update_id = r.update_id AND p.active = 1 ",
            "LEFT JOIN package_version AS v ON v.package_id = p.package_id AND v.version = p.current_version",
            $condition
        )
    };
}

record!(
    struct Found {
        asked: String,
        update_id: UpdateId,
        feed: String,
    }
);

record!(
    /// An update that another one names by its key.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Known {
        /// Its id.
        pub update_id: UpdateId,
        /// The vendor's key.
        pub update_key: String,
        /// Its bulletin's name.
        pub bulletin: String,
    }
);

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
        /// Whether nobody vouches for that version's digests yet.
        pub unproved: Option<bool>,
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

/// Updates that the vendor has revised since their packages were staged: what is served is the content of before. Those that
/// are superseded or withdrawn, whose bulletin is disabled, or of which nothing is served, are left out.
///
/// # Errors
/// When the database fails.
pub async fn revised(db: &Db) -> Result<Vec<Update>> {
    const REVISED: &str = select!(
        " WHERE p.update_id IS NOT NULL AND v.files_digest <> r.files_digest AND r.withdrawn = 0 AND r.listed = 1 \
         AND r.superseded_by IS NULL AND r.files <> '[]' AND f.removed_at IS NULL AND b.enabled = 1 \
         ORDER BY b.name, i.update_key"
    );
    db.all("find revised updates", REVISED, args![]).await
}

/// Updates of these bulletins, by bulletin and key.
///
/// # Errors
/// When the database fails.
pub async fn by_bulletins(db: &Db, bulletins: &[BulletinId]) -> Result<Vec<Update>> {
    const WHAT: &str = "read the updates of bulletins";
    const BY: &str = select!(
        " WHERE r.bulletin_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1)) ORDER BY b.name, i.update_key"
    );
    db.all(WHAT, BY, vec![rows(WHAT, bulletins.iter().map(|id| (id,)))?]).await
}

/// Updates by id; unknown ids are left out.
///
/// # Errors
/// When the database fails.
pub async fn by_ids(db: &Db, ids: &[UpdateId]) -> Result<Vec<Update>> {
    const WHAT: &str = "read updates";
    const BY: &str = select!(
        " WHERE r.update_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1)) ORDER BY b.name, i.update_key"
    );
    db.all(WHAT, BY, vec![rows(WHAT, ids.iter().map(|id| (id,)))?]).await
}

/// All updates by id, `limit` at a time, those after `after`.
///
/// # Errors
/// When the database fails.
pub async fn page(db: &Db, after: Option<UpdateId>, limit: u32) -> Result<Vec<Update>> {
    const PAGE: &str = select!(" WHERE r.update_id > $1 ORDER BY r.update_id LIMIT $2");
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    db.all("list updates", PAGE, args![after, limit]).await
}

/// One update.
///
/// # Errors
/// `NotFound`.
pub async fn show(db: &Db, id: UpdateId) -> Result<Update> {
    by_ids(db, &[id]).await?.pop().ok_or_else(|| DbError::not_found("update", id))
}

/// JSON of the whole `UpdateItem`.
///
/// # Errors
/// `NotFound`.
pub async fn item(db: &Db, id: UpdateId) -> Result<String> {
    const ITEM: &str = "SELECT t.item AS text FROM update_revision AS r JOIN feed AS f ON f.feed_id = r.feed_id \
         JOIN update_item AS t ON t.update_id = r.update_id AND t.digest = r.digest WHERE r.update_id = $1 \
         AND r.from_gen <= f.current_generation AND (r.to_gen IS NULL OR r.to_gen > f.current_generation)";
    let found = db.first::<Text>("read an update's item", ITEM, args![id]).await?;
    found.map(|row| row.text).ok_or_else(|| DbError::not_found("update", id))
}

/// Of these keys of a feed those that it has, by key.
///
/// # Errors
/// When the database fails.
pub async fn known(db: &Db, feed: FeedId, keys: &[String]) -> Result<Vec<Known>> {
    const WHAT: &str = "find updates that another one names";
    const KNOWN: &str = "SELECT i.update_id, i.update_key, b.name AS bulletin FROM json_each($2) AS j \
         CROSS JOIN software_update AS i CROSS JOIN feed AS f CROSS JOIN update_revision AS r CROSS JOIN bulletin AS b \
         WHERE i.feed_id = $1 AND i.update_key = CAST(j.value ->> 0 AS TEXT) AND f.feed_id = i.feed_id \
         AND r.update_id = i.update_id AND r.from_gen <= f.current_generation \
         AND (r.to_gen IS NULL OR r.to_gen > f.current_generation) AND b.bulletin_id = r.bulletin_id ORDER BY i.update_key";
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    db.all(WHAT, KNOWN, vec![feed.into_value(), rows(WHAT, keys.iter().map(|key| (key,)))?]).await
}

/// Ids for what people type: an id, the vendor's key, or `FEED/KEY`. Same order as given.
///
/// # Errors
/// `NotFound`; `Ambiguous`.
pub async fn resolve(db: &Db, names: &[String]) -> Result<Vec<UpdateId>> {
    const WHAT: &str = "find updates by key";
    const FIND: &str = "SELECT CAST(j.value ->> 0 AS TEXT) AS asked, i.update_id, f.name AS feed \
         FROM json_each($1) AS j JOIN software_update AS i ON i.update_id = CAST(j.value ->> 1 AS TEXT) \
         JOIN feed AS f ON f.feed_id = i.feed_id \
         UNION SELECT CAST(j.value ->> 0 AS TEXT), i.update_id, f.name FROM json_each($1) AS j CROSS JOIN feed AS f \
         CROSS JOIN software_update AS i WHERE i.feed_id = f.feed_id \
         AND i.update_key IN (CAST(j.value ->> 0 AS TEXT), CAST(j.value ->> 1 AS TEXT)) \
         UNION SELECT CAST(j.value ->> 0 AS TEXT), i.update_id, f.name FROM json_each($1) AS j \
         CROSS JOIN feed AS f CROSS JOIN software_update AS i WHERE f.name = CAST(j.value ->> 2 AS TEXT) \
         AND i.feed_id = f.feed_id AND i.update_key = CAST(j.value ->> 3 AS TEXT)";
    let asked = names.iter().map(|name| {
        let (feed, rest) = name.split_once('/').unzip();
        (name, name.trim().to_lowercase(), feed, rest)
    });
    let found: Vec<Found> = db.all(WHAT, FIND, vec![rows(WHAT, asked)?]).await?;
    let mut by_name: HashMap<&str, Vec<&Found>> = HashMap::new();
    for row in &found {
        by_name.entry(&row.asked).or_default().push(row);
    }
    names
        .iter()
        .map(|name| match by_name.get(name.as_str()).map(Vec::as_slice) {
            None | Some([]) => Err(DbError::not_found("update", name)),
            Some([one]) => Ok(one.update_id),
            Some(many) => {
                let mut feeds: Vec<String> = many.iter().map(|row| row.feed.clone()).collect();
                feeds.sort();
                Err(DbError::Ambiguous { name: name.clone(), feeds })
            }
        })
        .collect()
}
