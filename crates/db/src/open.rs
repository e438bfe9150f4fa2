//! Opening a database by URL, and reading from it.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use patchwharf_model::Sha256;
use sqlx::{PgPool, sqlite::SqliteSynchronous};

use crate::{
    DbError, Result,
    connection::{Connection, Sql},
    file, migrate, postgres, search,
    sql::{Record, Skip, Value, args},
    sqlite::Sqlite,
};

/// The resource database: one SQLite file or one PostgreSQL database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db(Arc<Inner>);

/// Never shown by `Debug`.
struct Url(String);

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&postgres::without_password(&self.0))
    }
}

#[derive(Debug)]
struct Inner {
    /// As it was opened; may hold a password.
    url: Url,
    backend: Backend,
    logs: Option<Sqlite>,
    statements: AtomicU64,
    rows_changed: AtomicU64,
    damage: OnceLock<String>,
    /// The newest change that was committed through this, and its digest.
    written: Mutex<Option<(i64, Sha256)>>,
}

#[derive(Debug)]
pub(crate) enum Backend {
    Sqlite(Box<Sqlite>),
    Postgres(PgPool),
}

/// How to open a database.
#[derive(Clone, Debug)]
pub struct Options {
    /// `sqlite:///path/to/file`, a path, or `postgres://user:password@host/database`.
    pub url: String,
    /// Where the log table is kept with SQLite; none: `log.db` beside the database. Ignored on PostgreSQL.
    pub log_path: Option<PathBuf>,
    /// The seeded mutant `sync-normal`: SQLite's `synchronous=NORMAL`, which loses acknowledged rows in a power cut.
    pub synchronous_normal: bool,
    /// Connections that read at once (PostgreSQL: connections in all).
    pub readers: u32,
    /// Where the database is copied to before it is migrated; none: `backups` beside an SQLite file, and no copy of
    /// PostgreSQL.
    pub backups: Option<PathBuf>,
    /// Whether it is migrated although it could not be copied.
    pub migrate_without_backup: bool,
}

impl Options {
    /// The usual settings for a URL.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            log_path: None,
            synchronous_normal: false,
            readers: 8,
            backups: None,
            migrate_without_backup: false,
        }
    }
}

impl Db {
    /// Opens the database, makes it when it is not there (SQLite), checks it, and brings its schema up to date. One that
    /// is damaged is opened for reading only: [`Db::damage`] says so.
    ///
    /// # Errors
    /// An unknown scheme, a network file system under SQLite, a file that cannot be read at all, a schema newer than
    /// this program.
    pub async fn open(options: &Options, now: Timestamp) -> Result<Self> {
        let db = Self::open_with(options, file::prepare).await?;
        match db.damage() {
            Some(_) => migrate::must_be_current(&db, &options.url).await?,
            None => migrate::run(&db, options, now).await?,
        }
        if db.is_shared() {
            search::postgres::prepare(&db, now).await?;
        }
        Ok(db)
    }

    /// Opens a database that is there without bringing its schema up to date: to copy it, also one of an older program.
    ///
    /// # Errors
    /// As [`Db::open`], and where no database is (SQLite): none is made.
    pub async fn open_as_it_is(options: &Options) -> Result<Self> {
        Self::open_with(options, file::must_be_there).await
    }

