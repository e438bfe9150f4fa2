//! The chain: each change has a digest of itself and of the digest before it. What was altered, removed or put between does
//! not fit any more, and what was cut off at the end is missed by the head, by seals, and by whoever has kept a head.

use jiff::Timestamp;
use patchwharf_model::Sha256;

use super::AuditRow;
use crate::{
    Db, DbError, Result, Write,
    sql::{Number, args, record, rows},
};

/// Changes read at once.
const PIECE: u32 = 5_000;

record!(
    /// Where the chain ends, and where it begins.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Head {
        /// The newest change.
        pub audit_id: i64,
        /// Its digest.
        pub digest: Sha256,
        /// The chain begins after this change: retention has cut up to it, or it is older than the chain.
        pub cut_id: i64,
        /// Its digest; zeros: it had none.
        pub cut_digest: Sha256,
    }
);

record!(
    /// An end of the chain that a server has signed.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Seal {
        /// The newest change at that time.
        pub audit_id: i64,
        /// Its digest.
        pub digest: Sha256,
        /// When.
        pub at: Timestamp,
        /// The server's public key, in hexadecimal digits.
        pub key: String,
        /// Over [`SealHead::text`], in hexadecimal digits.
        pub signature: String,
    }
);

/// What a seal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealHead {
    /// The newest change.
    pub audit_id: i64,
    /// Its digest.
    pub digest: Sha256,
    /// When it was sealed.
    pub at: Timestamp,
}

impl SealHead {
    /// What is signed. The first line keeps the signature from being taken for one of a manifest.
    #[must_use]
    pub fn text(&self) -> String {
        format!("patchwharf audit trail\n{}\n{}\n{}\n", self.audit_id, self.digest, self.at.as_microsecond())
    }
}

impl Seal {
    /// What it is about.
    #[must_use]
    pub fn head(&self) -> SealHead {
        SealHead { audit_id: self.audit_id, digest: self.digest, at: self.at }
    }
}

/// A place at which the chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The first change that does not fit.
    pub audit_id: i64,
    /// What is wrong there.
    pub what: String,
}

/// What was found of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Where it begins and ends.
    pub head: Head,
    /// Changes that fit, one after the other.
    pub good: u64,
    /// Seals that fit and are signed.
    pub seals: u64,
    /// The first place at which it does not hold.
    pub broken: Option<Broken>,
}

const HEAD: &str = "SELECT audit_id, digest, cut_id, cut_digest FROM audit_head";

/// The head row is made with the schema; without it nothing can be written down, so nothing may be done.
fn headless() -> DbError {
    DbError::Refused(
        "the head of the audit trail is missing: somebody has removed the row of table audit_head, and nothing is changed that \
         cannot be written down; put a backup of the database in its place"
            .to_owned(),
    )
}

/// The digest of a change after the one with digest `before`: of a JSON array of both, so that no text can pass for two.
fn digest(before: Sha256, change: &AuditRow) -> Result<Sha256> {
    let AuditRow { audit_id, at, actor, source, action, object, before: was, after, digest: _ } = change;
    let text = serde_json::to_vec(&(before, audit_id, at.as_microsecond(), actor, source, action, object, was, after))
        .map_err(|error| DbError::Refused(format!("a change cannot be written down: {error}")))?;
    Ok(patchwharf_trust::sha256(&text))
}

/// Adds changes to the end of the chain, which numbers them. Returns where it ends now.
pub(super) async fn append(w: &mut Write<'_>, mut changes: Vec<AuditRow>) -> Result<(i64, Sha256)> {
    const WHAT: &str = "write the audit rows";
    const INSERT: &str = "INSERT INTO audit (audit_id, at, actor, source, action, object, before, after, digest) \
         SELECT CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT), CAST(value ->> 2 AS TEXT), \
         CAST(value ->> 3 AS TEXT), CAST(value ->> 4 AS TEXT), CAST(value ->> 5 AS TEXT), CAST(value ->> 6 AS TEXT), \
         CAST(value ->> 7 AS TEXT), CAST(value ->> 8 AS TEXT) FROM json_each($1)";
    const MOVE: &str = "UPDATE audit_head SET audit_id = $1, digest = $2";
    let head: Head = w.first(WHAT, HEAD, args![]).await?.ok_or_else(headless)?;
    let (mut last, mut number) = (head.digest, head.audit_id);
    for change in &mut changes {
        number += 1;
        change.audit_id = number;
        last = digest(last, change)?;
        change.digest = Some(last);
    }
    let lines = changes.iter().map(|c| {
        let AuditRow { audit_id, at, actor, source, action, object, before, after, digest } = c;
        (audit_id, at.as_microsecond(), actor, source, action, object, before, after, digest)
    });
    w.run(WHAT, INSERT, vec![rows(WHAT, lines)?]).await?;
    w.run(WHAT, MOVE, args![number, last]).await?;
    Ok((number, last))
}

