//! Who changed what, when, from where; and the chain that makes a missing or altered change show.

mod chain;

pub use chain::{Broken, Chain, Head, Seal, SealHead, chain, differs, last_seal, names_cut, seal, verify};
use jiff::Timestamp;
use patchwharf_model::Sha256;

use crate::{
    Db, Page, Result, Write,
    page::Cursor,
    sql::{Number, args, record, rows},
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
        /// Of this change and of the digest of the one before it; none: from before there was a chain.
        pub digest: Option<Sha256>,
    }
);

/// A row that waits for its transaction to be committed.
pub(crate) struct Note {
    pub(crate) action: String,
    pub(crate) object: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// Writes notes down. Returns the newest change and its digest.
pub(crate) async fn put(
    w: &mut Write<'_>,
    actor: &str,
    source: &str,
    now: Timestamp,
    notes: Vec<Note>,
) -> Result<(i64, Sha256)> {
    let changes = notes.into_iter().map(|Note { action, object, before, after }| AuditRow {
        audit_id: 0,
        at: now,
        actor: actor.to_owned(),
        source: source.to_owned(),
        action,
        object,
        before,
        after,
        digest: None,
    });
    chain::append(w, changes.collect()).await
}

/// Which changes.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditFilter<'a> {
    /// Of this object: kind and id.
    pub object: Option<&'a str>,
    /// Of one of these objects; none: of all.
    pub objects: &'a [String],
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
    // What few changes are is fetched by its index, then put in order.
    const OF_ACTION: &str = "SELECT * FROM audit WHERE audit_id IN (SELECT audit_id FROM audit WHERE action = $4 \
         OR (action > $4 || '.' AND action < $4 || '/')) AND audit_id < $1 AND at >= $3 ORDER BY audit_id DESC LIMIT $2";
    const OF_OBJECT: &str = "SELECT * FROM audit WHERE object = $5 AND audit_id < $1 AND at >= $3 \
         AND ($4 = '' OR action = $4 OR action LIKE $4 || '.%') ORDER BY audit_id DESC LIMIT $2";
    // What few objects have is fetched by their index, then put in order.
    const OF_OBJECTS: &str = "SELECT a.* FROM json_each($5) AS j CROSS JOIN audit AS a \
         WHERE a.object = CAST(j.value ->> 0 AS TEXT) AND a.audit_id < $1 AND a.at >= $3 \
         AND ($4 = '' OR a.action = $4 OR a.action LIKE $4 || '.%') ORDER BY a.audit_id DESC LIMIT $2";
    let before = match cursor {
        None => i64::MAX,
        Some(text) => Cursor::decode(text)?.number()?,
    };
    let limit = limit.clamp(1, 1000);
    let (since, action) = (filter.since.unwrap_or(Timestamp::UNIX_EPOCH), filter.action.unwrap_or_default());
    let found = match filter.object {
        None if !filter.objects.is_empty() => {
            let objects = rows(WHAT, filter.objects.iter().map(|object| (object,)))?;
            let mut values = args![before, limit + 1, since, action];
            values.push(objects);
            db.all(WHAT, OF_OBJECTS, values).await?
        }
        None => {
            let is_rare = !action.is_empty() && is_rare(db, action).await?;
            db.all(WHAT, if is_rare { OF_ACTION } else { ALL }, args![before, limit + 1, since, action]).await?
        }
        Some(object) => db.all(WHAT, OF_OBJECT, args![before, limit + 1, since, action, object]).await?,
    };
    Ok(Page::cut(found, limit, None, |row: &AuditRow| Cursor::of_number(row.audit_id, "")))
}

/// Whether few changes are of an action: where more are, going through the newest ones fills a page sooner.
async fn is_rare(db: &Db, action: &str) -> Result<bool> {
    const FEW: i64 = 2_000;
    const COUNT: &str = "SELECT COUNT(*) AS number FROM (SELECT 1 AS one FROM audit WHERE action = $1 \
         OR (action > $1 || '.' AND action < $1 || '/') LIMIT $2) AS matching";
    let counted: Option<Number> = db.first("count changes of an action", COUNT, args![action, FEW + 1]).await?;
    Ok(counted.is_some_and(|counted| counted.number <= FEW))
}

/// The oldest changes up to the first one that is not before a time: what retention cuts, once it is written to a file. A
/// clock that was set back leaves no gap.
///
/// # Errors
/// When the database fails.
pub async fn before(db: &Db, time: Timestamp, limit: u32) -> Result<Vec<AuditRow>> {
    const OLD: &str = "SELECT * FROM audit WHERE audit_id < COALESCE( \
         (SELECT audit_id FROM audit WHERE at >= $1 ORDER BY audit_id LIMIT 1), 9223372036854775807) \
         ORDER BY audit_id LIMIT $2";
    db.all("read old changes", OLD, args![time, limit]).await
}

/// Cuts the oldest changes, which were written to a file; the chain begins after the last of them. The cut is a change too:
/// it names the last that went, with its digest, and `kept` says where the rows are now. Returns how many went.
///
/// # Errors
/// When the database fails, or the rows are not those that the chain has there.
pub async fn cut(w: &mut Write<'_>, rows: &[AuditRow], kept: &str) -> Result<u64> {
    const WHAT: &str = "cut the audit trail";
    const CUT: &str = "DELETE FROM audit WHERE audit_id <= $1";
    let Some(last) = rows.last() else { return Ok(0) };
    chain::begins_after(w, rows).await?;
    let gone = w.run(WHAT, CUT, args![last.audit_id]).await?;
    w.audit("audit.cut", "audit", Some(chain::cut_text(gone, last)), Some(kept.to_owned()));
    Ok(gone)
}
