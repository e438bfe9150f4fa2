//! Bringing the schema up to date: each migration in a transaction, under a lock, once.

use jiff::Timestamp;

use crate::{
    Db, DbError, Options, Result, backup,
    connection::Sql,
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
    migration!(5, "0005_years.sql"),
    migration!(6, "0006_unproved.sql"),
    migration!(7, "0007_accounts.sql"),
    migration!(8, "0008_audit_chain.sql"),
    migration!(9, "0009_history.sql"),
    migration!(10, "0010_saved_views.sql"),
    migration!(11, "0011_package_state.sql"),
    migration!(12, "0012_sorted_columns.sql"),
    migration!(13, "0013_last_look.sql"),
    migration!(14, "0014_counted_pages.sql"),
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

pub(crate) async fn run(db: &Db, options: &Options, now: Timestamp) -> Result<()> {
    run_with(db, options, MIGRATIONS, now).await
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

/// Whether the schema is this program's; none: there is no schema yet.
pub(crate) async fn is_current(db: &Db) -> Result<Option<bool>> {
    let (found, newest) = (version(db).await?, MIGRATIONS.last().map_or(0, |m| m.number));
    Ok((found > 0).then_some(found == newest))
}

async fn run_with(db: &Db, options: &Options, migrations: &[Migration], now: Timestamp) -> Result<()> {
    let newest = migrations.last().map_or(0, |m| m.number);
    let before = version(db).await?;
    if before == newest {
        return Ok(());
    }
    if before > 0 && before < newest {
        backup::before_migration(db, options, newest, now).await?;
        tracing::info!(
            "bringing the schema of the database from version {before} to {newest}; with many rows that takes minutes, and \
             what is broken off changes nothing"
        );
    }
    let mut w = db.write_schema(now).await?;
    if db.is_shared() {
        w.all::<crate::sql::Skip>(WHAT, LOCK, args![]).await?;
    }
    w.script(WHAT, Sql::Const(if db.is_shared() { TABLE } else { TABLE_SQLITE })).await?;
    let found = w.first::<Number>(WHAT, NEWEST, args![]).await?.map_or(0, |n| n.number);
    if found > newest {
        return Err(DbError::Open {
            url: crate::postgres::without_password(&options.url),
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

/// The version of a database's schema; 0: it is new.
async fn version(db: &Db) -> Result<i64> {
    const SQLITE: &str = "SELECT COUNT(*) AS number FROM sqlite_schema WHERE name = 'schema_migration'";
    const POSTGRES: &str = "SELECT COUNT(*) AS number FROM information_schema.tables WHERE table_name = 'schema_migration' \
         AND table_schema = current_schema()";
    let tables = if db.is_shared() { POSTGRES } else { SQLITE };
    match db.first::<Number>(WHAT, tables, args![]).await? {
        Some(found) if found.number > 0 => {
            Ok(db.first::<Number>(WHAT, NEWEST, args![]).await?.map_or(0, |newest| newest.number))
        }
        _ => Ok(0),
    }
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

    fn options(folder: &std::path::Path) -> Options {
        Options::new(folder.join("patchwharf.db").display().to_string())
    }

    fn copies(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
        let mut found: Vec<_> = std::fs::read_dir(folder.join("backups"))
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .collect();
        found.sort();
        found
    }

    #[test]
    fn migrations_are_numbered_without_a_gap() {
        let numbers: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.number).collect();
        let rising: Vec<i64> = (1..=newest()).collect();
        assert_eq!(numbers, rising, "a database that has passed a gap would never fill it");
    }

    #[tokio::test]
    async fn c_15_a_migration_that_breaks_leaves_the_old_schema_and_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path());
        let db = Db::open(&options, Timestamp::UNIX_EPOCH).await.unwrap();
        let current = version(&db).await.unwrap();
        assert!(copies(folder.path()).is_empty(), "a new database needs no copy");
        let broken =
            and_then("CREATE TABLE half (x INTEGER); INSERT INTO half VALUES (1); CREATE TABLE setting (x INTEGER)");
        assert!(run_with(&db, &options, &broken, Timestamp::UNIX_EPOCH).await.is_err());
        let tables = "SELECT name AS text FROM sqlite_schema WHERE name = 'half'";
        assert!(db.all::<Text>(WHAT, tables, args![]).await.unwrap().is_empty());
        assert_eq!(version(&db).await.unwrap(), current);

        let mended = and_then("CREATE TABLE half (x INTEGER)");
        run_with(&db, &options, &mended, Timestamp::UNIX_EPOCH).await.unwrap();
        run_with(&db, &options, &mended, Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!(version(&db).await.unwrap(), newest() + 1);
        db.close().await;
        let copies = copies(folder.path());
        assert_eq!(copies.len(), 1, "the copy of a moment ago serves: {copies:?}");
        let mode = std::os::unix::fs::PermissionsExt::mode(&copies[0].metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let copy = Db::open_as_it_is(&Options::new(copies[0].display().to_string())).await.unwrap();
        assert_eq!(version(&copy).await.unwrap(), current, "the copy is of before");
        assert!(copy.all::<Text>(WHAT, tables, args![]).await.unwrap().is_empty());
        let error = Db::open(&options, Timestamp::UNIX_EPOCH).await.unwrap_err();
        let text = format!("its schema is version {}, this program knows {}", newest() + 1, newest());
        assert!(error.to_string().contains(&text), "{error}");
    }

    #[tokio::test]
    async fn a_database_that_cannot_be_copied_is_not_migrated_unless_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(folder.path());
        let db = Db::open(&options, Timestamp::UNIX_EPOCH).await.unwrap();
        let current = version(&db).await.unwrap();
        std::fs::write(folder.path().join("backups"), "a file where the folder should be").unwrap();
        let next = and_then("CREATE TABLE more (x INTEGER)");
        let error = run_with(&db, &options, &next, Timestamp::UNIX_EPOCH).await.unwrap_err();
        assert!(error.to_string().contains("--migrate-without-backup"), "{error}");
        assert_eq!(version(&db).await.unwrap(), current);
        options.migrate_without_backup = true;
        run_with(&db, &options, &next, Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!(version(&db).await.unwrap(), newest() + 1);
    }

    #[tokio::test]
    async fn x_04_a_copy_that_was_cut_off_or_is_of_a_time_to_come_counts_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path());
        let db = Db::open(&options, Timestamp::UNIX_EPOCH).await.unwrap();
        let now = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24);
        let kept = folder.path().join("backups");
        std::fs::create_dir_all(&kept).unwrap();
        let cut_off = kept.join(".before-0009-19700102T000000Z.db");
        std::fs::write(&cut_off, "half of").unwrap();
        std::fs::write(kept.join(".before-mine"), "a person's").unwrap();
        let ahead = kept.join("before-0009-20360101T000000Z.db");
        std::fs::write(&ahead, "by a clock that ran ahead").unwrap();
        backup::before_migration(&db, &options, 9, now).await.unwrap();
        assert!(!cut_off.exists() && kept.join(".before-mine").exists());
        let made = kept.join("before-0009-19700102T000000Z.db");
        let copy = Db::open_as_it_is(&Options::new(made.display().to_string())).await.unwrap();
        assert_eq!(version(&copy).await.unwrap(), newest());
        copy.close().await;
        for day in 2..=9 {
            backup::before_migration(
                &db,
                &options,
                10,
                Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * day),
            )
            .await
            .unwrap();
        }
        assert!(
            kept.join("before-0010-19700110T000000Z.db").exists() && !ahead.exists(),
            "an older version goes first"
        );
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_is_not_made_by_whoever_only_copies_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nothing.db");
        let error = Db::open_as_it_is(&Options::new(path.display().to_string())).await.unwrap_err();
        assert!(error.to_string().contains("no database is there"), "{error}");
        std::fs::write(&path, "").unwrap();
        let error = Db::open_as_it_is(&Options::new(path.display().to_string())).await.unwrap_err();
        assert!(error.to_string().contains("it is empty"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was made");
    }

    #[tokio::test]
    async fn a_few_copies_are_kept_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path());
        let db = Db::open(&options, Timestamp::UNIX_EPOCH).await.unwrap();
        for day in 1..=7 {
            let now = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * day);
            backup::before_migration(&db, &options, day, now).await.unwrap();
        }
        let copies = copies(folder.path());
        assert_eq!(copies.len(), 5);
        assert!(copies[0].to_str().unwrap().contains("before-0003-"), "{copies:?}");
    }
}
