//! C-15: the server is killed while it brings an old schema up to date.

use std::path::Path;

use patchwharf_testkit::{
    Chance, Server,
    database::{self, postgres},
    server::Setup,
    skipped, times,
};

use crate::{
    plant::BINARY,
    syscalls::{no_strace, strace},
};

const VERSION: &str = "SELECT MAX(number) FROM schema_migration";
const SOUND: &str = "SELECT COUNT(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'";
const KEPT: &str = "SELECT (SELECT COUNT(*) FROM setting WHERE name = 'test.kept' AND value = 'as it was') \
     + (SELECT COUNT(*) FROM audit WHERE action = 'test.row')";

/// Old or new, never between; everything that was there is there. Returns the version.
async fn is_whole(file: &Path, newest: i64, case: &str) -> i64 {
    assert_eq!(database::number(file, SOUND).await, 1, "{case}");
    let version = database::number(file, VERSION).await;
    old_or_new(version, newest, database::number(file, KEPT).await, case);
    version
}

/// The same in a database of PostgreSQL.
async fn is_whole_on_postgres(url: &str, newest: i64, case: &str) -> i64 {
    let version = postgres::number(url, VERSION).await;
    old_or_new(version, newest, postgres::number(url, KEPT).await, case);
    version
}

fn old_or_new(version: i64, newest: i64, kept: i64, case: &str) {
    assert!(version == 1 || version == newest, "{case}: left at version {version}");
    assert_eq!(kept, 501, "{case}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_15_a_migration_can_be_killed_at_any_system_call() {
    if let Some(why) = no_strace() {
        return skipped(&format!("kills in a migration: {why}"));
    }
    let mut chance = Chance::new("kills in a migration");
    let newest = {
        let server = Server::start(BINARY).await;
        database::number(&server.data().join("patchwharf.db"), VERSION).await
    };
    let (mut kills, mut old) = (0, 0);
    for call in ["pwrite64", "fdatasync", "fsync", "unlink", "renameat2"] {
        for number in 1..=times(8, 150) as u64 {
            // Counted per thread; a migration writes some hundred pages.
            let when = if call == "pwrite64" { chance.between(1, 300) } else { number };
            let case = format!("{call} {when}, seed {}", chance.seed());
            let mut server = Server::setup(BINARY).prepare().await;
            let file = server.data().join("patchwharf.db");
            database::first_schema(&file).await;
            let (trace, inject) = (format!("trace={call}"), format!("inject={call}:signal=SIGKILL:when={when}"));
            server.set_wrapper(&strace(&["-e", &trace, "-e", &inject]));
            server.spawn();
            kills += u32::from(!server.comes_up().await);
            server.kill_9();
            old += u32::from(is_whole(&file, newest, &case).await == 1);
            server.set_wrapper(&[]);
            server.restart().await;
            assert_eq!(is_whole(&file, newest, &case).await, newest, "{case}");
            let copies = std::fs::read_dir(server.data().join("backups")).unwrap().flatten().map(|entry| entry.path());
            let copies: Vec<_> = copies.filter(|path| path.extension().is_some_and(|e| e == "db")).collect();
            assert!(!copies.is_empty(), "{case}: no copy of before");
            for copy in copies {
                assert_eq!(is_whole(&copy, newest, &case).await, 1, "{case}: {}", copy.display());
            }
            server.holds();
        }
    }
    assert!(kills > 0 && old > 0, "no kill came before the end of a migration");
    figures!("kill of a migration: {kills} kills, {old} of them before its end, nothing lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_15_a_migration_on_postgres_can_be_killed_at_whatever_it_says() {
    if let Some(why) = no_strace() {
        return skipped(&format!("kills in a migration on PostgreSQL: {why}"));
    }
    if !Setup::postgres_at_hand() {
        return skipped("PATCHWHARF_TEST_POSTGRES is not set: no kill in a migration on PostgreSQL");
    }
    let mut chance = Chance::new("kills in a migration on PostgreSQL");
    let newest = {
        let server = Server::setup(BINARY).on_postgres().start().await;
        postgres::number(&server.database_url(), VERSION).await
    };
    let (mut kills, mut old, mut new) = (0, 0, 0);
    for _ in 0..times(12, 200) {
        // What it says to PostgreSQL, counted per thread: to sign in, to ask, and each statement of a migration.
        let when = chance.between(5, 90);
        let case = format!("sendto {when}, seed {}", chance.seed());
        // Without the copy of before: `pg_dump` would be killed in its place.
        let setup = Server::setup(BINARY).on_postgres().env("PATCHWHARF_MIGRATE_WITHOUT_BACKUP", "true");
        let mut server = setup.prepare().await;
        let url = server.database_url();
        postgres::first_schema(&url).await;
        let inject = format!("inject=sendto:signal=SIGKILL:when={when}");
        server.set_wrapper(&strace(&["-e", "trace=sendto", "-e", &inject]));
        server.spawn();
        kills += u32::from(!server.comes_up().await);
        server.kill_9();
        match is_whole_on_postgres(&url, newest, &case).await {
            1 => old += 1,
            _ => new += 1,
        }
        server.set_wrapper(&[]);
        server.restart().await;
        assert_eq!(is_whole_on_postgres(&url, newest, &case).await, newest, "{case}");
        server.holds();
    }
    assert!(kills > 0 && old > 0, "no kill came before the end of a migration");
    figures!(
        "kill of a migration on PostgreSQL: {kills} kills, {old} left at the old schema, {new} at the new one, nothing lost"
    );
}
