//! Updates of an import.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use patchwharf_model::{BulletinId, FeedId, Severity, Sha256, UpdateId, update::PayloadFile};

use super::identity::{Named, bulletin_ids, found};
use super::revision::{Flat, end_revisions};
use crate::{
    Result, Write,
    sql::{IntoValue, json, rows},
};

const CLOSE_UPDATES: &str = "UPDATE update_revision SET to_gen = $1 WHERE to_gen IS NULL AND from_gen < $1 \
     AND update_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($2))";

/// A batch that was written twice in one import; then the older revision.
const END_UPDATES: [&str; 2] = [
    "DELETE FROM update_revision WHERE from_gen = $1 \
     AND update_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($2))",
    CLOSE_UPDATES,
];

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
    const WHAT: &str = "write updates";
    const IDENTITIES: &str = "INSERT INTO software_update (update_id, feed_id, update_key, created_at) \
         SELECT CAST(value ->> 0 AS TEXT), $1, CAST(value ->> 1 AS TEXT), $2 FROM json_each($3) WHERE true \
         ON CONFLICT (feed_id, update_key) DO NOTHING";
    const IDS: &str = "SELECT i.update_id AS id, i.update_key AS name FROM json_each($2) AS j \
         CROSS JOIN software_update AS i WHERE i.feed_id = $1 AND i.update_key = CAST(j.value ->> 1 AS TEXT)";
    const ITEMS: &str = "INSERT INTO update_item (update_id, digest, item) SELECT CAST(value ->> 0 AS TEXT), \
         CAST(value ->> 1 AS TEXT), CAST(value ->> 2 AS TEXT) FROM json_each($1) WHERE true ON CONFLICT DO NOTHING";
    const INSERT: &str = "INSERT INTO update_revision (feed_id, from_gen, listed, update_id, bulletin_id, revised_at, \
         title, vendor, classification, architecture, version, severity, update_type, withdrawn, superseded_by, \
         size_bytes, files, files_digest, digest, search) SELECT $1, $2, 1, CAST(value ->> 0 AS TEXT), \
         CAST(value ->> 1 AS TEXT), CAST(value ->> 2 AS BIGINT), CAST(value ->> 3 AS TEXT), CAST(value ->> 4 AS TEXT), \
         CAST(value ->> 5 AS TEXT), CAST(value ->> 6 AS TEXT), CAST(value ->> 7 AS TEXT), CAST(value ->> 8 AS BIGINT), \
         CAST(value ->> 9 AS TEXT), CAST(value ->> 10 AS BIGINT), CAST(value ->> 11 AS TEXT), \
         CAST(value ->> 12 AS BIGINT), CAST(value ->> 13 AS TEXT), CAST(value ->> 14 AS TEXT), \
         CAST(value ->> 15 AS TEXT), CAST(value ->> 16 AS TEXT) FROM json_each($3) WHERE true";
    let now = w.now();
    let bulletins = bulletin_ids(w, WHAT, feed, updates.iter().map(|u| u.bulletin.as_str())).await?;

    // A key that comes again: the last one counts.
    let last: BTreeMap<&str, &NewUpdate> = updates.iter().map(|u| (u.key.as_str(), u)).collect();
    let identities = rows(WHAT, last.keys().map(|key| (UpdateId::new(), key)))?;
    w.run(WHAT, IDENTITIES, vec![feed.into_value(), now.into_value(), identities.clone()]).await?;
    let ids = w.all::<Named>(WHAT, IDS, vec![feed.into_value(), identities]).await?;
    let ids: HashMap<String, UpdateId> = ids.into_iter().map(|row| (row.name, UpdateId(row.id))).collect();
    let id_of = |key: &str| found(ids.get(key).copied(), "update", key);
    let bulletin_of = |name: &str| found(bulletins.get(name).copied(), "bulletin", name);

    let (mut items, mut revisions, mut written) = (Vec::new(), Vec::new(), Vec::new());
    for (key, u) in &last {
        let id = id_of(key)?;
        let severity = u.severity as i64;
        let search = [key, u.title.as_str(), &u.bulletin].join("\n").to_lowercase();
        items.push((id, u.digest, &u.item));
        revisions.push((
            (id, bulletin_of(&u.bulletin)?, u.revised_at.as_microsecond(), &u.title, &u.vendor, &u.classification),
            (&u.architecture, &u.version, severity, &u.update_type, i64::from(u.withdrawn), &u.superseded_by),
            (u.size_bytes, json(&u.files), u.files_digest, u.digest, search),
        ));
        written.push((id,));
    }
    end_revisions(w, WHAT, END_UPDATES, generation, rows(WHAT, written)?).await?;
    w.run(WHAT, ITEMS, vec![rows(WHAT, items)?]).await?;
    let revisions = rows(WHAT, revisions.iter().map(Flat))?;
    w.run(WHAT, INSERT, vec![feed.into_value(), generation.into_value(), revisions]).await?;
    updates
        .iter()
        .map(|u| Ok(PutUpdate { update_id: id_of(&u.key)?, bulletin_id: bulletin_of(&u.bulletin)? }))
        .collect()
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
    const WHAT: &str = "write the standing of updates";
    const NEW: &str = "UPDATE update_revision SET superseded_by = j.superseded, listed = j.in_list \
         FROM (SELECT CAST(value ->> 0 AS TEXT) AS id, CAST(value ->> 1 AS TEXT) AS superseded, \
         CAST(value ->> 2 AS BIGINT) AS in_list FROM json_each($2)) AS j \
         WHERE update_revision.update_id = j.id AND update_revision.from_gen = $1";
    const COPY: &str = "INSERT INTO update_revision (update_id, feed_id, from_gen, bulletin_id, revised_at, title, \
         vendor, classification, architecture, version, severity, update_type, withdrawn, listed, superseded_by, \
         size_bytes, files, files_digest, digest, search) SELECT r.update_id, r.feed_id, $1, r.bulletin_id, r.revised_at, \
         r.title, r.vendor, r.classification, r.architecture, r.version, r.severity, r.update_type, r.withdrawn, \
         CAST(j.value ->> 2 AS BIGINT), CAST(j.value ->> 1 AS TEXT), r.size_bytes, r.files, r.files_digest, r.digest, \
         r.search FROM json_each($2) AS j CROSS JOIN update_revision AS r WHERE r.update_id = CAST(j.value ->> 0 AS TEXT) \
         AND r.to_gen IS NULL AND r.from_gen < $1 AND r.feed_id || '' = $3";
    let lines = standing.iter().map(|s| (s.update_id, &s.superseded_by, i64::from(s.listed)));
    let batch = rows(WHAT, lines)?;
    w.run(WHAT, NEW, vec![generation.into_value(), batch.clone()]).await?;
    w.run(WHAT, COPY, vec![generation.into_value(), batch.clone(), feed.into_value()]).await?;
    w.run(WHAT, CLOSE_UPDATES, vec![generation.into_value(), batch]).await?;
    Ok(())
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
    const WHAT: &str = "write what updates supersede";
    const INSERT: &str = "INSERT INTO supersedence (update_id, digest, feed_id, superseded_key) \
         SELECT r.update_id, r.digest, r.feed_id, CAST(j.value ->> 1 AS TEXT) FROM json_each($2) AS j \
         CROSS JOIN update_revision AS r WHERE r.update_id = CAST(j.value ->> 0 AS TEXT) AND r.from_gen = $1 \
         AND r.feed_id || '' = $3 ON CONFLICT DO NOTHING";
    let batch = rows(WHAT, edges)?;
    w.run(WHAT, INSERT, vec![generation.into_value(), batch, feed.into_value()]).await?;
    Ok(())
}