/// The chain begins after the last of these changes from now on. What is cut must fit what the chain begins after: nobody
/// is to have a place signed that they have made up.
pub(super) async fn begins_after(w: &mut Write<'_>, gone: &[AuditRow]) -> Result<()> {
    const WHAT: &str = "note where the audit trail begins";
    const NOTE: &str = "UPDATE audit_head SET cut_id = $1, cut_digest = $2";
    const SEALS: &str = "DELETE FROM audit_seal WHERE audit_id <= $1";
    let head: Head = w.first(WHAT, HEAD, args![]).await?.ok_or_else(headless)?;
    let (mut at, mut last) = (head.cut_id, head.cut_digest);
    // What is older than the chain has no digest and goes as it is.
    for change in gone.iter().filter(|change| change.audit_id > head.cut_id) {
        let own = digest(last, change)?;
        if change.audit_id != at + 1 || change.digest.as_ref() != Some(&own) {
            return Err(DbError::Refused(format!(
                "the audit trail does not hold at change {}: it is not cut",
                change.audit_id
            )));
        }
        (at, last) = (change.audit_id, own);
    }
    if at > head.cut_id {
        w.run(WHAT, NOTE, args![at, last]).await?;
        w.run(WHAT, SEALS, args![at]).await?;
    }
    Ok(())
}

/// How a cut is told on the trail.
pub(super) fn cut_text(gone: u64, last: &AuditRow) -> String {
    let zeros = Sha256([0; 32]);
    format!("{gone} changes up to {}:{}", last.audit_id, last.digest.unwrap_or(zeros))
}

/// Whether a change that is still there tells of the cut with which the chain begins.
///
/// # Errors
/// When the database fails.
pub async fn names_cut(db: &Db, head: &Head) -> Result<bool> {
    const TOLD: &str = "SELECT COUNT(*) AS number FROM audit WHERE audit_id > $1 AND action = 'audit.cut' \
         AND before LIKE '% up to ' || $2";
    let place = format!("{}:{}", head.cut_id, head.cut_digest);
    let told: Option<Number> = db.first("look for the cut of the audit trail", TOLD, args![head.cut_id, place]).await?;
    Ok(told.is_some_and(|told| told.number > 0))
}

/// Where the chain begins and ends.
///
/// # Errors
/// When the database fails, or the head is missing.
pub async fn chain(db: &Db) -> Result<Head> {
    db.first("read the end of the audit trail", HEAD, args![]).await?.ok_or_else(headless)
}

/// The newest seal.
///
/// # Errors
/// When the database fails.
pub async fn last_seal(db: &Db) -> Result<Option<Seal>> {
    const LAST: &str = "SELECT * FROM audit_seal ORDER BY audit_id DESC LIMIT 1";
    db.first("read the last seal of the audit trail", LAST, args![]).await
}

/// Keeps a seal; one of the same change stays as it is.
///
/// # Errors
/// When the database fails.
pub async fn seal(w: &mut Write<'_>, seal: &Seal) -> Result<()> {
    const PUT: &str = "INSERT INTO audit_seal (audit_id, digest, at, key, signature) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (audit_id) DO NOTHING";
    let Seal { audit_id, digest, at, key, signature } = seal;
    w.run("seal the audit trail", PUT, args![*audit_id, *digest, *at, key, signature]).await?;
    Ok(())
}

