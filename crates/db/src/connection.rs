//! One connection of either back end: the only place where statements are bound and executed.

use futures_util::TryStreamExt;
use sqlx::{
    AssertSqlSafe, Column as _, PgConnection, Row, SqlSafeStr, SqliteConnection, TypeInfo, postgres::PgRow,
    sqlite::SqliteRow,
};

use crate::{
    DbError, Result,
    sql::{Cells, Record, Value},
};

/// The text of a statement: a `const`, or built from constants with parameters for all that comes from outside.
pub(crate) enum Sql {
    Const(&'static str),
    Built(String),
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self::Const(text)
    }
}

impl Sql {
    fn into_str(self) -> sqlx::SqlStr {
        match self {
            Self::Const(text) => text.into_sql_str(),
            Self::Built(text) => AssertSqlSafe(text).into_sql_str(),
        }
    }
}

/// A borrowed connection.
pub(crate) enum Connection<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

macro_rules! bound {
    ($sql:expr, $args:expr) => {{
        let mut query = sqlx::query($sql.into_str());
        for value in $args {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Int(number) => query.bind(number),
            };
        }
        query
    }};
}

macro_rules! each_row {
    ($connection:expr, $sql:expr, $args:expr, $what:expr, $take:expr) => {{
        let mut rows = bound!($sql, $args).fetch(&mut **$connection);
        while let Some(row) = rows.try_next().await.map_err(|e| DbError::query($what, e))? {
            $take(Record::read(&row)?);
            // Whoever has a person waiting comes to its turn between the many rows of a job.
            tokio::task::coop::consume_budget().await;
        }
    }};
}

impl Connection<'_> {
    /// Hands over each row as it comes.
    pub(crate) async fn each<T: Record>(
        &mut self,
        what: &'static str,
        sql: Sql,
        args: Vec<Value>,
        mut take: impl FnMut(T),
    ) -> Result<()> {
        match self {
            Self::Sqlite(connection) => each_row!(connection, sql, args, what, take),
            Self::Postgres(connection) => each_row!(connection, sql, args, what, take),
        }
        Ok(())
    }

    /// Executes a statement; returns how many rows it changed.
    pub(crate) async fn run(&mut self, what: &'static str, sql: Sql, args: Vec<Value>) -> Result<u64> {
        let changed = match self {
            Self::Sqlite(connection) => bound!(sql, args).execute(&mut **connection).await.map(|d| d.rows_affected()),
            Self::Postgres(connection) => bound!(sql, args).execute(&mut **connection).await.map(|d| d.rows_affected()),
        };
        changed.map_err(|e| DbError::query(what, e))
    }

    /// Executes statements without parameters, as they stand in a migration.
    pub(crate) async fn script(&mut self, what: &'static str, sql: Sql) -> Result<()> {
        let done = match self {
            Self::Sqlite(connection) => sqlx::raw_sql(sql.into_str()).execute(&mut **connection).await.map(drop),
            Self::Postgres(connection) => sqlx::raw_sql(sql.into_str()).execute(&mut **connection).await.map(drop),
        };
        done.map_err(|e| DbError::query(what, e))
    }
}

const READ: &str = "read a row";

impl Cells for SqliteRow {
    fn text(&self, column: &str) -> Result<Option<String>> {
        self.try_get(column).map_err(|e| DbError::query(READ, e))
    }
    fn int(&self, column: &str) -> Result<Option<i64>> {
        self.try_get(column).map_err(|e| DbError::query(READ, e))
    }
    fn is_null(&self, column: &str) -> Result<bool> {
        use sqlx::ValueRef as _;
        self.try_get_raw(column).map(|v| v.is_null()).map_err(|e| DbError::query(READ, e))
    }
}

impl Cells for PgRow {
    fn text(&self, column: &str) -> Result<Option<String>> {
        self.try_get(column).map_err(|e| DbError::query(READ, e))
    }
    fn int(&self, column: &str) -> Result<Option<i64>> {
        let wide = self.try_column(column).map_err(|e| DbError::query(READ, e))?.type_info().name() != "INT4";
        if wide { self.try_get(column) } else { self.try_get::<Option<i32>, _>(column).map(|n| n.map(i64::from)) }
            .map_err(|e| DbError::query(READ, e))
    }
    fn is_null(&self, column: &str) -> Result<bool> {
        use sqlx::ValueRef as _;
        self.try_get_raw(column).map(|v| v.is_null()).map_err(|e| DbError::query(READ, e))
    }
}
