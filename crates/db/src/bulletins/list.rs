//! Lists, page by page.

use patchwharf_model::BulletinId;

use super::{
    Bulletin, Id,
    count::{count, current, few},
    filter::{BulletinFilter, narrow},
    sort::{BulletinSort, Table},
};
use crate::{
    Db, DbError, Page, Result,
    page::Cursor,
    search::{Search, Texts},
    sql::{Builder, IntoValue, rows},
};

const COLUMNS: &str = "SELECT i.bulletin_id, i.feed_id, f.name AS feed, i.name, r.title, r.description, r.vendor, \
     c.severity, i.custom_severity, c.enabled, NULLIF(c.released_at, 0) AS released_at, c.revised_at, r.cves, r.kbs, \
     r.superseded_by, c.withdrawn, c.listed, c.updates, c.packages, c.bad_packages, c.policies, \
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
            " AND r.bulletin_id = i.bulletin_id AND c.bulletin_id = i.bulletin_id AND ",
            current!("r"),
            " AND ",
            current!("c")
        )
    };
}

pub(super) const FROM_REVISION: &str = from!(
    "bulletin_revision AS r CROSS JOIN feed AS f CROSS JOIN bulletin AS i CROSS JOIN bulletin_count AS c",
    "r.feed_id"
);
pub(super) const FROM_IDENTITY: &str = from!(
    "bulletin AS i CROSS JOIN feed AS f CROSS JOIN bulletin_revision AS r CROSS JOIN bulletin_count AS c",
    "i.feed_id"
);
const FROM_COUNT: &str = from!(
    "bulletin_count AS c CROSS JOIN feed AS f CROSS JOIN bulletin AS i CROSS JOIN bulletin_revision AS r",
    "c.feed_id"
);

/// How a statement goes about its bulletins.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    /// An index of words, CVEs or articles names the few that match.
    Named,
    /// These match.
    Few(Vec<BulletinId>),
    /// Through the list in its order, until the page is full.
    InOrder,
}

impl Way {
    async fn to(db: &Db, filter: &BulletinFilter, search: &Search) -> Result<Self> {
        if search.is_narrow() || filter.is_by_reference() {
            return Ok(Self::Named);
        }
        let few = if *filter == BulletinFilter::default() { None } else { few(db, filter, search).await? };
        Ok(few.map_or(Self::InOrder, Self::Few))
    }

    /// Adds tables and conditions.
    fn go(&self, sql: &mut Builder, filter: &BulletinFilter, search: &Search, sort: BulletinSort) -> Result<()> {
        match self {
            Self::Named => {
                sql.text(if search.is_narrow() { FROM_REVISION } else { FROM_IDENTITY });
                narrow(sql, filter, search, None);
            }
            Self::Few(ids) => {
                sql.text(FROM_IDENTITY);
                these(sql, ids)?;
            }
            Self::InOrder => {
                sql.text(match sort.table() {
                    Table::Identity => FROM_IDENTITY,
                    Table::Count => FROM_COUNT,
                });
                narrow(sql, filter, search, Some(sort));
            }
        }
        Ok(())
    }

    /// How many match.
    async fn total(&self, db: &Db, query: &BulletinQuery, search: &Search) -> Result<Option<u64>> {
        Ok(match self {
            _ if !query.with_total => None,
            Self::Few(ids) => Some(ids.len() as u64),
            _ => Some(count(db, &query.filter, search).await?),
        })
    }
}

/// Adds the condition that it is one of these.
fn these(sql: &mut Builder, ids: &[BulletinId]) -> Result<()> {
    let ids = rows("read bulletins", ids.iter().map(|id| (id,)))?;
    sql.push_value(" AND i.bulletin_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each(", ids).text("))");
    Ok(())
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
    let way = Way::to(db, &query.filter, &search).await?;
    let mut sql = Builder::new(COLUMNS);
    page(&mut sql, query, &search, &way)?;
    sql.push(" LIMIT ", limit + 1);
    let (sql, args) = sql.build();
    // Counting may take longer than the page: side by side.
    let (total, rows) = futures_util::try_join!(way.total(db, query, &search), db.all(WHAT, sql, args))?;
    Ok(Page::cut(rows, limit, total, |row: &Bulletin| Cursor {
        key: query.sort.key(row),
        id: row.bulletin_id.to_string(),
    }))
}

/// The statement of a page, from its tables to its order.
fn page(sql: &mut Builder, query: &BulletinQuery, search: &Search, way: &Way) -> Result<()> {
    way.go(sql, &query.filter, search, query.sort)?;
    if let Some(text) = &query.cursor {
        let cursor = Cursor::decode(text)?;
        let key = if query.sort.is_text() { cursor.key.clone().into_value() } else { cursor.number()?.into_value() };
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
    sql.text(if filter.is_by_reference() { FROM_IDENTITY } else { FROM_REVISION });
    narrow(&mut sql, filter, &search, None);
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
    these(&mut sql, ids)?;
    sql.text(" ORDER BY i.name, i.bulletin_id");
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
            page(&mut sql, &query, &search, &Way::Named).unwrap();
            let (sql, args) = sql.build();
            let steps = plan::steps(&db, sql, args).await;
            assert!(steps[0].starts_with("SEARCH r USING INTEGER PRIMARY KEY"), "{sort:?}: {}", steps[0]);
        }
    }

    #[tokio::test]
    async fn every_column_is_sorted_by_its_index_on_the_first_page_and_on_the_next() {
        let (db, _folder) = plan::database().await;
        let search = Search::of(&db, Texts::Bulletins, None).await.unwrap();
        let (text, number) =
            (Cursor { key: "Urgent".into(), id: "x".into() }, Cursor { key: "2".into(), id: "x".into() });
        for (sort, cursor, index) in [
            (BulletinSort::Name, &text, "bulletin_name"),
            (BulletinSort::CustomSeverity, &text, "bulletin_custom_severity"),
            (BulletinSort::Downloaded, &number, "bulletin_count_downloaded"),
            (BulletinSort::Policies, &number, "bulletin_count_policies"),
            (BulletinSort::Released, &number, "bulletin_count_released"),
        ] {
            for (descending, cursor) in [(false, None), (true, None), (false, Some(cursor)), (true, Some(cursor))] {
                let cursor = cursor.map(Cursor::encode);
                let filter = BulletinFilter::default();
                let query = BulletinQuery { filter, sort, descending, cursor, limit: 100, with_total: false };
                let mut sql = Builder::new("EXPLAIN QUERY PLAN SELECT i.bulletin_id");
                page(&mut sql, &query, &search, &Way::InOrder).unwrap();
                let (sql, args) = sql.build();
                let steps = plan::steps(&db, sql, args).await;
                assert!(steps[0].contains(&format!(" INDEX {index}")), "{sort:?}: {steps:?}");
                assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{sort:?}: {steps:?}");
            }
        }
    }
}
