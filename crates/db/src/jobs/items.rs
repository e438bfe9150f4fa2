//! How each thing of a job ended.

use std::collections::HashSet;

use patchwharf_model::{JobId, job::ReportItem};

use crate::{
    Db, Page, Result, Write,
    page::Cursor,
    sql::{Cells, Column, IntoValue, Record, Text, args, record, rows},
};

record!(
    struct Count {
        outcome: String,
        failed: bool,
        number: u64,
    }
);

struct Line(ReportItem);

impl Record for Line {
    fn read(row: &dyn Cells) -> Result<Self> {
        Ok(Self(ReportItem {
            item: String::read(row, "item")?,
            outcome: String::read(row, "outcome")?,
            failed: bool::read(row, "failed")?,
            reason: String::read(row, "reason")?,
        }))
    }
}

/// Writes how things ended, in bulk; a thing that comes again replaces its line.
///
/// # Errors
/// When the database fails.
pub async fn put_items(w: &mut Write<'_>, job: JobId, items: &[ReportItem]) -> Result<()> {
    const WHAT: &str = "write the items of a job";
    const PUT: &str = "INSERT INTO job_item (job_id, item, outcome, failed, reason) \
         SELECT $1, CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS TEXT), CAST(value ->> 2 AS BIGINT), \
         CAST(value ->> 3 AS TEXT) FROM json_each($2) WHERE true ON CONFLICT (job_id, item) \
         DO UPDATE SET outcome = excluded.outcome, failed = excluded.failed, reason = excluded.reason";
    // One statement cannot change a row twice on PostgreSQL: the last line of a thing wins.
    let last: std::collections::BTreeMap<&str, &ReportItem> = items.iter().map(|i| (i.item.as_str(), i)).collect();
    let lines = last.values().map(|i| (&i.item, &i.outcome, i64::from(i.failed), &i.reason));
    w.run(WHAT, PUT, vec![job.into_value(), rows(WHAT, lines)?]).await?;
    Ok(())
}

/// The things of a job that have a line already and did not fail: what a resumed job need not do again.
///
/// # Errors
/// When the database fails.
pub async fn items_done(db: &Db, job: JobId) -> Result<HashSet<String>> {
    const DONE: &str = "SELECT item AS text FROM job_item WHERE job_id = $1 AND failed = 0";
    let rows = db.all::<Text>("read what a job has done", DONE, args![job]).await?;
    Ok(rows.into_iter().map(|row| row.text).collect())
}

/// The things of a job that ended in this way.
///
/// # Errors
/// When the database fails.
pub async fn items_with(db: &Db, job: JobId, outcome: &str) -> Result<Vec<String>> {
    const WITH: &str = "SELECT item AS text FROM job_item WHERE job_id = $1 AND outcome = $2 ORDER BY item";
    let rows = db.all::<Text>("read items of a job", WITH, args![job, outcome]).await?;
    Ok(rows.into_iter().map(|row| row.text).collect())
}

/// Lines of a job, or those with one outcome: failures first, then by item; `limit` at a time. `cursor` as in lists.
///
/// # Errors
/// When the database fails.
pub async fn items(
    db: &Db,
    job: JobId,
    outcome: Option<&str>,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<ReportItem>> {
    const ITEMS: &str = "SELECT item, outcome, failed, reason FROM job_item WHERE job_id = $1 \
         AND (failed < $2 OR (failed = $2 AND item > $3)) AND ($5 = '' OR outcome = $5) \
         ORDER BY failed DESC, item LIMIT $4";
    let after = cursor.map(Cursor::decode).transpose()?;
    let (failed, item) = match &after {
        None => (2, ""),
        Some(cursor) => (cursor.number()?, cursor.id.as_str()),
    };
    let limit = limit.clamp(1, 1000);
    let lines = db
        .all::<Line>("list the items of a job", ITEMS, args![job, failed, item, limit + 1, outcome.unwrap_or_default()])
        .await?;
    let lines = lines.into_iter().map(|l| l.0).collect();
    Ok(Page::cut(lines, limit, None, |l: &ReportItem| Cursor::of_number(i64::from(l.failed), &l.item)))
}

/// How many lines there are, by outcome: `(outcome, failed, count)`.
///
/// # Errors
/// When the database fails.
pub async fn item_counts(db: &Db, job: JobId) -> Result<Vec<(String, bool, u64)>> {
    const COUNTS: &str = "SELECT outcome, failed, COUNT(*) AS number FROM job_item WHERE job_id = $1 \
         GROUP BY outcome, failed ORDER BY outcome, failed";
    let rows = db.all::<Count>("count the items of a job", COUNTS, args![job]).await?;
    Ok(rows.into_iter().map(|row| (row.outcome, row.failed, row.number)).collect())
}
