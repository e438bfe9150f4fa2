//! A write transaction that knows who writes.

use jiff::Timestamp;

use crate::{
    Db, DbError, Result, audit,
    connection::{Connection, Sql},
    open::Backend,
    sql::{Record, Value},
    sqlite::WriterGuard,
};

/// A write transaction. Nothing is kept unless [`Write::commit`] returns `Ok`; dropping it undoes it.
///
/// It carries who writes and from where, so that every change function leaves its audit row in the same transaction.
pub struct Write<'a> {
    db: &'a Db,
    transaction: Transaction,
    actor: String,
    source: String,
    now: Timestamp,
    audits: Vec<audit::Note>,
}

/// The advisory lock of writers on PostgreSQL.
const ONE_WRITER: i64 = i64::from_be_bytes(*b"patchwhf");

/// Instead of the limits of a session on PostgreSQL, to the end of the transaction.
const NO_LIMITS: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0";

/// Whether a transaction ends when it takes too long.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hurry {
    Bounded,
    None,
}

enum Transaction {
    Sqlite(WriterGuard),
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Db {
    /// Begins a write transaction: `BEGIN IMMEDIATE` on SQLite's one writer connection; on PostgreSQL an advisory lock
    /// makes all servers' writers take turns as well. Two that overlapped would each count what the other had not yet
    /// changed, and derived columns would stay wrong.
    ///
    /// `actor` is who (`admin`, `system`), `source` from where (`api`, `job <id>`, `start-up`).
    ///
    /// # Errors
    /// [`crate::ErrorClass::Busy`] when the database is held by another for too long; [`DbError::Damaged`] when it is
    /// only read any more.
    pub async fn write(&self, actor: &str, source: &str, now: Timestamp) -> Result<Write<'_>> {
        self.begin(Hurry::Bounded, actor, source, now).await
    }

    /// A write transaction that changes the schema. On PostgreSQL it waits for others and works for as long as that takes:
    /// an index of a table with many rows takes minutes, and whoever starts beside that has to wait for its end.
    pub(crate) async fn write_schema(&self, now: Timestamp) -> Result<Write<'_>> {
        self.begin(Hurry::None, "system", "start-up", now).await
    }

    async fn begin(&self, hurry: Hurry, actor: &str, source: &str, now: Timestamp) -> Result<Write<'_>> {
        self.may_write()?;
        let transaction = match self.backend() {
            Backend::Sqlite(sqlite) => {
                let mut guard = sqlite.writer().await?;
                guard.begin().await?;
                Transaction::Sqlite(guard)
            }
            Backend::Postgres(pool) => {
                const WHAT: &str = "begin a write transaction";
                let failed = |error| DbError::query(WHAT, error);
                let mut transaction = pool.begin().await.map_err(failed)?;
                if hurry == Hurry::None {
                    sqlx::raw_sql(NO_LIMITS).execute(&mut *transaction).await.map_err(failed)?;
                }
                sqlx::query("SELECT pg_advisory_xact_lock($1)")
                    .bind(ONE_WRITER)
                    .execute(&mut *transaction)
                    .await
                    .map_err(failed)?;
                Transaction::Postgres(transaction)
            }
        };
        let (actor, source) = (actor.to_owned(), source.to_owned());
        Ok(Write { db: self, transaction, actor, source, now, audits: Vec::new() })
    }
}

impl Write<'_> {
    /// The time that the caller gave for this transaction.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Who writes.
    #[must_use]
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// Notes an audit row; it is written with the transaction. `before` and `after` are JSON or plain words.
    pub fn audit(&mut self, action: &str, object: impl Into<String>, before: Option<String>, after: Option<String>) {
        self.audits.push(audit::Note { action: action.to_owned(), object: object.into(), before, after });
    }

    /// Makes everything durable. Only after this returns may anything be acknowledged.
    ///
    /// # Errors
    /// The transaction is undone as a whole.
    pub async fn commit(mut self) -> Result<()> {
        let mut written = None;
        if !self.audits.is_empty() {
            let notes = std::mem::take(&mut self.audits);
            let (actor, source, now) = (self.actor.clone(), self.source.clone(), self.now);
            written = Some(audit::put(&mut self, &actor, &source, now, notes).await?);
        }
        self.db.watched(match self.transaction {
            Transaction::Sqlite(mut guard) => guard.commit().await,
            Transaction::Postgres(transaction) => transaction.commit().await.map_err(|e| DbError::query("commit", e)),
        })?;
        if let Some((newest, digest)) = written {
            self.db.note_written(newest, digest);
        }
        Ok(())
    }

    fn connection(&mut self) -> Result<Connection<'_>> {
        match &mut self.transaction {
            Transaction::Sqlite(guard) => guard.connection(),
            Transaction::Postgres(transaction) => Ok(Connection::Postgres(transaction)),
        }
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.db.is_shared()
    }

    pub(crate) async fn script(&mut self, what: &'static str, sql: Sql) -> Result<()> {
        let db = self.db;
        db.watched(self.connection()?.script(what, sql).await)
    }

    pub(crate) async fn run(&mut self, what: &'static str, sql: impl Into<Sql>, args: Vec<Value>) -> Result<u64> {
        let db = self.db;
        db.count();
        let changed = db.watched(self.connection()?.run(what, sql.into(), args).await)?;
        db.count_rows(changed);
        Ok(changed)
    }

    pub(crate) async fn all<T: Record>(
        &mut self,
        what: &'static str,
        sql: impl Into<Sql>,
        args: Vec<Value>,
    ) -> Result<Vec<T>> {
        let db = self.db;
        db.count();
        let mut rows = Vec::new();
        db.watched(self.connection()?.each(what, sql.into(), args, |row| rows.push(row)).await)?;
        Ok(rows)
    }

    pub(crate) async fn first<T: Record>(
        &mut self,
        what: &'static str,
        sql: impl Into<Sql>,
        args: Vec<Value>,
    ) -> Result<Option<T>> {
        Ok(self.all(what, sql, args).await?.into_iter().next())
    }
}
