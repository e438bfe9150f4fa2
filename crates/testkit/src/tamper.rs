//! What somebody with the database file in his hands can do to it.

use std::path::Path;

use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

/// Runs a statement behind the server's back.
///
/// # Panics
/// When the database cannot be opened or refuses the statement.
pub async fn tamper(database: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(database).foreign_keys(false);
    let mut connection = SqliteConnection::connect_with(&options).await.expect("the database opens");
    let done = sqlx::query(sql).execute(&mut connection).await.expect("the statement runs");
    assert!(done.rows_affected() > 0, "{sql}: nothing was changed");
    connection.close().await.expect("the database closes");
}
