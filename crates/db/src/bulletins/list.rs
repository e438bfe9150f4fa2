//! Lists, page by page.

use patchwharf_model::BulletinId;

use super::filter::{BulletinFilter, narrow};
use super::sort::BulletinSort;
use super::{Bulletin, Id};
use crate::{
    Db, DbError, Page, Result,
    page::Cursor,
    sql::{Builder, IntoValue, Number, rows},
};

const COUNT: &str = "SELECT COUNT(*) AS number";

const COLUMNS: &str = "SELECT i.bulletin_id, i.feed_id, f.name AS feed, i.name, r.title, r.description, r.vendor, \
     r.severity, i.custom_severity, i.enabled, NULLIF(r.released_at, 0) AS released_at, r.revised_at, r.cves, r.kbs, \
     r.superseded_by, r.withdrawn, r.listed, i.updates, i.packages, i.bad_packages, i.policies, \
     NULLIF(i.oldest_proof_at, 0) AS oldest_proof_at";

/// `CROSS JOIN` is an ordinary join that SQLite does not reorder: the table whose index gives the order comes first.
const FROM: &str = " FROM bulletin_revision AS r CROSS JOIN bulletin AS i CROSS JOIN feed AS f \
     WHERE i.bulletin_id = r.bulletin_id AND f.feed_id = r.feed_id \
     AND r.from_gen <= f.current_generation AND (r.to_gen IS NULL OR r.to_gen > f.current_generation)";

const FROM_IDENTITY: &str = " FROM bulletin AS i CROSS JOIN feed AS f CROSS JOIN bulletin_revision AS r \
     WHERE r.bulletin_id = i.bulletin_id AND f.feed_id = i.feed_id \
     AND r.from_gen <= f.current_generation AND (r.to_gen IS NULL OR r.to_gen > f.current_generation)";

/// The table to begin with: few bulletins match what their identity has an index for; else the one that gives the order.
fn from(query: &BulletinQuery) -> &'static str {
    let f = &query.filter;
    let few = f.cve.is_some() || f.kb.is_some() || f.downloaded == Some(true) || f.bad == Some(true);
    if query.sort.is_of_revision() && !few { FROM } else { FROM_IDENTITY }
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
    let total = if query.with_total {
        let mut sql = Builder::new(COUNT);
        sql.text(from(query));
        narrow(&mut sql, &query.filter);
        let (sql, args) = sql.build();
        db.first::<Number>(WHAT, sql, args).await?.map(|n| u64::try_from(n.number).unwrap_or_default())
    } else {
        None
    };
    let mut sql = Builder::new(COLUMNS);
    sql.text(from(query));
    narrow(&mut sql, &query.filter);
    if let Some(text) = &query.cursor {
        let cursor = Cursor::decode(text)?;
        let key = match query.sort {
            BulletinSort::Name => cursor.key.clone().into_value(),
            _ => cursor.number()?.into_value(),
        };
        let (after, then) = query.sort.after(query.descending);
        sql.push_value(after, key).push(then, cursor.id).text(")");
    }
    sql.text(query.sort.order(query.descending)).push(" LIMIT ", limit + 1);
    let (sql, args) = sql.build();
    let rows = db.all(WHAT, sql, args).await?;
    Ok(Page::cut(rows, limit, total, |row: &Bulletin| Cursor {
        key: query.sort.key(row),
        id: row.bulletin_id.to_string(),
    }))
}

/// The ids of all bulletins that a filter matches (to stage by filter), at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn ids(db: &Db, filter: &BulletinFilter, limit: u32) -> Result<Vec<BulletinId>> {
    let mut sql = Builder::new("SELECT i.bulletin_id AS text");
    sql.text(FROM);
    narrow(&mut sql, filter);
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
