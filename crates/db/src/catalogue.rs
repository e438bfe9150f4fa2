//! Writing a catalogue: generations.
//!
//! An import takes a generation ([`begin_generation`]), writes only what is new or changed in batches (one
//! transaction each), and makes it current in one short transaction ([`switch_generation`]). Until then no reader
//! sees any of it; a crashed import is dropped by [`drop_crashed_generations`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use patchwharf_model::{BulletinId, FeedId, Severity, Sha256, UpdateId, update::PayloadFile};
use serde::Serialize;

use crate::{
    Db, DbError, Result, Write, derived,
    sql::{Cells, Column, IntoValue, Number, Record, Value, args, json, record, rows},
};

const CLOSE_UPDATES: &str = "UPDATE update_revision SET to_gen = $1 WHERE to_gen IS NULL AND from_gen < $1 \
     AND update_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($2))";
const CLOSE_BULLETINS: &str = "UPDATE bulletin_revision SET to_gen = $1 WHERE to_gen IS NULL AND from_gen < $1 \
     AND bulletin_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($2))";

/// A batch that was written twice in one import; then the older revision.
const END_UPDATES: [&str; 2] = [
    "DELETE FROM update_revision WHERE from_gen = $1 \
     AND update_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($2))",
    CLOSE_UPDATES,
];
const END_BULLETINS: [&str; 2] = [
    "DELETE FROM bulletin_revision WHERE from_gen = $1 \
     AND bulletin_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($2))",
    CLOSE_BULLETINS,
];

/// Revisions that never became current go, those that they had ended come back.
const DROP: &[&str] = &[
    "DELETE FROM update_revision WHERE ($1 = '' OR feed_id = $1) AND from_gen > \
     (SELECT f.current_generation FROM feed AS f WHERE f.feed_id = update_revision.feed_id)",
    "UPDATE update_revision SET to_gen = NULL WHERE ($1 = '' OR feed_id = $1) AND to_gen > \
     (SELECT f.current_generation FROM feed AS f WHERE f.feed_id = update_revision.feed_id)",
    "DELETE FROM bulletin_revision WHERE ($1 = '' OR feed_id = $1) AND from_gen > \
     (SELECT f.current_generation FROM feed AS f WHERE f.feed_id = bulletin_revision.feed_id)",
    "UPDATE bulletin_revision SET to_gen = NULL WHERE ($1 = '' OR feed_id = $1) AND to_gen > \
     (SELECT f.current_generation FROM feed AS f WHERE f.feed_id = bulletin_revision.feed_id)",
];

/// Ended revisions, then items and edges that no revision has any more.
const GARBAGE: &[&str] = &[
    "DELETE FROM update_revision WHERE (update_id, from_gen) IN (SELECT r.update_id, r.from_gen FROM feed AS f \
     JOIN update_revision AS r ON r.feed_id = f.feed_id AND r.to_gen <= f.current_generation LIMIT $1)",
    "DELETE FROM bulletin_revision WHERE (bulletin_id, from_gen) IN (SELECT r.bulletin_id, r.from_gen FROM feed AS f \
     JOIN bulletin_revision AS r ON r.feed_id = f.feed_id AND r.to_gen <= f.current_generation LIMIT $1)",
    "DELETE FROM update_item WHERE (update_id, digest) IN (SELECT i.update_id, i.digest FROM update_item AS i \
     WHERE NOT EXISTS (SELECT 1 FROM update_revision AS r WHERE r.update_id = i.update_id AND r.digest = i.digest) \
     LIMIT $1)",
    "DELETE FROM supersedence WHERE (update_id, digest) IN (SELECT i.update_id, i.digest FROM supersedence AS i \
     WHERE NOT EXISTS (SELECT 1 FROM update_revision AS r WHERE r.update_id = i.update_id AND r.digest = i.digest) \
     LIMIT $1)",
];

/// An id and the vendor's name of the thing.
struct Named {
    id: uuid::Uuid,
    name: String,
}

impl Record for Named {
    fn read(row: &dyn Cells) -> Result<Self> {
        Ok(Self { id: UpdateId::read(row, "id")?.0, name: String::read(row, "name")? })
    }
}

/// A row of more columns than serde's tuples have: the parts of a triple, one after the other.
struct Flat<'a, T>(&'a T);

