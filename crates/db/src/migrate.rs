//! Bringing the schema up to date: each migration in a transaction, under a lock, once.

use jiff::Timestamp;

use crate::{
    Db, DbError, Result,
    connection::Sql,
    open::Backend,
    sql::{Number, args},
};

/// The schema of `log.db`; on PostgreSQL it is part of the first migration.
pub(crate) const LOG_SQLITE: &str = include_str!("../migrations/sqlite/log.sql");

#[derive(Clone, Copy)]
struct Migration {
    number: i64,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migration {
    ($number:literal, $file:literal) => {
        Migration {
            number: $number,
            sqlite: include_str!(concat!("../migrations/sqlite/", $file)),
            postgres: include_str!(concat!("../migrations/postgres/", $file)),
        }
    };
}

const MIGRATIONS: &[Migration] = &[
    migration!(1, "0001_initial.sql"),
    migration!(2, "0002_text_search.sql"),
    migration!(3, "0003_integrity.sql"),
    migration!(4, "0004_originals.sql"),
];

const WHAT: &str = "bring the schema up to date";
/// Servers that start together on one PostgreSQL: one migrates, the others wait ("patchwha" as a number).
const LOCK: &str = "SELECT CAST(pg_advisory_xact_lock(8097879471885678689) AS TEXT) AS text";
const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (number BIGINT NOT NULL PRIMARY KEY, \
     applied_at BIGINT NOT NULL)";
const TABLE_SQLITE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (number INTEGER NOT NULL PRIMARY KEY, \
     applied_at INTEGER NOT NULL) STRICT";
const NEWEST: &str = "SELECT COALESCE(MAX(number), 0) AS number FROM schema_migration";
const NOTE: &str = "INSERT INTO schema_migration (number, applied_at) VALUES ($1, $2)";

pub(crate) async fn run(db: &Db, url: &str, now: Timestamp) -> Result<()> {
    run_with(db, url, MIGRATIONS, now).await
}

/// A damaged database is not migrated: what can be read of it must be in this program's words already.
pub(crate) async fn must_be_current(db: &Db, url: &str) -> Result<()> {
    let open = |reason: String, source| DbError::Open { url: crate::postgres::without_password(url), reason, source };
    let damage = db.damage().unwrap_or_default();
    let newest = MIGRATIONS.last().map_or(0, |m| m.number);
    match db.first::<Number>(WHAT, NEWEST, args![]).await {
        Ok(Some(found)) if found.number == newest => Ok(()),
        Ok(found) => Err(open(
            format!(
                "the file is damaged ({damage}) and its schema is version {}, not {newest}: put a backup in its place",
                found.map_or(0, |n| n.number)
            ),
            None,
        )),
        Err(error) => Err(open(
            format!("the file is damaged ({damage}) and cannot even be read: put a backup in its place"),
            Some(Box::new(error)),
        )),
    }
}

async fn run_with(db: &Db, url: &str, migrations: &[Migration], now: Timestamp) -> Result<()> {
    let newest = migrations.last().map_or(0, |m| m.number);
    backup(db, newest).await?;
    let mut w = db.write("system", "start-up", now).await?;
    if db.is_shared() {
        w.all::<crate::sql::Skip>(WHAT, LOCK, args![]).await?;
    }
    w.script(WHAT, Sql::Const(if db.is_shared() { TABLE } else { TABLE_SQLITE })).await?;
    let found = w.first::<Number>(WHAT, NEWEST, args![]).await?.map_or(0, |n| n.number);
    if found > newest {
        return Err(DbError::Open {
            url: crate::postgres::without_password(url),
            reason: format!(
                "its schema is version {found}, this program knows {newest}: it was used by a newer Patchwharf; start that one"
            ),
            source: None,
        });
    }
    for migration in migrations.iter().filter(|m| m.number > found) {
        w.script(WHAT, Sql::Const(if db.is_shared() { migration.postgres } else { migration.sqlite })).await?;
        w.run(WHAT, NOTE, args![migration.number, now]).await?;
        w.audit("schema.migrate", "schema", Some(found.to_string()), Some(migration.number.to_string()));
    }
    w.commit().await
}

/// Copies a SQLite database that is about to be migrated to `<file>.before-<version>`, unless it is new.
async fn backup(db: &Db, newest: i64) -> Result<()> {
    const TABLES: &str = "SELECT COUNT(*) AS number FROM sqlite_schema WHERE name = 'schema_migration'";
    const COPY: &str = "VACUUM INTO $1";
    let Backend::Sqlite(sqlite) = db.backend() else { return Ok(()) };
    if db.first::<Number>(WHAT, TABLES, args![]).await?.is_none_or(|n| n.number == 0) {
        return Ok(());
    }
    let found = db.first::<Number>(WHAT, NEWEST, args![]).await?.map_or(0, |n| n.number);
    if found == 0 || found >= newest {
        return Ok(());
    }
    let mut copy = sqlite.path.clone().into_os_string();
    copy.push(format!(".before-{newest}"));
    if std::path::Path::new(&copy).exists() {
        return Ok(());
    }
    let mut part = copy.clone();
    part.push(".part");
    let failed =
        |e| crate::sqlite::cannot_open(&sqlite.path, &"its copy before the migration could not be made").with(e);
    let _ = std::fs::remove_file(&part);
    let mut writer = sqlite.writer().await?;
    let part_text = part.to_string_lossy().into_owned();
    writer.connection()?.run("copy the database before its migration", Sql::Const(COPY), args![part_text]).await?;
    std::fs::File::open(&part).and_then(|file| file.sync_all()).map_err(failed)?;
    std::fs::rename(&part, &copy).map_err(failed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{Options, sql::Text};

    /// The migrations of this program and one more.
    fn and_then(sql: &'static str) -> Vec<Migration> {
        let next = Migration { number: newest() + 1, sqlite: sql, postgres: sql };
        MIGRATIONS.iter().copied().chain([next]).collect()
    }

    fn newest() -> i64 {
        MIGRATIONS.last().unwrap().number
    }

    #[tokio::test]
    async fn c_15_a_migration_that_breaks_leaves_the_old_schema_and_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let url = folder.path().join("patchwharf.db").display().to_string();
        let db = Db::open(&Options::new(&url), Timestamp::UNIX_EPOCH).await.unwrap();
        let broken = "CREATE TABLE half (x INTEGER); INSERT INTO half VALUES (1); CREATE TABLE setting (x INTEGER)";
        assert!(run_with(&db, &url, &and_then(broken), Timestamp::UNIX_EPOCH).await.is_err());
        let tables = "SELECT name AS text FROM sqlite_schema WHERE name = 'half'";
        assert!(db.all::<Text>(WHAT, tables, args![]).await.unwrap().is_empty());
        assert_eq!(db.first::<Number>(WHAT, NEWEST, args![]).await.unwrap().unwrap().number, newest());

        let mended = and_then("CREATE TABLE half (x INTEGER)");
        run_with(&db, &url, &mended, Timestamp::UNIX_EPOCH).await.unwrap();
        run_with(&db, &url, &mended, Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!(db.first::<Number>(WHAT, NEWEST, args![]).await.unwrap().unwrap().number, newest() + 1);
        db.close().await;
        let copy =
            Db::open(&Options::new(format!("{url}.before-{}", newest() + 1)), Timestamp::UNIX_EPOCH).await.unwrap();
        assert!(copy.all::<Text>(WHAT, tables, args![]).await.unwrap().is_empty(), "the copy is of before");
        let error = Db::open(&Options::new(&url), Timestamp::UNIX_EPOCH).await.unwrap_err();
        let text = format!("its schema is version {}, this program knows {}", newest() + 1, newest());
        assert!(error.to_string().contains(&text), "{error}");
    }
}
