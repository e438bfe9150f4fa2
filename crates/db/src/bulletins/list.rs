//! Lists, page by page.

use patchwharf_model::BulletinId;

use super::filter::{BulletinFilter, narrow};
use super::sort::{BulletinSort, Table};
use super::{Bulletin, Id};
use crate::{
    Db, DbError, Page, Result,
    page::Cursor,
    search::{Search, Texts},
    sql::{Builder, IntoValue, Number, rows},
};

const COLUMNS: &str = "SELECT i.bulletin_id, i.feed_id, f.name AS feed, i.name, r.title, r.description, r.vendor, \
     r.severity, i.custom_severity, i.enabled, NULLIF(r.released_at, 0) AS released_at, r.revised_at, r.cves, r.kbs, \
     r.superseded_by, r.withdrawn, r.listed, c.updates, c.packages, c.bad_packages, c.policies, \
     NULLIF(c.oldest_proof_at, 0) AS oldest_proof_at";

/// `CROSS JOIN` is an ordinary join that SQLite does not reorder: the table whose index gives the order comes first. The
/// feed is found by that table alone, or SQLite would look for the others by their feed.
macro_rules! from {
    ($tables:literal, $feed:literal) => {
        concat!(
            " FROM ",
            $tables,
            " WHERE f.feed_id = ",
            $feed,
            " AND r.bulletin_id = i.bulletin_id AND c.bulletin_id = i.bulletin_id ",
            "AND r.from_gen <= f.current_generation AND (r.to_gen IS NULL OR r.to_gen > f.current_generation) ",
            "AND c.from_gen <= f.current_generation AND (c.to_gen IS NULL OR c.to_gen > f.current_generation)"
        )
    };
}

const FROM_REVISION: &str = from!(
    "bulletin_revision AS r CROSS JOIN feed AS f CROSS JOIN bulletin AS i CROSS JOIN bulletin_count AS c",
    "r.feed_id"
);
const FROM_IDENTITY: &str = from!(
    "bulletin AS i CROSS JOIN feed AS f CROSS JOIN bulletin_revision AS r CROSS JOIN bulletin_count AS c",
    "i.feed_id"
);
const FROM_COUNT: &str = from!(
    "bulletin_count AS c CROSS JOIN feed AS f CROSS JOIN bulletin AS i CROSS JOIN bulletin_revision AS r",
    "c.feed_id"
);
/// To count, where nothing but revisions is asked for: every one has its identity and its counts.
const FROM_FEED: &str = " FROM feed AS f CROSS JOIN bulletin_revision AS r WHERE r.feed_id = f.feed_id \
     AND r.from_gen <= f.current_generation AND (r.to_gen IS NULL OR r.to_gen > f.current_generation)";

/// The table to begin with: few bulletins match what an index names or what the filter has an index for; else the one
/// that gives the order.
fn from(filter: &BulletinFilter, search: &Search, order: Table) -> &'static str {
    let table = if filter.cve.is_some() || filter.kb.is_some() {
        Table::Identity
    } else if search.is_narrow() {
        Table::Revision
    } else if filter.downloaded == Some(true) || filter.bad == Some(true) {
        Table::Count
    } else {
        order
    };
    match table {
        Table::Revision => FROM_REVISION,
        Table::Identity => FROM_IDENTITY,
        Table::Count => FROM_COUNT,
    }
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct BulletinQuery {
    /// Which.
    pub filter: BulletinFilter,
    /// By what.
    pub sort: BulletinSort,
    /// From the greatest down.
    pub descending: bool,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// Rows per page, 1 to 1000.
    pub limit: u32,
    /// Whether to count all matches, which costs a scan.
    pub with_total: bool,
}

/// A page of bulletins.
///
/// # Errors
/// `Refused` for a cursor that is none of ours.
pub async fn list(db: &Db, query: &BulletinQuery) -> Result<Page<Bulletin>> {
    const WHAT: &str = "list bulletins";
    let limit = query.limit.clamp(1, 1000);
    let search = Search::of(db, Texts::Bulletins, query.filter.text.as_deref()).await?;
    let total = if query.with_total { Some(count(db, WHAT, query, &search).await?) } else { None };
    let mut sql = Builder::new(COLUMNS);
    page(&mut sql, query, &search)?;
    sql.push(" LIMIT ", limit + 1);
    let (sql, args) = sql.build();
    let rows = db.all(WHAT, sql, args).await?;
    Ok(Page::cut(rows, limit, total, |row: &Bulletin| Cursor {
        key: query.sort.key(row),
        id: row.bulletin_id.to_string(),
    }))
}

