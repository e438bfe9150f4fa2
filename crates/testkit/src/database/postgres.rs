//! The same to a database of PostgreSQL, named by its URL.

use sqlx::{Connection as _, Executor as _, PgConnection, Row as _};

use super::ROWS;

/// Makes an empty database one as the first version of the schema left it, as [`super::first_schema`] does.
///
/// # Panics
/// When it cannot be made.
pub async fn first_schema(url: &str) {
    const SCHEMA: &str = include_str!("../../../db/migrations/postgres/0001_initial.sql");
    const NOTED: &str =
        "CREATE TABLE schema_migration (number BIGINT NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL)";
    let mut connection = PgConnection::connect(url).await.unwrap();
    for statement in [SCHEMA, NOTED, ROWS] {
        connection.execute(statement).await.unwrap();
    }
    connection.close().await.unwrap();
}

/// The number that a statement gives.
///
/// # Panics
/// When it fails.
pub async fn number(url: &str, statement: &'static str) -> i64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let found = sqlx::query(statement).fetch_one(&mut connection).await.unwrap().get(0);
    connection.close().await.unwrap();
    found
}
