//! PostgreSQL: GIN indexes of the extension `pg_trgm`, which the planner uses for `LIKE`.
//!
//! The extension comes with the server's contrib package and is trusted: who may create objects in the database may
//! create it. They are no part of a migration, for a database must not be lost for want of an index: each start looks
//! again whether they can be had.

use jiff::Timestamp;

use crate::{
    Db, Result,
    connection::Sql,
    logs::told,
    sql::{Number, args},
};

const WHAT: &str = "make the text index";

/// Makes the indexes where they are not there; says in the log what to do where they cannot be had.
///
/// # Errors
/// When the database cannot be asked.
pub(crate) async fn prepare(db: &Db, now: Timestamp) -> Result<()> {
    const THERE: &str = "SELECT COUNT(*) AS number FROM pg_class WHERE relkind = 'i' AND relname IN \
         ('bulletin_revision_search', 'update_revision_search', 'log_record_text') AND pg_table_is_visible(oid)";
    if db.first::<Number>(WHAT, THERE, args![]).await?.is_some_and(|found| found.number == 3) {
        return Ok(());
    }
    tracing::info!("making the index of texts; with a long log that takes minutes, the first time only");
    if let Err(error) = make(db, now).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            cause = std::error::Error::source(&error).map(tracing::field::display),
            "searching for words goes through every text, for the index of texts could not be made; where the extension \
             pg_trgm cannot be had, install the contrib package of the PostgreSQL server and let the owner of the \
             database say CREATE EXTENSION pg_trgm; then start Patchwharf again"
        );
    }
    Ok(())
}

async fn make(db: &Db, now: Timestamp) -> Result<()> {
    const MAKE: &str = concat!(
        "CREATE EXTENSION IF NOT EXISTS pg_trgm; ",
        "CREATE INDEX IF NOT EXISTS bulletin_revision_search ON bulletin_revision USING gin (search gin_trgm_ops); ",
        "CREATE INDEX IF NOT EXISTS update_revision_search ON update_revision USING gin (search gin_trgm_ops); ",
        "DROP INDEX IF EXISTS log_record_search; ",
        "CREATE INDEX IF NOT EXISTS log_record_text ON log_record USING gin ((",
        told!(),
        ") gin_trgm_ops)"
    );
    let mut w = db.write_schema(now).await?;
    w.script(WHAT, Sql::Const(MAKE)).await?;
    w.audit("schema.index", "schema", None, Some("pg_trgm".into()));
    w.commit().await
}
