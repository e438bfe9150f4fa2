//! SQLite: one writer connection, a pool of readers, WAL.
//!
//! The writer is ours and not a pool's: after SQLite has undone a transaction by itself (disk full), the driver's
//! `Transaction` believes that it is still open and never lets go of it.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions, Connection as _, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{
    DbError, Result,
    connection::{Connection, Sql},
};

/// How long a writer waits for the other writers of this process.
const WRITER_WAIT: Duration = Duration::from_secs(10);
/// Rows that the connection's thread reads ahead: every time that it waits to be asked costs two switches of threads.
const ROWS_AHEAD: usize = 1_000;
/// Pages that a connection keeps: 8 MiB (in KiB, negative). Less is read again and again by statements over many rows.
const CACHE: &str = "-8192";
/// How long SQLite waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// One SQLite file.
pub(crate) struct Sqlite {
    pub(crate) path: PathBuf,
    /// Device and inode that were opened.
    opened: (u64, u64),
    options: SqliteConnectOptions,
    writer: Arc<Mutex<Writer>>,
    readers: SqlitePool,
}

#[derive(Default)]
pub(crate) struct Writer {
    connection: Option<SqliteConnection>,
    /// A transaction was left open by somebody who went away.
    dirty: bool,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Sqlite {
    /// Opens an existing file (an empty one is made a database) and reads back that its journal is a WAL.
    pub(crate) async fn open(path: PathBuf, synchronous: SqliteSynchronous, readers: u32) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(false)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .row_buffer_size(ROWS_AHEAD)
            .pragma("cache_size", CACHE)
            .pragma("trusted_schema", "OFF")
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(|e| cannot_open(&path, &e).with(e))?;
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(&mut connection)
            .await
            .map_err(|e| DbError::query("read the journal mode back", e))?;
        if mode != "wal" {
            return Err(cannot_open(&path, &format!("its journal mode is {mode}, not wal, which this file system may not support: put it on a local file system")).without());
        }
        let readers = SqlitePoolOptions::new()
            .max_connections(readers.max(1))
            .min_connections(0)
            .acquire_timeout(WRITER_WAIT)
            .idle_timeout(Duration::from_secs(60))
            .test_before_acquire(false)
            .connect_lazy_with(options.clone().pragma("query_only", "ON"));
        let writer = Writer { connection: Some(connection), dirty: false };
        let opened =
            identity(&path).map_err(|e| cannot_open(&path, &"it cannot be looked at").with(std::io::Error::from(e)))?;
        Ok(Self { path, opened, options, writer: Arc::new(Mutex::new(writer)), readers })
    }

    /// Whether the path still leads to the file that was opened.
    pub(crate) fn is_in_place(&self) -> bool {
        identity(&self.path).is_ok_and(|found| found == self.opened)
    }

    pub(crate) async fn reader(&self) -> Result<sqlx::pool::PoolConnection<sqlx::Sqlite>> {
        self.readers.acquire().await.map_err(|e| DbError::query("get a connection to read the database", e))
    }

    /// A connection for reading that has nothing in its cache.
    pub(crate) async fn fresh_reader(&self) -> Result<SqliteConnection> {
        let options = self.options.clone().pragma("query_only", "ON");
        options.connect().await.map_err(|e| DbError::query("connect to read the database", e))
    }

    /// A connection beside the others that may write: it copies the database into another file.
    pub(crate) async fn own_connection(&self) -> Result<SqliteConnection> {
        self.options.connect().await.map_err(|e| DbError::query("connect to copy the database", e))
    }

    /// A connection that only reads a copy, and leaves no file beside it.
    pub(crate) async fn connect_to_copy(path: &std::path::Path) -> Result<SqliteConnection> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
        options
            .disable_statement_logging()
            .connect()
            .await
            .map_err(|e| DbError::query("read a copy of the database", e))
    }

    /// The writer connection, without a transaction of anybody's.
    pub(crate) async fn writer(&self) -> Result<WriterGuard> {
        const WHAT: &str = "get the connection that writes the database";
        let lock = tokio::time::timeout(WRITER_WAIT, self.writer.clone().lock_owned());
        let mut writer = lock.await.map_err(|_| DbError::query(WHAT, sqlx::Error::PoolTimedOut))?;
        if writer.dirty {
            writer.roll_back().await;
        }
        if writer.connection.is_none() {
            writer.connection = Some(self.options.connect().await.map_err(|e| DbError::query(WHAT, e))?);
        }
        Ok(WriterGuard(Some(writer)))
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        let mut writer = self.writer.lock().await;
        if writer.dirty {
            writer.roll_back().await;
        }
        if let Some(connection) = writer.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "could not close the database");
        }
    }
}

impl Writer {
    async fn roll_back(&mut self) {
        self.dirty = false;
        if let Some(connection) = &mut self.connection
            && let Err(error) = sqlx::raw_sql("ROLLBACK").execute(connection).await
        {
            // "No transaction is active": SQLite has undone it by itself. Anything else: begin anew.
            let gone = error.as_database_error().is_some_and(|e| e.message().contains("no transaction is active"));
            if !gone {
                self.connection = None;
            }
        }
    }
}

/// Exclusive use of the writer connection.
pub(crate) struct WriterGuard(Option<OwnedMutexGuard<Writer>>);

impl WriterGuard {
    fn lost() -> DbError {
        DbError::query("use the connection that writes the database", sqlx::Error::WorkerCrashed)
    }

    pub(crate) fn connection(&mut self) -> Result<Connection<'_>> {
        let connection = self.0.as_mut().and_then(|w| w.connection.as_mut()).ok_or_else(Self::lost)?;
        Ok(Connection::Sqlite(connection))
    }

    pub(crate) async fn begin(&mut self) -> Result<()> {
        // From the first byte sent on, a transaction may be open, also when this future is dropped.
        self.set_dirty(true);
        let begun = self.connection()?.script("begin a write transaction", Sql::Const("BEGIN IMMEDIATE")).await;
        if begun.is_err() {
            self.set_dirty(false);
        }
        begun
    }

    pub(crate) async fn commit(&mut self) -> Result<()> {
        self.connection()?.script("commit", Sql::Const("COMMIT")).await?;
        self.set_dirty(false);
        Ok(())
    }

    fn set_dirty(&mut self, dirty: bool) {
        if let Some(writer) = &mut self.0 {
            writer.dirty = dirty;
        }
    }
}

impl Drop for WriterGuard {
    /// Undoes an open transaction at once, so that it does not hold the database until the next writer comes.
    fn drop(&mut self) {
        if let Some(mut writer) = self.0.take()
            && writer.dirty
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move { writer.roll_back().await });
        }
    }
}

fn identity(path: &std::path::Path) -> rustix::io::Result<(u64, u64)> {
    rustix::fs::stat(path).map(|stat| (stat.st_dev, stat.st_ino))
}

/// A half-made [`DbError::Open`].
pub(crate) struct CannotOpen {
    url: String,
    reason: String,
}

impl CannotOpen {
    pub(crate) fn with(self, source: impl std::error::Error + Send + Sync + 'static) -> DbError {
        DbError::Open { url: self.url, reason: self.reason, source: Some(Box::new(source)) }
    }
    pub(crate) fn without(self) -> DbError {
        DbError::Open { url: self.url, reason: self.reason, source: None }
    }
}

pub(crate) fn cannot_open(path: &std::path::Path, reason: &impl ToString) -> CannotOpen {
    CannotOpen { url: path.display().to_string(), reason: reason.to_string() }
}