    /// Whether the schema of the database is this program's; none: it has none yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_current(&self) -> Result<Option<bool>> {
        migrate::is_current(self).await
    }

    /// `prepare`: what is done to an SQLite file before it is opened.
    async fn open_with(options: &Options, prepare: fn(&Path) -> Result<()>) -> Result<Self> {
        let url = Url(options.url.clone());
        Ok(match options.url.split_once("://") {
            Some(("postgres" | "postgresql", _)) => {
                let pool = postgres::open(&options.url, options.readers).await?;
                Self::of(url, Backend::Postgres(pool), None)
            }
            Some(("sqlite", path)) => Self::open_sqlite(path.into(), options, prepare).await?,
            None => Self::open_sqlite(options.url.as_str().into(), options, prepare).await?,
            Some((scheme, _)) => {
                return Err(DbError::Open {
                    url: postgres::without_password(&options.url),
                    reason: format!("the scheme {scheme} is not known: use a path, sqlite:// or postgres://"),
                    source: None,
                });
            }
        })
    }

    fn of(url: Url, backend: Backend, logs: Option<Sqlite>) -> Self {
        let (statements, rows_changed, damage, written) = Default::default();
        Self(Arc::new(Inner { url, backend, logs, statements, rows_changed, damage, written }))
    }

    async fn open_sqlite(path: PathBuf, options: &Options, prepare: fn(&Path) -> Result<()>) -> Result<Self> {
        let log_path = options.log_path.clone().unwrap_or_else(|| path.with_file_name("log.db"));
        let synchronous = if options.synchronous_normal { SqliteSynchronous::Normal } else { SqliteSynchronous::Full };
        prepare(&path)?;
        search::sqlite::check(&path).await?;
        let main = Sqlite::open(path, synchronous, options.readers).await?;
        file::prepare(&log_path)?;
        let logs = Sqlite::open(log_path, SqliteSynchronous::Normal, 2).await?;
        let mut writer = logs.writer().await?;
        writer.connection()?.script("make the log table", Sql::Const(migrate::LOG_SQLITE)).await?;
        drop(writer);
        let db = Self::of(Url(options.url.clone()), Backend::Sqlite(Box::new(main)), Some(logs));
        db.quick_check().await?;
        Ok(db)
    }

    /// Whether this is PostgreSQL (several servers may share it).
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self.0.backend, Backend::Postgres(_))
    }

    /// How many statements were executed since the start: tests assert queries per package with it.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.0.statements.load(Ordering::Relaxed)
    }

    /// How many rows the statements of write transactions have changed since the start: tests assert with it what a
    /// transaction touches.
    #[must_use]
    pub fn rows_changed(&self) -> u64 {
        self.0.rows_changed.load(Ordering::Relaxed)
    }

    /// The newest change of the audit trail that this program has written since its start, and its digest: the trail must
    /// still have it.
    #[must_use]
    pub fn written(&self) -> Option<(i64, Sha256)> {
        *self.0.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note_written(&self, audit_id: i64, digest: Sha256) {
        let mut written = self.0.written.lock().unwrap_or_else(PoisonError::into_inner);
        // Two that were committed one after the other may come here the other way round.
        if written.is_none_or(|(newest, _)| newest < audit_id) {
            *written = Some((audit_id, digest));
        }
    }

    /// Takes the trail as it is, whatever was written before.
    pub fn forget_written(&self) {
        *self.0.written.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Tells PostgreSQL what has changed in size, so that it plans well: after an import, and now and then. SQLite needs
    /// nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn analyze(&self) -> Result<()> {
        const TABLES: &str = "ANALYZE bulletin, bulletin_revision, bulletin_count, software_update, update_revision, \
             package, package_version, package_file, proof, policy_update, job, finding, open_finding";
        if self.is_shared() {
            self.change::<Skip>("measure the tables", TABLES, args![]).await?;
        }
        Ok(())
    }

    /// Waits for running statements and closes the pools (SQLite: also a last checkpoint).
    pub async fn close(&self) {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.close().await,
            Backend::Postgres(pool) => pool.close().await,
        }
        if let Some(logs) = &self.0.logs {
            logs.close().await;
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.0.url.0
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.0.backend
    }

    pub(crate) fn logs(&self) -> Option<&Sqlite> {
        self.0.logs.as_ref()
    }

    pub(crate) fn damage_cell(&self) -> &OnceLock<String> {
        &self.0.damage
    }

    pub(crate) fn count(&self) {
        self.0.statements.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_rows(&self, changed: u64) {
        self.0.rows_changed.fetch_add(changed, Ordering::Relaxed);
    }

    /// Reads, handing over each row as it comes.
    pub(crate) async fn each<T: Record>(
        &self,
        what: &'static str,
        sql: impl Into<Sql>,
        args: Vec<Value>,
        take: impl FnMut(T),
    ) -> Result<()> {
        self.count();
        self.watched(match &self.0.backend {
            Backend::Sqlite(sqlite) => {
                let mut reader = sqlite.reader().await?;
                Connection::Sqlite(&mut reader).each(what, sql.into(), args, take).await
            }
            Backend::Postgres(pool) => {
                let mut connection = pool.acquire().await.map_err(|e| DbError::query(what, e))?;
                Connection::Postgres(&mut connection).each(what, sql.into(), args, take).await
            }
        })
    }

    /// Reads all rows.
    pub(crate) async fn all<T: Record>(
        &self,
        what: &'static str,
        sql: impl Into<Sql>,
        args: Vec<Value>,
    ) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        self.each(what, sql, args, |row| rows.push(row)).await?;
        Ok(rows)
    }

    /// Reads the first row.
    pub(crate) async fn first<T: Record>(
        &self,
        what: &'static str,
        sql: impl Into<Sql>,
        args: Vec<Value>,
    ) -> Result<Option<T>> {
        Ok(self.all(what, sql, args).await?.into_iter().next())
    }

    /// Executes one statement that returns rows in a transaction of its own, without audit: leases of jobs.
    pub(crate) async fn change<T: Record>(
        &self,
        what: &'static str,
        sql: impl Into<Sql>,
        args: Vec<Value>,
    ) -> Result<Option<T>> {
        self.count();
        self.may_write()?;
        let mut rows = Vec::new();
        let changed = match &self.0.backend {
            Backend::Sqlite(sqlite) => {
                let mut writer = sqlite.writer().await?;
                writer.connection()?.each(what, sql.into(), args, |row| rows.push(row)).await
            }
            Backend::Postgres(pool) => {
                let mut connection = pool.acquire().await.map_err(|e| DbError::query(what, e))?;
                Connection::Postgres(&mut connection).each(what, sql.into(), args, |row| rows.push(row)).await
            }
        };
        self.watched(changed)?;
        Ok(rows.into_iter().next())
    }
}
