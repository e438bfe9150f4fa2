//! A write transaction that knows who writes.

use jiff::Timestamp;

use crate::{Db, Result};

/// A write transaction. Nothing is kept unless [`Write::commit`] returns `Ok`.
///
/// It carries who writes and from where, so that every change function leaves its audit row in the same transaction.
pub struct Write<'a> {
    pub(crate) db: &'a Db,
    pub(crate) actor: String,
    pub(crate) source: String,
    pub(crate) now: Timestamp,
}

impl Db {
    /// Begins a write transaction: `BEGIN IMMEDIATE` on SQLite's one writer connection.
    ///
    /// `actor` is who (`admin`, `system`), `source` from where (`api`, `job <id>`, `start-up`).
    ///
    /// # Errors
    /// [`crate::ErrorClass::Busy`] when the database is held by another for too long.
    pub async fn write(&self, actor: &str, source: &str, now: Timestamp) -> Result<Write<'_>> {
        let _ = (actor, source, now);
        todo!()
    }
}

impl Write<'_> {
    /// The time that the caller gave for this transaction.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Notes an audit row; it is written with the transaction. `before` and `after` are JSON or plain words.
    pub fn audit(&mut self, action: &str, object: impl Into<String>, before: Option<String>, after: Option<String>) {
        let _ = (&self.actor, &self.source, self.db, action, object.into(), before, after);
        todo!()
    }

    /// Makes everything durable. Only after this returns may anything be acknowledged.
    ///
    /// # Errors
    /// The transaction is undone as a whole.
    pub async fn commit(self) -> Result<()> {
        todo!()
    }
}
