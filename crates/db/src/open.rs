//! Opening a database by URL.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::Result;

/// The resource database: one SQLite file or one PostgreSQL database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {}

/// How to open a database.
#[derive(Clone, Debug)]
pub struct Options {
    /// `sqlite:///path/to/file`, a path, or `postgres://user:password@host/database`.
    pub url: String,
    /// Where the log table is kept with SQLite; none: `log.db` beside the database. Ignored on PostgreSQL.
    pub log_path: Option<PathBuf>,
    /// The seeded mutant `sync-normal`: SQLite's `synchronous=NORMAL`, which loses acknowledged rows in a power cut.
    pub synchronous_normal: bool,
    /// Readers at once.
    pub readers: u32,
}

impl Options {
    /// The usual settings for a URL.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), log_path: None, synchronous_normal: false, readers: 8 }
    }
}

impl Db {
    /// Opens the database, makes it when it is not there (SQLite), checks it, and brings its schema up to date.
    ///
    /// # Errors
    /// An unknown scheme, a network file system under SQLite, a damaged file, a schema newer than this program.
    pub async fn open(options: &Options, now: Timestamp) -> Result<Self> {
        let _ = (options, now);
        todo!()
    }

    /// Whether this is PostgreSQL (several servers may share it).
    #[must_use]
    pub fn is_shared(&self) -> bool {
        todo!()
    }

    /// How many statements were executed since the start: tests assert queries per package with it.
    #[must_use]
    pub fn statements(&self) -> u64 {
        todo!()
    }

    /// The whole check of the database (SQLite: `integrity_check` and `foreign_key_check`; PostgreSQL: foreign keys
    /// that no constraint guards). Returns what was found; empty means sound.
    ///
    /// # Errors
    /// When the check itself cannot run.
    pub async fn integrity_check(&self) -> Result<Vec<String>> {
        todo!()
    }

    /// Waits for running statements and closes the pools (SQLite: also a last checkpoint).
    pub async fn close(&self) {
        todo!()
    }
}
