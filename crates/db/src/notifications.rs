//! What is told by itself: what was last told of each kind of trouble, messages on their way, free space over time.

use jiff::Timestamp;
use patchwharf_model::NotificationId;

use crate::{
    Db, Page, Result, Write,
    page::Cursor,
    sql::{args, record, rows},
};

record!(
    /// What was last told of a kind of trouble.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Kind {
        /// Its name.
        pub kind: String,
        /// Whether it was not well when it was last looked at.
        pub bad: bool,
        /// Since when it is so.
        pub since: Timestamp,
        /// The last message about it; `UNIX_EPOCH`: none.
        pub told_at: Timestamp,
        /// Digest of what that message said was wrong; empty: nothing.
        pub told: String,
        /// Where looking goes on, for events. Opaque here.
        pub seen: String,
    }
);

record!(
    /// A message to one channel.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Notification {
        /// Its id.
        pub notification_id: NotificationId,
        /// What it is about.
        pub kind: String,
        /// `mail` or `webhook`.
        pub channel: String,
        /// One line.
        pub subject: String,
        /// The whole message, JSON. Opaque here.
        pub message: String,
        /// When it was made.
        pub created_at: Timestamp,
        /// How often it was tried.
        pub attempts: u32,
        /// When it is tried next; none: it was sent, or given up.
        pub next_try_at: Option<Timestamp>,
        /// When it was sent.
        pub sent_at: Option<Timestamp>,
        /// Why the last attempt failed.
        pub last_error: String,
    }
);

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct NewNotification {
    /// What it is about.
    pub kind: String,
    /// `mail` or `webhook`.
    pub channel: String,
    /// One line.
    pub subject: String,
    /// The whole message, JSON.
    pub message: String,
}

record!(
    /// Free space at a moment.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SpaceSample {
        /// When.
        pub at: Timestamp,
        /// Bytes that were free.
        pub free_bytes: u64,
    }
);

/// What was last told of each kind.
///
/// # Errors
/// When the database fails.
pub async fn kinds(db: &Db) -> Result<Vec<Kind>> {
    db.all("read what was told", "SELECT * FROM notification_kind ORDER BY kind", args![]).await
}

/// The same of one kind, within the transaction that tells more: another server may have told it meanwhile.
///
/// # Errors
/// When the database fails.
pub async fn kind(w: &mut Write<'_>, kind: &str) -> Result<Option<Kind>> {
    w.first("read what was told", "SELECT * FROM notification_kind WHERE kind = $1", args![kind]).await
}

/// Notes what is told of a kind, and puts its messages on their way, in one transaction.
///
/// # Errors
/// When the database fails.
pub async fn tell(w: &mut Write<'_>, kind: &Kind, messages: &[NewNotification]) -> Result<Vec<NotificationId>> {
    const WHAT: &str = "put messages on their way";
    const KIND: &str = "INSERT INTO notification_kind (kind, bad, since, told_at, told, seen) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (kind) DO UPDATE SET bad = $2, since = $3, told_at = $4, \
         told = $5, seen = $6";
    const PUT: &str = "INSERT INTO notification (notification_id, kind, channel, subject, message, created_at, \
         next_try_at) SELECT CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS TEXT), CAST(value ->> 2 AS TEXT), \
         CAST(value ->> 3 AS TEXT), CAST(value ->> 4 AS TEXT), $1, $1 FROM json_each($2)";
    let now = w.now();
    let values = args![&kind.kind, kind.bad, kind.since, kind.told_at, &kind.told, &kind.seen];
    w.run(WHAT, KIND, values).await?;
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<NotificationId> = messages.iter().map(|_| NotificationId::new()).collect();
    let lines = ids.iter().zip(messages).map(|(id, m)| (id, &m.kind, &m.channel, &m.subject, &m.message));
    w.run(WHAT, PUT, vec![crate::sql::IntoValue::into_value(now), rows(WHAT, lines)?]).await?;
    for (id, message) in ids.iter().zip(messages) {
        let after = format!("{} by {}: {}", message.kind, message.channel, message.subject);
        w.audit("notification.create", format!("notification {id}"), None, Some(after));
    }
    Ok(ids)
}