async fn count(db: &Db, what: &'static str, query: &BulletinQuery, search: &Search) -> Result<u64> {
    let mut sql = Builder::new("SELECT COUNT(*) AS number");
    sql.text(if query.filter.is_of_revision_alone() && !search.is_narrow() {
        FROM_FEED
    } else {
        from(&query.filter, search, query.sort.table())
    });
    narrow(&mut sql, &query.filter, search);
    let (sql, args) = sql.build();
    let counted = db.first::<Number>(what, sql, args).await?;
    Ok(counted.map_or(0, |counted| u64::try_from(counted.number).unwrap_or_default()))
}

/// The statement of a page, from its tables to its order.
fn page(sql: &mut Builder, query: &BulletinQuery, search: &Search) -> Result<()> {
    sql.text(from(&query.filter, search, query.sort.table()));
    narrow(sql, &query.filter, search);
    if let Some(text) = &query.cursor {
        let cursor = Cursor::decode(text)?;
        let key = match query.sort {
            BulletinSort::Name => cursor.key.clone().into_value(),
            _ => cursor.number()?.into_value(),
        };
        let (after, then) = query.sort.after(query.descending);
        sql.push_value(after, key).push(then, cursor.id).text(")");
    }
    sql.text(query.sort.order(query.descending));
    Ok(())
}

/// The ids of all bulletins that a filter matches (to stage by filter), at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn ids(db: &Db, filter: &BulletinFilter, limit: u32) -> Result<Vec<BulletinId>> {
    let search = Search::of(db, Texts::Bulletins, filter.text.as_deref()).await?;
    let mut sql = Builder::new("SELECT i.bulletin_id AS text");
    sql.text(from(filter, &search, Table::Revision));
    narrow(&mut sql, filter, &search);
    sql.text(" ORDER BY i.name, i.bulletin_id").push(" LIMIT ", limit);
    let (sql, args) = sql.build();
    let rows = db.all::<Id>("find bulletins", sql, args).await?;
    Ok(rows.into_iter().map(|row| row.text).collect())
}

/// Bulletins by id, in the order of their names. Unknown ids are left out.
///
/// # Errors
/// When the database fails.
pub async fn by_ids(db: &Db, ids: &[BulletinId]) -> Result<Vec<Bulletin>> {
    const WHAT: &str = "read bulletins";
    let mut sql = Builder::new(COLUMNS);
    sql.text(FROM_IDENTITY);
    sql.push_value(
        " AND i.bulletin_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each(",
        rows(WHAT, ids.iter().map(|id| (id,)))?,
    );
    sql.text(")) ORDER BY i.name, i.bulletin_id");
    let (sql, args) = sql.build();
    db.all(WHAT, sql, args).await
}

/// One bulletin.
///
/// # Errors
/// `NotFound`.
pub async fn show(db: &Db, id: BulletinId) -> Result<Bulletin> {
    by_ids(db, &[id]).await?.pop().ok_or_else(|| DbError::not_found("bulletin", id))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::plan;

    #[tokio::test]
    async fn a_word_is_found_through_the_index_whatever_the_order() {
        let (db, _folder) = plan::database().await;
        let search = Search::of(&db, Texts::Bulletins, Some("kernel")).await.unwrap();
        for sort in [BulletinSort::Revised, BulletinSort::Name, BulletinSort::Packages] {
            let query = BulletinQuery {
                filter: BulletinFilter::default(),
                sort,
                descending: true,
                cursor: None,
                limit: 100,
                with_total: false,
            };
            let mut sql = Builder::new("EXPLAIN QUERY PLAN SELECT i.bulletin_id");
            page(&mut sql, &query, &search).unwrap();
            let (sql, args) = sql.build();
            let steps = plan::steps(&db, sql, args).await;
            assert!(steps[0].starts_with("SEARCH r USING INTEGER PRIMARY KEY"), "{sort:?}: {}", steps[0]);
        }
    }
}
