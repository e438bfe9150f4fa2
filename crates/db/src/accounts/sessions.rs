//! Sign-ins that go on.

use std::time::Duration;

use jiff::Timestamp;
use patchwharf_model::{AccountId, Role, SessionId, Sha256};

use super::change;
use crate::{
    Db, Result, Write,
    sql::{args, record, saturate},
};

record!(
    /// A session with the account that it is of.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Found {
        /// The session.
        pub session_id: SessionId,
        /// Its account.
        pub account_id: AccountId,
        /// The account's name.
        pub name: String,
        /// The account's role of now.
        pub role: Role,
        /// When it began.
        pub created_at: Timestamp,
        /// When it was last used.
        pub seen_at: Timestamp,
    }
);

record!(
    /// A session as its owner sees it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Session {
        /// Its id.
        pub session_id: SessionId,
        /// When it began.
        pub created_at: Timestamp,
        /// When it was last used.
        pub seen_at: Timestamp,
        /// From where it began.
        pub source: String,
        /// Which program, as it says itself.
        pub agent: String,
    }
);

/// How long a session lasts.
#[derive(Clone, Copy, Debug)]
pub struct Lasts {
    /// Without being used.
    pub idle: Duration,
    /// At all.
    pub whole: Duration,
}

impl Lasts {
    /// Before these times of the last use and of the beginning, a session is over.
    fn before(self, now: Timestamp) -> (i64, i64) {
        let micros = |span: Duration| saturate(u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
        let now = now.as_microsecond();
        (now.saturating_sub(micros(self.idle)), now.saturating_sub(micros(self.whole)))
    }
}

/// The session of a cookie, if it goes on and its account may sign in.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, digest: Sha256, lasts: Lasts, now: Timestamp) -> Result<Option<Found>> {
    const FIND: &str = "SELECT s.session_id, s.account_id, a.name, a.role, s.created_at, s.seen_at FROM session AS s \
         JOIN account AS a ON a.account_id = s.account_id \
         WHERE s.digest = $1 AND s.seen_at > $2 AND s.created_at > $3 AND a.enabled = 1";
    let (seen, begun) = lasts.before(now);
    db.first("look up a session", FIND, args![digest, seen, begun]).await
}

/// Begins a session; those that are over go.
///
/// # Errors
/// When the database fails.
pub async fn begin(
    w: &mut Write<'_>,
    account: AccountId,
    digest: Sha256,
    lasts: Lasts,
    (source, agent): (&str, &str),
) -> Result<SessionId> {
    const WHAT: &str = "begin a session";
    const OVER: &str = "DELETE FROM session WHERE seen_at <= $1 OR created_at <= $2";
    const BEGIN: &str = "INSERT INTO session (session_id, account_id, digest, created_at, seen_at, source, agent) \
         VALUES ($1, $2, $3, $4, $4, $5, $6)";
    const SIGNED_IN: &str = "UPDATE account SET signed_in_at = $2 WHERE account_id = $1";
    let (id, now) = (SessionId::new(), w.now());
    let (seen, begun) = lasts.before(now);
    w.run(WHAT, OVER, args![seen, begun]).await?;
    w.run(WHAT, BEGIN, args![id, account, digest, now, source, agent]).await?;
    w.run(WHAT, SIGNED_IN, args![account, now]).await?;
    w.audit("session.begin", format!("account {account}"), None, Some(format!("session {id} from {source}")));
    Ok(id)
}

/// Notes that a session was used. No change that anybody made: nothing goes on the audit trail.
///
/// # Errors
/// When the database fails.
pub async fn touch(w: &mut Write<'_>, id: SessionId) -> Result<()> {
    let now = w.now();
    w.run("note the use of a session", "UPDATE session SET seen_at = $2 WHERE session_id = $1", args![id, now]).await?;
    Ok(())
}

/// Gives a session another secret: who has copied the one before is out. Returns whether it had that one.
///
/// # Errors
/// When the database fails.
pub async fn renew(w: &mut Write<'_>, id: SessionId, before: Sha256, digest: Sha256) -> Result<bool> {
    const RENEW: &str = "UPDATE session SET digest = $3 WHERE session_id = $1 AND digest = $2";
    Ok(w.run("give a session another secret", RENEW, args![id, before, digest]).await? > 0)
}

/// Ends one session of an account. Returns whether it was there.
///
/// # Errors
/// When the database fails.
pub async fn end(w: &mut Write<'_>, account: AccountId, id: SessionId) -> Result<bool> {
    const END: &str = "DELETE FROM session WHERE session_id = $2 AND account_id = $1";
    let ended = w.run("end a session", END, args![account, id]).await? > 0;
    if ended {
        let owner = change::name(w, account).await?;
        w.audit("session.end", format!("account {account}"), Some(format!("{owner}: session {id}")), None);
    }
    Ok(ended)
}

/// Ends the sessions of an account. Returns how many.
///
/// # Errors
/// When the database fails.
pub async fn end_all(w: &mut Write<'_>, account: AccountId) -> Result<u64> {
    const END: &str = "DELETE FROM session WHERE account_id = $1";
    let ended = w.run("end the sessions of an account", END, args![account]).await?;
    if ended > 0 {
        let owner = change::name(w, account).await?;
        w.audit("session.end", format!("account {account}"), Some(format!("{owner}: {ended} sessions")), None);
    }
    Ok(ended)
}

/// The sessions of an account that go on, the last used first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, account: AccountId, lasts: Lasts, now: Timestamp) -> Result<Vec<Session>> {
    const LIST: &str = "SELECT session_id, created_at, seen_at, source, agent FROM session \
         WHERE account_id = $1 AND seen_at > $2 AND created_at > $3 ORDER BY seen_at DESC, session_id";
    let (seen, begun) = lasts.before(now);
    db.all("list sessions", LIST, args![account, seen, begun]).await
}

/// Whether an account has signed in from this browser before.
///
/// # Errors
/// When the database fails.
pub async fn knows(db: &Db, account: AccountId, device: Sha256) -> Result<bool> {
    const KNOWS: &str = "SELECT CAST(1 AS BIGINT) AS number FROM known_device WHERE digest = $1 AND account_id = $2";
    Ok(db.first::<crate::sql::Number>("look up a browser", KNOWS, args![device, account]).await?.is_some())
}

/// Remembers a browser; an account has ten at most, the last used ones.
///
/// # Errors
/// When the database fails.
pub async fn remember(w: &mut Write<'_>, account: AccountId, device: Sha256) -> Result<()> {
    const WHAT: &str = "remember a browser";
    const PUT: &str = "INSERT INTO known_device (digest, account_id, seen_at) VALUES ($1, $2, $3) \
         ON CONFLICT (digest) DO UPDATE SET account_id = $2, seen_at = $3";
    const OLD: &str = "DELETE FROM known_device WHERE account_id = $1 AND digest NOT IN \
         (SELECT digest FROM known_device WHERE account_id = $1 ORDER BY seen_at DESC, digest LIMIT 10)";
    let now = w.now();
    w.run(WHAT, PUT, args![device, account, now]).await?;
    w.run(WHAT, OLD, args![account]).await?;
    Ok(())
}
