//! Bulletins of an import.

use std::collections::BTreeMap;

use jiff::Timestamp;
use patchwharf_model::{BulletinId, FeedId, Severity, Sha256};

use super::identity::{bulletin_ids, found};
use super::revision::{Flat, end_revisions};
use crate::{
    Result, Write,
    sql::{IntoValue, rows},
};

const CLOSE_BULLETINS: &str = "UPDATE bulletin_revision SET to_gen = $1 WHERE to_gen IS NULL AND from_gen < $1 \
     AND bulletin_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($2))";

const END_BULLETINS: [&str; 2] = [
    "DELETE FROM bulletin_revision WHERE from_gen = $1 \
     AND bulletin_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($2))",
    CLOSE_BULLETINS,
];

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
         AND r.to_gen IS NULL AND r.from_gen < $1 AND r.feed_id || '' = $3";
    let lines = standing.iter().map(|s| (s.bulletin_id, &s.superseded_by, i64::from(s.listed), i64::from(s.withdrawn)));
    let batch = rows(WHAT, lines)?;
    w.run(WHAT, NEW, vec![generation.into_value(), batch.clone()]).await?;
    w.run(WHAT, COPY, vec![generation.into_value(), batch.clone(), feed.into_value()]).await?;
    w.run(WHAT, CLOSE_BULLETINS, vec![generation.into_value(), batch]).await?;
    Ok(())
}