impl<T: Serialize> Serialize for Flat<'_, T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let parts = serde_json::to_value(self.0).map_err(serde::ser::Error::custom)?;
        let parts = parts.as_array().map(Vec::as_slice).unwrap_or_default();
        serializer.collect_seq(parts.iter().filter_map(serde_json::Value::as_array).flatten())
    }
}

/// The ids of bulletins by name; those that do not exist are made, enabled.
async fn bulletin_ids<'n>(
    w: &mut Write<'_>,
    what: &'static str,
    feed: FeedId,
    names: impl Iterator<Item = &'n str>,
) -> Result<HashMap<String, BulletinId>> {
    const MAKE: &str = "INSERT INTO bulletin (bulletin_id, feed_id, name, folded, enabled, created_at) \
         SELECT CAST(value ->> 0 AS TEXT), $1, CAST(value ->> 1 AS TEXT), CAST(value ->> 2 AS TEXT), 1, $2 \
         FROM json_each($3) WHERE true ON CONFLICT (feed_id, name) DO NOTHING";
    const IDS: &str = "SELECT i.bulletin_id AS id, i.name FROM json_each($2) AS j \
         CROSS JOIN bulletin AS i WHERE i.feed_id = $1 AND i.name = CAST(j.value ->> 1 AS TEXT)";
    let now = w.now();
    let names: BTreeSet<&str> = names.collect();
    let batch = rows(what, names.iter().map(|name| (BulletinId::new(), name, name.to_lowercase())))?;
    w.run(what, MAKE, vec![feed.into_value(), now.into_value(), batch.clone()]).await?;
    let ids = w.all::<Named>(what, IDS, vec![feed.into_value(), batch]).await?;
    Ok(ids.into_iter().map(|row| (row.name, BulletinId(row.id))).collect())
}

fn found<T>(id: Option<T>, kind: &'static str, name: &str) -> Result<T> {
    id.ok_or_else(|| DbError::not_found(kind, name))
}

