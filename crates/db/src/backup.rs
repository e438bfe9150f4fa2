//! A copy of the whole database as it was at one moment, made while it is in use: SQLite's `VACUUM INTO`, which reads in
//! a transaction of its own and holds up no writer; PostgreSQL's own `pg_dump`, over an exported snapshot.

mod before_migration;
mod postgres;
mod sqlite;

use std::{io, path::Path};

use patchwharf_model::{LocationId, PackageId, Sha256, package::VersionState};

use crate::{
    Db, DbError, Result,
    connection::{Connection, Sql},
    open::Backend,
    sql::{Number, args, record},
};

pub(crate) use before_migration::before_migration;
pub use postgres::{must_take_a_copy, restore_into};

pub use crate::postgres::without_password;

record!(
    /// A file that the copied database knows, with its content: of a version that is whole, or was.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct KeptFile {
        /// The package.
        pub package_id: PackageId,
        /// The version.
        pub version: u64,
        /// Whether that version is whole.
        pub state: VersionState,
        /// Where its folder is.
        pub location_id: LocationId,
        /// Its name.
        pub name: String,
        /// Length.
        pub size_bytes: u64,
        /// Identity of its content.
        pub sha256: Sha256,
    }
);

/// What a copy holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Number of the newest migration.
    pub schema: u64,
    /// The files of versions that are staged, damaged, or retired and not yet unlinked; by package, version and name.
    pub files: Vec<KeptFile>,
}

impl Db {
    /// Which back end this is, and so what a copy of it is: `sqlite` (a database file) or `postgres` (a dump in
    /// pg_dump's custom format).
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.is_shared() { "postgres" } else { "sqlite" }
    }

    /// The files of versions that are staged, damaged, or retired and not yet unlinked, as it is now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn kept_files(&self) -> Result<Vec<KeptFile>> {
        self.all("read what is on disk", FILES, args![]).await
    }

    /// How many bytes a copy may have, so that room can be asked for; 0: not known (a dump is packed).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn copy_bytes(&self) -> Result<u64> {
        const SIZE: &str = "SELECT p.page_count * s.page_size AS number FROM pragma_page_count AS p, \
             pragma_page_size AS s";
        if self.is_shared() {
            return Ok(0);
        }
        let size: Option<Number> = self.first("measure the database", SIZE, args![]).await?;
        Ok(size.and_then(|row| u64::try_from(row.number).ok()).unwrap_or_default())
    }

    /// Copies the whole database, as it is at one moment, into a new file that its owner alone can read, and makes it
    /// durable. Readers and writers go on meanwhile.
    ///
    /// # Errors
    /// The file cannot be written, the database fails, or (PostgreSQL) `pg_dump` is not there.
    pub async fn copy_into(&self, file: &Path) -> Result<Copied> {
        match self.backend() {
            Backend::Sqlite(sqlite) => sqlite::copy(sqlite, file).await,
            Backend::Postgres(pool) => postgres::copy(pool, self.url(), file).await,
        }
    }
}

const FILES: &str = "SELECT f.package_id, f.version, v.state, v.location_id, f.name, f.size_bytes, f.sha256 \
     FROM package_version AS v JOIN package_file AS f ON f.package_id = v.package_id AND f.version = v.version \
     WHERE v.state IN ('staged', 'corrupt', 'missing', 'retired') AND f.sha256 IS NOT NULL ORDER BY f.package_id, f.version, f.name";

/// What a copy holds, read in the transaction of the copy or from the copy itself.
async fn copied(connection: &mut Connection<'_>) -> Result<Copied> {
    const WHAT: &str = "read what a copy of the database holds";
    const SCHEMA: &str = "SELECT COALESCE(MAX(number), 0) AS number FROM schema_migration";
    let (mut schema, mut files) = (0, Vec::new());
    connection.each(WHAT, Sql::Const(SCHEMA), args![], |row: Number| schema = row.number).await?;
    connection.each(WHAT, Sql::Const(FILES), args![], |row: KeptFile| files.push(row)).await?;
    Ok(Copied { schema: u64::try_from(schema).unwrap_or_default(), files })
}

/// Waits for the disk off the async runtime: it may take seconds.
async fn blocking(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// A copy that could not be made.
fn failed(file: &Path, reason: impl Into<String>) -> Failed {
    Failed { file: file.display().to_string(), reason: reason.into() }
}

struct Failed {
    file: String,
    reason: String,
}

impl Failed {
    fn with(self, source: impl std::error::Error + Send + Sync + 'static) -> DbError {
        DbError::Copy { file: self.file, reason: self.reason, source: Some(Box::new(source)) }
    }

    fn without(self) -> DbError {
        DbError::Copy { file: self.file, reason: self.reason, source: None }
    }
}
