//! Who changed what, when, from where.

use jiff::Timestamp;

use crate::{
    Db, Page, Result, Write,
    page::Cursor,
    sql::{IntoValue, args, record, rows},
};

record!(
    /// One change.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct AuditRow {
        /// Rises with every change.
        pub audit_id: i64,
        /// When.
        pub at: Timestamp,
        /// Who.
        pub actor: String,
        /// From where: `api`, `job <id>`, `start-up`.
        pub source: String,
        /// What: `bulletin.disable`, `package.delete` ...
        pub action: String,
        /// On what: kind and id, `bulletin <id>`.
        pub object: String,
        /// As it was.
        pub before: Option<String>,
        /// As it is.
        pub after: Option<String>,
    }
);

/// A row that waits for its transaction to be committed.
pub(crate) struct Note {
    pub(crate) action: String,
    pub(crate) object: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

pub(crate) async fn put(w: &mut Write<'_>, actor: &str, source: &str, now: Timestamp, notes: &[Note]) -> Result<()> {
    const WHAT: &str = "write the audit rows";
    const INSERT: &str = "INSERT INTO audit (at, actor, source, action, object, before, after) \
         SELECT $1, $2, $3, CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS TEXT), CAST(value ->> 2 AS TEXT), \
         CAST(value ->> 3 AS TEXT) FROM json_each($4)";
    let rows = rows(WHAT, notes.iter().map(|n| (&n.action, &n.object, &n.before, &n.after)))?;
    w.run(WHAT, INSERT, vec![now.into_value(), actor.into_value(), source.into_value(), rows]).await?;
    Ok(())
}

/// Which changes.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditFilter<'a> {
    /// Of this object: kind and id.
    pub object: Option<&'a str>,
    /// Of this action, or of all that begin with it: `policy`, `policy.add`.
    pub action: Option<&'a str>,
    /// Not before.
    pub since: Option<Timestamp>,
}

/// A page of changes, newest first.
///
/// # Errors
/// `Refused` for a cursor that is none of ours.
pub async fn list(db: &Db, filter: AuditFilter<'_>, cursor: Option<&str>, limit: u32) -> Result<Page<AuditRow>> {
    const WHAT: &str = "list changes";
    const ALL: &str = "SELECT * FROM audit WHERE audit_id < $1 AND at >= $3 \
         AND ($4 = '' OR action = $4 OR action LIKE $4 || '.%') ORDER BY audit_id DESC LIMIT $2";
    const OF_OBJECT: &str = "SELECT * FROM audit WHERE object = $5 AND audit_id < $1 AND at >= $3 \
         AND ($4 = '' OR action = $4 OR action LIKE $4 || '.%') ORDER BY audit_id DESC LIMIT $2";
    let before = match cursor {
        None => i64::MAX,
        Some(text) => Cursor::decode(text)?.number()?,
    };
    let limit = limit.clamp(1, 1000);
    let (since, action) = (filter.since.unwrap_or(Timestamp::UNIX_EPOCH), filter.action.unwrap_or_default());
    let rows = match filter.object {
        None => db.all(WHAT, ALL, args![before, limit + 1, since, action]).await?,
        Some(object) => db.all(WHAT, OF_OBJECT, args![before, limit + 1, since, action, object]).await?,
    };
    Ok(Page::cut(rows, limit, None, |row: &AuditRow| Cursor::of_number(row.audit_id, "")))
}

/// Changes before a time, oldest first: what retention cuts, once it is written to a file.
///
/// # Errors
/// When the database fails.
pub async fn before(db: &Db, time: Timestamp, limit: u32) -> Result<Vec<AuditRow>> {
    const OLD: &str = "SELECT * FROM audit WHERE at < $1 ORDER BY audit_id LIMIT $2";
    db.all("read old changes", OLD, args![time, limit]).await
}

/// Cuts changes that were written to a file. The cut is a change too: `kept` says where the rows are now. Returns how
/// many went.
///
/// # Errors
/// When the database fails.
pub async fn cut(w: &mut Write<'_>, rows: &[AuditRow], kept: &str) -> Result<u64> {
    const WHAT: &str = "cut the audit trail";
    const CUT: &str = "DELETE FROM audit WHERE audit_id IN (SELECT CAST(value ->> 0 AS BIGINT) FROM json_each($1))";
    let ids = crate::sql::rows(WHAT, rows.iter().map(|row| (row.audit_id,)))?;
    let gone = w.run(WHAT, CUT, vec![ids]).await?;
    w.audit("audit.cut", "audit", Some(format!("{gone} changes")), Some(kept.to_owned()));
    Ok(gone)
}
