//! Ids of things that a feed names; they survive every import.

use std::collections::{BTreeSet, HashMap};

use patchwharf_model::{BulletinId, FeedId, UpdateId};

use crate::{
    DbError, Result, Write,
    sql::{Cells, Column, IntoValue, Record, rows},
};

/// An id and the vendor's name of the thing.
pub(super) struct Named {
    pub(super) id: uuid::Uuid,
    pub(super) name: String,
}

impl Record for Named {
    fn read(row: &dyn Cells) -> Result<Self> {
        Ok(Self { id: UpdateId::read(row, "id")?.0, name: String::read(row, "name")? })
    }
}

/// The ids of bulletins by name; those that do not exist are made, enabled.
pub(super) async fn bulletin_ids<'n>(
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

pub(super) fn found<T>(id: Option<T>, kind: &'static str, name: &str) -> Result<T> {
    id.ok_or_else(|| DbError::not_found(kind, name))
}
