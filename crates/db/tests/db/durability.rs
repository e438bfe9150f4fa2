//! What SQLite must be told, and what happens when it cannot write.

use std::os::unix::fs::PermissionsExt;

use patchwharf_db::{Db, DbError, ErrorClass, Options, settings};

use crate::sandbox::{Sandbox, at};

async fn pragma(db: &Sandbox, sql: &'static str) -> String {
    use sqlx::{Connection, Row};
    let path = db.url.replace("sqlite://", "");
    let mut connection = sqlx::SqliteConnection::connect(&path).await.unwrap();
    let row = sqlx::query(sql).fetch_one(&mut connection).await.unwrap();
    row.try_get::<String, _>(0).unwrap_or_else(|_| row.get::<i64, _>(0).to_string())
}

#[tokio::test]
async fn the_file_is_private_and_its_journal_is_a_wal() {
    let s = Sandbox::sqlite().await;
    let folder = s.folder.as_ref().unwrap().path();
    for file in ["patchwharf.db", "patchwharf.db-wal", "patchwharf.db-shm", "log.db"] {
        let mode = folder.join(file).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert_eq!(pragma(&s, "PRAGMA journal_mode").await, "wal");
    assert!(s.db.integrity_check().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_unknown_scheme_is_refused() {
    let error = Db::open(&Options::new("mysql://root:secret@host/db"), at(0)).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("the scheme mysql is not known") && !text.contains("secret"), "{text}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let error = Db::open(&Options::new("/nowhere/at/all/x.db"), at(0)).await.unwrap_err();
    assert!(error.to_string().contains("its folder /nowhere/at/all cannot be used"), "{error}");
}

#[tokio::test]
async fn c_12_a_damaged_page_is_found_at_start() {
    let s = Sandbox::sqlite().await;
    s.catalogue(200).await;
    s.db.close().await;
    let path = s.url.replace("sqlite://", "");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    match Db::open(&Options::new(&s.url), at(1)).await {
        // What can be read of it is read; nothing is written.
        Ok(db) => {
            assert!(db.damage().is_some());
            let refused = db.write("admin", "api", at(2)).await.err().unwrap();
            assert_eq!(refused.class(), ErrorClass::Corrupt);
            assert!(refused.to_string().contains("put a backup"), "{refused}");
        }
        Err(error) => assert!(error.to_string().contains("the file is damaged"), "{error}"),
    }
}

#[tokio::test]
async fn c_12_damage_that_the_whole_check_finds_ends_all_writing() {
    let s = Sandbox::sqlite().await;
    s.catalogue(20).await;
    s.db.close().await;
    let db = Db::open(&Options::new(&s.url), at(1)).await.unwrap();
    assert_eq!(db.damage(), None);
    patchwharf_testkit::damage_table(s.url.replace("sqlite://", "").as_ref(), "audit").await;
    assert!(!db.integrity_check().await.unwrap().is_empty());
    assert!(db.damage().is_some());
    assert!(db.write("admin", "api", at(2)).await.is_err());
    assert!(!patchwharf_db::feeds::list(&db, false).await.unwrap().is_empty(), "the rest can still be read");
}

#[tokio::test]
async fn c_15_an_old_program_refuses_a_newer_schema() {
    use sqlx::Connection;
    let s = Sandbox::sqlite().await;
    let mut connection = sqlx::SqliteConnection::connect(&s.url).await.unwrap();
    sqlx::query("INSERT INTO schema_migration (number, applied_at) VALUES (99, 0)")
        .execute(&mut connection)
        .await
        .unwrap();
    let error = Db::open(&Options::new(&s.url), at(1)).await.unwrap_err();
    assert!(error.to_string().contains("its schema is version 99"), "{error}");
}

#[tokio::test]
async fn opening_again_changes_nothing() {
    let s = Sandbox::sqlite().await;
    s.catalogue(2).await;
    let before = patchwharf_db::audit::list(&s.db, of("schema"), None, 100).await.unwrap();
    s.db.close().await;
    let path = s.url.replace("sqlite://", "");
    let again = Db::open(&Options::new(&path), at(1)).await.unwrap();
    let after = patchwharf_db::audit::list(&again, of("schema"), None, 100).await.unwrap();
    assert!(!before.rows.is_empty() && after.rows == before.rows);
    assert!(!std::path::Path::new(&path).with_file_name("backups").exists(), "no copy without a migration");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c_11_a_database_held_by_another_is_a_bounded_wait_and_says_busy() {
    use sqlx::Connection;
    let s = Sandbox::sqlite().await;
    let mut other = sqlx::SqliteConnection::connect(&s.url).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let error = match s.db.write("t", "t", at(1)).await {
        Err(error) => error,
        Ok(_) => panic!("two writers at once"),
    };
    assert_eq!((error.class(), error.is_transient()), (ErrorClass::Busy, true), "{error}");
    assert_eq!(settings::get(&s.db, "x").await.unwrap(), None, "reading goes on");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    let writers = futures_util::future::join_all((0..200).map(|n| {
        let db = s.db.clone();
        async move {
            let mut w = db.write("t", "t", at(1)).await?;
            settings::set(&mut w, &format!("n{n}"), "1").await?;
            w.commit().await
        }
    }));
    assert!(writers.await.iter().all(Result::is_ok));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c_10_a_full_disk_is_reported_undone_and_survived() {
    use sqlx::Connection;
    let s = Sandbox::sqlite().await;
    // The writer is this process's: `max_page_count` is kept per connection, so the limit is set through a trigger of
    // the same effect: a statement that raises what SQLite says when the disk is full and undoes the transaction.
    let mut other = sqlx::SqliteConnection::connect(&s.url).await.unwrap();
    let trigger = "CREATE TRIGGER full BEFORE INSERT ON setting WHEN NEW.name = 'big' \
         BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END";
    sqlx::raw_sql(trigger).execute(&mut other).await.unwrap();
    let mut w = s.write(1).await;
    settings::set(&mut w, "small", "1").await.unwrap();
    // SQLite has undone the transaction by itself, behind the driver's back.
    assert!(settings::set(&mut w, "big", "1").await.is_err());
    assert!(w.commit().await.is_err(), "nothing is acknowledged");
    let mut w = s.write(2).await;
    settings::set(&mut w, "after", "1").await.unwrap();
    w.commit().await.unwrap();
    assert_eq!(settings::get(&s.db, "small").await.unwrap(), None);
    assert_eq!(settings::get(&s.db, "after").await.unwrap().as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_writer_that_goes_away_in_the_middle_lets_go_at_once() {
    let s = Sandbox::sqlite().await;
    for _ in 0..20 {
        let db = s.db.clone();
        let task = tokio::spawn(async move {
            let mut w = db.write("t", "t", at(1)).await.unwrap();
            loop {
                settings::set(&mut w, "gone", "1").await.unwrap();
            }
        });
        tokio::task::yield_now().await;
        task.abort();
        let _ = task.await;
    }
    let mut w = s.write(2).await;
    settings::set(&mut w, "after", "1").await.unwrap();
    w.commit().await.unwrap();
    assert_eq!(settings::get(&s.db, "gone").await.unwrap(), None);
    assert!(matches!(settings::get(&s.db, "after").await, Ok::<_, DbError>(Some(_))));
}

/// A small disk that gets full. Needs root, and says so otherwise.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(folder: &std::path::Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        let done =
            std::process::Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder).output();
        if done.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder.to_owned()));
        }
        patchwharf_testkit::skipped("a tmpfs cannot be mounted here, so no disk got full");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c_10_a_disk_that_is_full_is_named_so_and_the_database_goes_on_when_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_disk) = SmallDisk::mount(folder.path(), "6m") else { return };
    let path = folder.path().join("patchwharf.db").display().to_string();
    let db = Db::open(&Options::new(&path), at(0)).await.unwrap();
    let ballast = folder.path().join("ballast");
    std::fs::write(&ballast, vec![1; 1 << 20]).unwrap();
    let mut kept = 0;
    let error = loop {
        let value = "x".repeat(100_000);
        let write = async {
            let mut w = db.write("t", "t", at(1)).await?;
            settings::set(&mut w, &format!("n{kept}"), &value).await?;
            w.commit().await
        };
        match write.await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((error.class(), error.is_transient()), (ErrorClass::Full, true), "{error}");
    assert_eq!(settings::get(&db, &format!("n{kept}")).await.unwrap(), None);
    std::fs::remove_file(&ballast).unwrap();
    let mut w = db.write("t", "t", at(2)).await.unwrap();
    settings::set(&mut w, "after", "1").await.unwrap();
    w.commit().await.unwrap();
    for n in 0..kept {
        assert!(settings::get(&db, &format!("n{n}")).await.unwrap().is_some(), "n{n} was acknowledged");
    }
    assert!(db.integrity_check().await.unwrap().is_empty());
    db.close().await;
}

fn of(object: &str) -> patchwharf_db::audit::AuditFilter<'_> {
    patchwharf_db::audit::AuditFilter { object: Some(object), ..Default::default() }
}