/// Takes the next message that is due, and puts its next try off until `again`: a server that dies while it sends does
/// not keep it, and no other server sends it meanwhile.
///
/// # Errors
/// When the database fails.
pub async fn claim(db: &Db, now: Timestamp, again: Timestamp) -> Result<Option<Notification>> {
    const OWN: &str = "UPDATE notification SET attempts = attempts + 1, next_try_at = $2 WHERE notification_id = \
         (SELECT notification_id FROM notification WHERE next_try_at <= $1 ORDER BY next_try_at, notification_id \
         LIMIT 1) RETURNING *";
    const SHARED: &str = "UPDATE notification SET attempts = attempts + 1, next_try_at = $2 WHERE notification_id = \
         (SELECT notification_id FROM notification WHERE next_try_at <= $1 ORDER BY next_try_at, notification_id \
         LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *";
    db.change("take a message to send", if db.is_shared() { SHARED } else { OWN }, args![now, again]).await
}

/// Notes that a message was sent.
///
/// # Errors
/// When the database fails.
pub async fn sent(w: &mut Write<'_>, id: NotificationId) -> Result<()> {
    const SENT: &str = "UPDATE notification SET sent_at = $2, next_try_at = NULL, last_error = '' \
         WHERE notification_id = $1";
    let now = w.now();
    w.run("note that a message was sent", SENT, args![id, now]).await?;
    w.audit("notification.sent", format!("notification {id}"), None, None);
    Ok(())
}

/// Notes why a message was not sent, and when it is tried again; none: it is given up.
///
/// # Errors
/// When the database fails.
pub async fn failed(w: &mut Write<'_>, id: NotificationId, error: &str, again: Option<Timestamp>) -> Result<()> {
    const FAILED: &str = "UPDATE notification SET next_try_at = $2, last_error = $3 WHERE notification_id = $1 \
         AND sent_at IS NULL";
    w.run("note why a message was not sent", FAILED, args![id, again, error]).await?;
    if again.is_none() {
        w.audit("notification.give-up", format!("notification {id}"), None, Some(error.to_owned()));
    }
    Ok(())
}

/// Messages, newest first.
///
/// # Errors
/// `Refused` for a cursor that is none of ours.
pub async fn list(db: &Db, cursor: Option<&str>, limit: u32) -> Result<Page<Notification>> {
    const LIST: &str = "SELECT * FROM notification WHERE (created_at, notification_id) < ($1, $2) \
         ORDER BY created_at DESC, notification_id DESC LIMIT $3";
    let (before, id) = match cursor {
        None => (i64::MAX, String::new()),
        Some(text) => {
            let cursor = Cursor::decode(text)?;
            (cursor.number()?, cursor.id.clone())
        }
    };
    let limit = limit.clamp(1, 1000);
    let rows = db.all("list messages", LIST, args![before, id, limit + 1]).await?;
    let key = |row: &Notification| Cursor::of_number(row.created_at.as_microsecond(), row.notification_id);
    Ok(Page::cut(rows, limit, None, key))
}

/// Deletes messages that are on no way any more, and samples of space, from before a time. Returns how many messages.
///
/// # Errors
/// When the database fails.
pub async fn prune(w: &mut Write<'_>, before: Timestamp) -> Result<u64> {
    const MESSAGES: &str = "DELETE FROM notification WHERE created_at < $1 AND next_try_at IS NULL";
    const SAMPLES: &str = "DELETE FROM space_sample WHERE at < $1";
    w.run("delete old samples", SAMPLES, args![before]).await?;
    w.run("delete old messages", MESSAGES, args![before]).await
}

/// Notes the free space of a place.
///
/// # Errors
/// When the database fails.
pub async fn put_sample(w: &mut Write<'_>, place: &str, free_bytes: u64) -> Result<()> {
    const PUT: &str = "INSERT INTO space_sample (place, at, free_bytes) VALUES ($1, $2, $3) \
         ON CONFLICT (place, at) DO UPDATE SET free_bytes = $3";
    let now = w.now();
    w.run("note the free space", PUT, args![place, now, free_bytes]).await?;
    Ok(())
}

/// The samples of a place since a time, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn samples(db: &Db, place: &str, since: Timestamp) -> Result<Vec<SpaceSample>> {
    const READ: &str = "SELECT at, free_bytes FROM space_sample WHERE place = $1 AND at >= $2 ORDER BY at";
    db.all("read the free space over time", READ, args![place, since]).await
}
