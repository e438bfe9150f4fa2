//! Updates of which only manifests tell, until a feed names them.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use patchwharf_model::{BulletinId, FeedId, Severity, Sha256, UpdateId, update::PayloadFile};

use super::{
    bulletins::{NewBulletin, put_bulletins},
    identity::{Named, found},
    updates::{NewUpdate, UpdateStanding, put_updates, set_update_standing},
};
use crate::{
    Db, DbError, Result, Write, derived,
    sql::{IntoValue, Number, Text, args, rows},
};

/// What a manifest tells of an update.
#[derive(Clone, Debug)]
pub struct LostUpdate {
    /// Its id, kept where it is free.
    pub update_id: UpdateId,
    /// The vendor's key.
    pub key: String,
    /// Its bulletin's id, kept where it is free.
    pub bulletin_id: BulletinId,
    /// The bulletin's name.
    pub bulletin: String,
    /// When its package was staged.
    pub staged_at: Timestamp,
    /// Its files.
    pub files: Vec<PayloadFile>,
    /// SHA-256 over `files`.
    pub files_digest: Sha256,
    /// JSON of an `UpdateItem`.
    pub item: String,
    /// SHA-256 of `item`.
    pub digest: Sha256,
}

/// Makes updates known that the feed's current catalogue does not have: not listed, so that an import which names them
/// brings what the vendor says. Those that are known stay as they are. Returns all their ids, in the order of `updates`.
///
/// # Errors
/// When the database fails.
pub async fn make_known(w: &mut Write<'_>, feed: FeedId, updates: &[LostUpdate]) -> Result<Vec<UpdateId>> {
    const WHAT: &str = "make updates known from manifests";
    const UPDATES: &str = "INSERT INTO software_update (update_id, feed_id, update_key, created_at) \
         SELECT CAST(value ->> 0 AS TEXT), $1, CAST(value ->> 1 AS TEXT), $2 FROM json_each($3) WHERE true \
         ON CONFLICT DO NOTHING";
    const BULLETINS: &str = "INSERT INTO bulletin (bulletin_id, feed_id, name, folded, enabled, created_at) \
         SELECT CAST(value ->> 0 AS TEXT), $1, CAST(value ->> 1 AS TEXT), CAST(value ->> 2 AS TEXT), 1, $2 \
         FROM json_each($3) WHERE true ON CONFLICT DO NOTHING";
    const SEEN_UPDATES: &str = "SELECT i.update_id AS id, i.update_key AS name FROM json_each($2) AS j \
         CROSS JOIN software_update AS i JOIN update_revision AS r ON r.update_id = i.update_id \
         WHERE i.feed_id = $1 AND i.update_key = CAST(j.value ->> 1 AS TEXT) \
         AND r.from_gen <= $3 AND (r.to_gen IS NULL OR r.to_gen > $3)";
    const SEEN_BULLETINS: &str = "SELECT i.bulletin_id AS id, i.name FROM json_each($2) AS j \
         CROSS JOIN bulletin AS i JOIN bulletin_revision AS r ON r.bulletin_id = i.bulletin_id \
         WHERE i.feed_id = $1 AND i.name = CAST(j.value ->> 1 AS TEXT) \
         AND r.from_gen <= $3 AND (r.to_gen IS NULL OR r.to_gen > $3)";
    let (now, generation) = (w.now(), generation(w, feed).await?);
    let last: BTreeMap<&str, &LostUpdate> = updates.iter().map(|u| (u.key.as_str(), u)).collect();
    let of_bulletins: BTreeMap<&str, &LostUpdate> = updates.iter().map(|u| (u.bulletin.as_str(), u)).collect();
    let update_rows = rows(WHAT, last.values().map(|u| (u.update_id, &u.key)))?;
    let bulletin_rows =
        rows(WHAT, of_bulletins.values().map(|u| (u.bulletin_id, &u.bulletin, u.bulletin.to_lowercase())))?;
    w.run(WHAT, UPDATES, vec![feed.into_value(), now.into_value(), update_rows.clone()]).await?;
    w.run(WHAT, BULLETINS, vec![feed.into_value(), now.into_value(), bulletin_rows.clone()]).await?;

    let seen: Vec<Named> =
        w.all(WHAT, SEEN_BULLETINS, vec![feed.into_value(), bulletin_rows, generation.into_value()]).await?;
    let seen: HashSet<&str> = seen.iter().map(|row| row.name.as_str()).collect();
    let new: Vec<NewBulletin> =
        of_bulletins.iter().filter(|(name, _)| !seen.contains(*name)).map(|(_, u)| bulletin(u)).collect();
    let new_bulletins = put_bulletins(w, feed, generation, &new).await?;

    let seen: Vec<Named> =
        w.all(WHAT, SEEN_UPDATES, vec![feed.into_value(), update_rows, generation.into_value()]).await?;
    let mut ids: HashMap<String, UpdateId> = seen.into_iter().map(|row| (row.name, UpdateId(row.id))).collect();
    let new: Vec<NewUpdate> = last.values().filter(|u| !ids.contains_key(&u.key)).map(|u| update(u)).collect();
    let put = put_updates(w, feed, generation, &new).await?;
    let unlisted: Vec<UpdateStanding> =
        put.iter().map(|put| UpdateStanding { update_id: put.update_id, superseded_by: None, listed: false }).collect();
    set_update_standing(w, feed, generation, &unlisted).await?;
    ids.extend(new.iter().zip(&put).map(|(update, put)| (update.key.clone(), put.update_id)));

    derived::generation(w, feed, generation, &new_bulletins).await?;
    let others: Vec<BulletinId> =
        put.iter().map(|put| put.bulletin_id).filter(|id| !new_bulletins.contains(id)).collect();
    derived::bulletins(w, &others).await?;
    updates.iter().map(|u| found(ids.get(&u.key).copied(), "update", &u.key)).collect()
}