/// Whether the chain still has a change with this digest; that retention has cut it since is no fault.
///
/// # Errors
/// When the database fails.
pub async fn differs(db: &Db, head: &Head, audit_id: i64, digest: Sha256) -> Result<Option<Broken>> {
    const ONE: &str = "SELECT * FROM audit WHERE audit_id = $1";
    if audit_id < head.cut_id || (audit_id, digest) == (head.cut_id, head.cut_digest) {
        return Ok(None);
    }
    let row: Option<AuditRow> = db.first("read a change", ONE, args![audit_id]).await?;
    let what = match row {
        Some(row) if row.digest == Some(digest) => return Ok(None),
        Some(_) => "this change is not the one that was noted down: the trail was written anew",
        None if audit_id <= head.audit_id => "this change was noted down and is gone",
        None => "this change was noted down and is gone: the end of the trail was cut off",
    };
    Ok(Some(Broken { audit_id, what: what.to_owned() }))
}

/// Reads the chain from its beginning, or after a change that is known to be good, to its end, in bounded memory.
/// `is_signed` judges the signature of a seal.
///
/// # Errors
/// When the database fails, or the head is missing. That the chain is broken is no error.
pub async fn verify(db: &Db, after: Option<SealHead>, is_signed: &(dyn Fn(&Seal) -> bool + Sync)) -> Result<Chain> {
    loop {
        let head = chain(db).await?;
        let found = walk(db, head, after, is_signed).await?;
        // Retention may have cut while we read.
        if found.broken.is_none() || chain(db).await?.cut_id == head.cut_id {
            return Ok(found);
        }
    }
}

async fn walk(
    db: &Db,
    head: Head,
    after: Option<SealHead>,
    is_signed: &(dyn Fn(&Seal) -> bool + Sync),
) -> Result<Chain> {
    const NEXT: &str = "SELECT * FROM audit WHERE audit_id > $1 AND audit_id <= $2 ORDER BY audit_id LIMIT $3";
    const SEALS: &str = "SELECT * FROM audit_seal WHERE audit_id > $1 AND audit_id <= $2 ORDER BY audit_id";
    const LATER: &str = "SELECT * FROM audit_seal WHERE audit_id > $1 ORDER BY audit_id LIMIT 1";
    let (mut at, mut last) = match after.filter(|known| known.audit_id >= head.cut_id) {
        Some(known) => (known.audit_id, known.digest),
        None => (head.cut_id, head.cut_digest),
    };
    let mut found = Chain { head, good: 0, seals: 0, broken: None };
    let broken = |audit_id, what: &str| Some(Broken { audit_id, what: what.to_owned() });
    loop {
        let piece: Vec<AuditRow> = db.all("read the audit trail", NEXT, args![at, head.audit_id, PIECE]).await?;
        let Some(end) = piece.last().map(|change| change.audit_id) else { break };
        let seals: Vec<Seal> = db.all("read seals of the audit trail", SEALS, args![at, end]).await?;
        let mut seals = seals.into_iter().peekable();
        for change in &piece {
            if change.audit_id != at + 1 {
                found.broken = broken(at + 1, "this change was removed");
                return Ok(found);
            }
            (at, last) = (change.audit_id, digest(last, change)?);
            if change.digest != Some(last) {
                let what = "this change is not what was written down, or the one before it was replaced";
                found.broken = broken(at, what);
                return Ok(found);
            }
            found.good += 1;
            if let Some(seal) = seals.next_if(|seal| seal.audit_id == at) {
                let what = match (seal.digest == last, is_signed(&seal)) {
                    (false, _) => "a seal names another change: the trail was written anew up to here",
                    (true, false) => "its seal has no signature of a server that this one knows",
                    (true, true) => {
                        found.seals += 1;
                        continue;
                    }
                };
                found.broken = broken(at, what);
                return Ok(found);
            }
        }
    }
    if at != head.audit_id || last != head.digest {
        found.broken = broken(at + 1, "the trail ends before the change that was written last: its end was cut off");
    } else if let Some(seal) = db.first::<Seal>("read seals of the audit trail", LATER, args![head.audit_id]).await? {
        // A change and its seal may have come after the head was read.
        let now = chain(db).await?;
        if now.audit_id < seal.audit_id {
            found.broken = broken(head.audit_id + 1, "a later change was sealed and is gone: the trail was cut off");
        }
    }
    Ok(found)
}
