//! What a test does to a SQLite file behind the server's back: damage, as a disk does it, the passing of time, and a lock. What
//! is done to a database of PostgreSQL is in [`postgres`].

pub mod postgres;

use std::{fs::OpenOptions, os::unix::fs::FileExt as _, path::Path};

use sqlx::{
    Connection as _, Executor as _, Row as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};

const PAGE_BYTES: usize = 4096;

/// Runs a statement, for example one that makes something older than it is. The server may work meanwhile.
///
/// # Panics
/// When it fails.
pub async fn change(database: &Path, statement: &'static str) -> u64 {
    let url = format!("sqlite://{}", database.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let done = sqlx::query(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    done.rows_affected()
}

/// Someone else's write transaction on a SQLite file.
#[derive(Debug)]
pub struct Held(SqliteConnection);

impl Held {
    /// Takes the lock, as soon as whoever has it lets go: a commit of the server may wait long for a busy disk.
    ///
    /// # Panics
    /// When it is not to be had.
    pub async fn take(database: &Path) -> Self {
        let options = SqliteConnectOptions::new().filename(database).busy_timeout(crate::server::DEADLINE);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query("BEGIN EXCLUSIVE").execute(&mut connection).await.unwrap();
        Self(connection)
    }

    /// Lets go.
    ///
    /// # Panics
    /// When the file cannot be closed.
    pub async fn release(mut self) {
        sqlx::query("ROLLBACK").execute(&mut self.0).await.unwrap();
        self.0.close().await.unwrap();
    }
}

/// Overwrites the first page of a table with rubbish.
///
/// # Panics
/// When there is no such database or table.
pub async fn damage_table(database: &Path, table: &str) {
    let url = format!("sqlite://{}", database.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let find = sqlx::query("SELECT rootpage FROM sqlite_schema WHERE name = $1").bind(table);
    let page: i64 = find.fetch_one(&mut connection).await.unwrap().get(0);
    connection.close().await.unwrap();
    let offset = (u64::try_from(page).unwrap() - 1) * PAGE_BYTES as u64;
    let file = OpenOptions::new().write(true).open(database).unwrap();
    file.write_all_at(&[0x5a; PAGE_BYTES], offset).unwrap();
}

/// What a migration must bring over, on both databases.
const ROWS: &str = "INSERT INTO schema_migration (number, applied_at) VALUES (1, 0); \
     INSERT INTO setting (name, value) VALUES ('test.kept', 'as it was'); \
     INSERT INTO audit (at, actor, source, action, object) \
     WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 500) \
     SELECT n, 'somebody', 'test', 'test.row', 'row ' || n FROM n";

/// Makes a SQLite file as the first version of the schema left it, with a setting `test.kept` and some changes on the audit
/// trail: what a migration must bring over.
///
/// # Panics
/// When it cannot be made.
pub async fn first_schema(database: &Path) {
    const SCHEMA: &str = include_str!("../../db/migrations/sqlite/0001_initial.sql");
    const NOTED: &str =
        "CREATE TABLE schema_migration (number INTEGER NOT NULL PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT";
    let options =
        SqliteConnectOptions::new().filename(database).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    for statement in [SCHEMA, NOTED, ROWS] {
        connection.execute(statement).await.unwrap();
    }
    connection.close().await.unwrap();
}

/// The number that a statement gives.
///
/// # Panics
/// When it fails.
pub async fn number(database: &Path, statement: &'static str) -> i64 {
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", database.display())).await.unwrap();
    let found = sqlx::query(statement).fetch_one(&mut connection).await.unwrap().get(0);
    connection.close().await.unwrap();
    found
}