/// Of these updates, as manifests name them (feed, key and id), the ids under which `make_known` could not make them known:
/// the feed of that name has the key under another id, or the id is another update's.
///
/// # Errors
/// When the database fails.
pub async fn under_other_ids(db: &Db, updates: &[(String, String, UpdateId)]) -> Result<HashSet<UpdateId>> {
    const WHAT: &str = "find updates that are known under other ids";
    const OTHER: &str = "SELECT CAST(j.value ->> 2 AS TEXT) AS text FROM json_each($1) AS j WHERE EXISTS (SELECT 1 \
         FROM feed AS f CROSS JOIN software_update AS i WHERE i.feed_id = f.feed_id \
         AND i.update_key = CAST(j.value ->> 1 AS TEXT) AND f.name = CAST(j.value ->> 0 AS TEXT) \
         AND (f.removed_at IS NULL OR f.kind = 'lost') AND i.update_id <> CAST(j.value ->> 2 AS TEXT)) \
         OR EXISTS (SELECT 1 FROM software_update AS i JOIN feed AS f ON f.feed_id = i.feed_id \
         WHERE i.update_id = CAST(j.value ->> 2 AS TEXT) AND NOT (i.update_key = CAST(j.value ->> 1 AS TEXT) \
         AND f.name = CAST(j.value ->> 0 AS TEXT) AND (f.removed_at IS NULL OR f.kind = 'lost')))";
    let found: Vec<Text> = db.all(WHAT, OTHER, vec![rows(WHAT, updates)?]).await?;
    Ok(found.into_iter().filter_map(|row| row.text.parse().ok()).collect())
}

/// The feed's current generation; the first one of a feed that has imported nothing yet.
async fn generation(w: &mut Write<'_>, feed: FeedId) -> Result<i64> {
    const WHAT: &str = "find the current catalogue of a feed";
    const FIRST: &str = "UPDATE feed SET current_generation = next_generation, next_generation = next_generation + 1 \
         WHERE feed_id = $1 AND current_generation = 0";
    const CURRENT: &str = "SELECT current_generation AS number FROM feed WHERE feed_id = $1";
    w.run(WHAT, FIRST, args![feed]).await?;
    let current = w.first::<Number>(WHAT, CURRENT, args![feed]).await?;
    current.map(|row| row.number).ok_or_else(|| DbError::not_found("feed", feed))
}

fn bulletin(of: &LostUpdate) -> NewBulletin {
    NewBulletin {
        name: of.bulletin.clone(),
        title: of.bulletin.clone(),
        description: "Made known by the manifest of a package; its feed has not been imported since.".to_owned(),
        vendor: String::new(),
        severity: Severity::NotRated,
        released_at: None,
        revised_at: of.staged_at,
        cves: Vec::new(),
        kbs: Vec::new(),
        superseded_by: None,
        withdrawn: false,
        listed: false,
        // No import has this digest: the first that names the bulletin writes it anew.
        digest: Sha256([0; 32]),
    }
}

fn update(of: &LostUpdate) -> NewUpdate {
    NewUpdate {
        key: of.key.clone(),
        bulletin: of.bulletin.clone(),
        revised_at: of.staged_at,
        title: of.key.clone(),
        vendor: String::new(),
        classification: String::new(),
        architecture: String::new(),
        version: String::new(),
        severity: Severity::NotRated,
        update_type: "software".to_owned(),
        withdrawn: false,
        superseded_by: None,
        size_bytes: of.files.iter().map(|file| file.size_bytes).sum(),
        files: of.files.clone(),
        files_digest: of.files_digest,
        item: of.item.clone(),
        digest: of.digest,
    }
}
