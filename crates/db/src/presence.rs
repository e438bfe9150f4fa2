//! Who works on a database that several servers can share.
//!
//! With SQLite the lock of the data folder says who does. With PostgreSQL a server is present, with others; a command that
//! makes the rows anew is alone. The database itself forgets who is gone.

use sqlx::{Connection as _, PgConnection};

use crate::{Db, DbError, Result, open::Backend};

/// First half of the name of the lock ("pwhp" as a number); the second is the schema, for several may lie in one database.
const LOCK: i32 = i32::from_be_bytes(*b"pwhp");

const WHAT: &str = "see who else works on the database";

/// As long as it is held, nobody is alone on the database, or nobody else is present.
#[derive(Debug)]
pub struct Presence(Option<PgConnection>);

impl Presence {
    /// Gives it up at once; dropped, the database notices a moment later.
    pub async fn end(self) {
        if let Some(mut connection) = self.0 {
            // A session that was closed lives on for a moment.
            let _ = sqlx::query("SELECT pg_advisory_unlock_all()").execute(&mut connection).await;
            let _ = connection.close().await;
        }
    }
}

impl Db {
    /// Is present beside others. None: somebody is alone on the database.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn be_present(&self) -> Result<Option<Presence>> {
        self.presence("SELECT pg_try_advisory_lock_shared($1, hashtext(current_schema()))").await
    }

    /// Is alone. None: somebody is present.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn be_alone(&self) -> Result<Option<Presence>> {
        self.presence("SELECT pg_try_advisory_lock($1, hashtext(current_schema()))").await
    }

    async fn presence(&self, lock: &'static str) -> Result<Option<Presence>> {
        let Backend::Postgres(pool) = self.backend() else { return Ok(Some(Presence(None))) };
        self.count();
        // A connection of its own: the lock lasts as long as its session.
        let mut connection = pool.acquire().await.map_err(|e| DbError::query(WHAT, e))?.detach();
        let held: bool = sqlx::query_scalar(lock)
            .bind(LOCK)
            .fetch_one(&mut connection)
            .await
            .map_err(|e| DbError::query(WHAT, e))?;
        if held {
            return Ok(Some(Presence(Some(connection))));
        }
        let _ = connection.close().await;
        Ok(None)
    }
}