async fn end_revisions(
    w: &mut Write<'_>,
    what: &'static str,
    statements: [&'static str; 2],
    generation: i64,
    batch: Value,
) -> Result<()> {
    for statement in statements {
        w.run(what, statement, vec![generation.into_value(), batch.clone()]).await?;
    }
    Ok(())
}

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

/// Takes the feed's next generation. Two imports of one feed never share one.
///
/// # Errors
/// `NotFound` when the feed does not exist or was removed.
pub async fn begin_generation(w: &mut Write<'_>, feed: FeedId) -> Result<i64> {
    const TAKE: &str = "UPDATE feed SET next_generation = next_generation + 1 \
         WHERE feed_id = $1 AND removed_at IS NULL RETURNING next_generation - 1 AS number";
    let taken = w.first::<Number>("begin an import", TAKE, args![feed]).await?;
    taken.map(|row| row.number).ok_or_else(|| DbError::not_found("feed", feed))
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
         size_bytes, files, files_digest, digest) SELECT $1, $2, 1, CAST(value ->> 0 AS TEXT), \
         CAST(value ->> 1 AS TEXT), CAST(value ->> 2 AS BIGINT), CAST(value ->> 3 AS TEXT), CAST(value ->> 4 AS TEXT), \
         CAST(value ->> 5 AS TEXT), CAST(value ->> 6 AS TEXT), CAST(value ->> 7 AS TEXT), CAST(value ->> 8 AS BIGINT), \
         CAST(value ->> 9 AS TEXT), CAST(value ->> 10 AS BIGINT), CAST(value ->> 11 AS TEXT), \
         CAST(value ->> 12 AS BIGINT), CAST(value ->> 13 AS TEXT), CAST(value ->> 14 AS TEXT), \
         CAST(value ->> 15 AS TEXT) FROM json_each($3) WHERE true";
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
        items.push((id, u.digest, &u.item));
        revisions.push((
            (id, bulletin_of(&u.bulletin)?, u.revised_at.as_microsecond(), &u.title, &u.vendor, &u.classification),
            (&u.architecture, &u.version, severity, &u.update_type, i64::from(u.withdrawn), &u.superseded_by),
            (u.size_bytes, json(&u.files), u.files_digest, u.digest),
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
    const WHAT: &str = "write bulletins";
    const INSERT: &str = "INSERT INTO bulletin_revision (feed_id, from_gen, bulletin_id, title, description, vendor, \
         severity, released_at, revised_at, cves, kbs, superseded_by, withdrawn, listed, digest, search) \
         SELECT $1, $2, CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS TEXT), CAST(value ->> 2 AS TEXT), \
         CAST(value ->> 3 AS TEXT), CAST(value ->> 4 AS BIGINT), CAST(value ->> 5 AS BIGINT), \
         CAST(value ->> 6 AS BIGINT), CAST(value ->> 7 AS TEXT), CAST(value ->> 8 AS TEXT), CAST(value ->> 9 AS TEXT), \
         CAST(value ->> 10 AS BIGINT), CAST(value ->> 11 AS BIGINT), CAST(value ->> 12 AS TEXT), \
         CAST(value ->> 13 AS TEXT) FROM json_each($3) WHERE true";
    const REFERENCES: &str = "INSERT INTO bulletin_reference (reference, bulletin_id) SELECT CAST(value ->> 0 AS TEXT), \
         CAST(value ->> 1 AS TEXT) FROM json_each($1) WHERE true ON CONFLICT DO NOTHING";
    let ids = bulletin_ids(w, WHAT, feed, bulletins.iter().map(|b| b.name.as_str())).await?;
    let id_of = |name: &str| found(ids.get(name).copied(), "bulletin", name);
    let last: BTreeMap<&str, &NewBulletin> = bulletins.iter().map(|b| (b.name.as_str(), b)).collect();
    let (mut revisions, mut written, mut references) = (Vec::new(), Vec::new(), Vec::new());
    for (name, b) in &last {
        let id = id_of(name)?;
        let (cves, kbs) = (b.cves.join(" ").to_uppercase(), b.kbs.join(" ").to_uppercase());
        let search = [name, b.title.as_str(), &b.vendor, &cves, &kbs, &b.description].join("\n").to_lowercase();
        references.extend(cves.split(' ').chain(kbs.split(' ')).filter(|r| !r.is_empty()).map(|r| (r.to_owned(), id)));
        let released = b.released_at.map_or(0, Timestamp::as_microsecond);
        revisions.push((
            (id, &b.title, &b.description, &b.vendor, b.severity as i64),
            (released, b.revised_at.as_microsecond(), cves, kbs, &b.superseded_by),
            (i64::from(b.withdrawn), i64::from(b.listed), b.digest, search),
        ));
        written.push((id,));
    }
    end_revisions(w, WHAT, END_BULLETINS, generation, rows(WHAT, written)?).await?;
    let revisions = rows(WHAT, revisions.iter().map(Flat))?;
    w.run(WHAT, INSERT, vec![feed.into_value(), generation.into_value(), revisions]).await?;
    w.run(WHAT, REFERENCES, vec![rows(WHAT, references)?]).await?;
    bulletins.iter().map(|b| id_of(&b.name)).collect()
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
         size_bytes, files, files_digest, digest) SELECT r.update_id, r.feed_id, $1, r.bulletin_id, r.revised_at, \
         r.title, r.vendor, r.classification, r.architecture, r.version, r.severity, r.update_type, r.withdrawn, \
         CAST(j.value ->> 2 AS BIGINT), CAST(j.value ->> 1 AS TEXT), r.size_bytes, r.files, r.files_digest, r.digest \
         FROM json_each($2) AS j CROSS JOIN update_revision AS r WHERE r.update_id = CAST(j.value ->> 0 AS TEXT) \
         AND r.to_gen IS NULL AND r.from_gen < $1 AND r.feed_id = $3";
    let lines = standing.iter().map(|s| (s.update_id, &s.superseded_by, i64::from(s.listed)));
    let batch = rows(WHAT, lines)?;
    w.run(WHAT, NEW, vec![generation.into_value(), batch.clone()]).await?;
    w.run(WHAT, COPY, vec![generation.into_value(), batch.clone(), feed.into_value()]).await?;
    w.run(WHAT, CLOSE_UPDATES, vec![generation.into_value(), batch]).await?;
    Ok(())
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
    const WHAT: &str = "write the standing of bulletins";
    const NEW: &str = "UPDATE bulletin_revision SET superseded_by = j.superseded, listed = j.in_list, \
         withdrawn = j.gone FROM (SELECT CAST(value ->> 0 AS TEXT) AS id, CAST(value ->> 1 AS TEXT) AS superseded, \
         CAST(value ->> 2 AS BIGINT) AS in_list, CAST(value ->> 3 AS BIGINT) AS gone FROM json_each($2)) AS j \
         WHERE bulletin_revision.bulletin_id = j.id AND bulletin_revision.from_gen = $1";
    const COPY: &str = "INSERT INTO bulletin_revision (bulletin_id, feed_id, from_gen, title, description, vendor, \
         severity, released_at, revised_at, cves, kbs, superseded_by, withdrawn, listed, digest, search) \
         SELECT r.bulletin_id, r.feed_id, $1, r.title, r.description, r.vendor, r.severity, r.released_at, \
         r.revised_at, r.cves, r.kbs, CAST(j.value ->> 1 AS TEXT), CAST(j.value ->> 3 AS BIGINT), \
         CAST(j.value ->> 2 AS BIGINT), r.digest, r.search \
         FROM json_each($2) AS j CROSS JOIN bulletin_revision AS r WHERE r.bulletin_id = CAST(j.value ->> 0 AS TEXT) \
         AND r.to_gen IS NULL AND r.from_gen < $1 AND r.feed_id = $3";
    let lines = standing.iter().map(|s| (s.bulletin_id, &s.superseded_by, i64::from(s.listed), i64::from(s.withdrawn)));
    let batch = rows(WHAT, lines)?;
    w.run(WHAT, NEW, vec![generation.into_value(), batch.clone()]).await?;
    w.run(WHAT, COPY, vec![generation.into_value(), batch.clone(), feed.into_value()]).await?;
    w.run(WHAT, CLOSE_BULLETINS, vec![generation.into_value(), batch]).await?;
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
         AND r.feed_id = $3 ON CONFLICT DO NOTHING";
    let batch = rows(WHAT, edges)?;
    w.run(WHAT, INSERT, vec![generation.into_value(), batch, feed.into_value()]).await?;
    Ok(())
}

/// Makes the generation current and brings the derived columns of the bulletins that it touches up to date.
///
/// # Errors
/// `Refused` when the generation is not newer than the current one.
pub async fn switch_generation(w: &mut Write<'_>, feed: FeedId, switch: &Switch) -> Result<()> {
    const WHAT: &str = "make a catalogue current";
    const SWITCH: &str = "UPDATE feed SET current_generation = $2, fingerprint = $3, catalogue_date = $4 \
         WHERE feed_id = $1 AND current_generation < $2 AND next_generation > $2";
    let values = args![feed, switch.generation, switch.fingerprint.as_deref(), switch.catalogue_date];
    if w.run(WHAT, SWITCH, values).await? == 0 {
        return Err(DbError::Refused(format!(
            "generation {} of feed {feed} is not newer than the current one: another import was faster",
            switch.generation
        )));
    }
    derived::generation(w, feed, switch.generation).await?;
    w.audit("feed.import", format!("feed {feed}"), None, Some(format!("generation {}", switch.generation)));
    Ok(())
}

/// Drops what imports wrote that never ended, of one feed or of all. At start, and after a failed import.
/// The caller makes sure that no import of these feeds is running.
///
/// # Errors
/// When the database fails.
pub async fn drop_crashed_generations(w: &mut Write<'_>, feed: Option<FeedId>) -> Result<u64> {
    const WHAT: &str = "drop what a crashed import wrote";
    let one = feed.map(|id| id.to_string()).unwrap_or_default();
    let mut dropped = 0;
    for statement in DROP {
        dropped += w.run(WHAT, *statement, args![&one]).await?;
    }
    Ok(dropped)
}

/// Deletes up to `limit` rows that no reader can see any more. 0: nothing was left.
///
/// # Errors
/// When the database fails.
pub async fn collect_garbage(w: &mut Write<'_>, limit: u32) -> Result<u64> {
    const WHAT: &str = "delete what no reader can see";
    let mut gone = 0;
    for statement in GARBAGE {
        let left = u64::from(limit).saturating_sub(gone);
        if left > 0 {
            gone += w.run(WHAT, *statement, args![left]).await?;
        }
    }
    Ok(gone)
}
