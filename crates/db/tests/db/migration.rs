//! Databases of before.

use patchwharf_db::{Db, Options, audit, bulletins, bulletins::BulletinFilter, locations, packages};
use patchwharf_model::Severity;
use sqlx::{Connection, Executor};

use crate::{
    catalogue::query,
    sandbox::{Sandbox, admin, at, bulletin, in_server, server, update},
};

/// A feed at generation 3 with a bulletin that is counted, and an import that broke off at 4.
const ROWS: &str = "INSERT INTO feed (feed_id, name, kind, config, accept_sha1, current_generation, next_generation, \
     created_at) VALUES ('01900000-0000-7000-8000-00000000000f', 'hp', 'sdp', '{}', 0, 3, 5, 0); \
     INSERT INTO bulletin (bulletin_id, feed_id, name, folded, enabled, updates, packages, bad_packages, policies, \
     oldest_proof_at, created_at) VALUES \
     ('01900000-0000-7000-8000-00000000000b', '01900000-0000-7000-8000-00000000000f', 'B1', 'b1', 1, 1, 0, 0, 0, 0, 0); \
     INSERT INTO bulletin_revision (bulletin_id, feed_id, from_gen, to_gen, title, description, vendor, severity, \
     released_at, revised_at, cves, kbs, withdrawn, listed, digest, search) VALUES \
     ('01900000-0000-7000-8000-00000000000b', '01900000-0000-7000-8000-00000000000f', 2, 4, 'T', 'old', 'V', 4, 0, 7, '', '', \
     0, 1, '00', 'b1 t v old'), \
     ('01900000-0000-7000-8000-00000000000b', '01900000-0000-7000-8000-00000000000f', 4, NULL, 'T', 'new', 'V', 2, 0, 9, '', '', \
     0, 0, '00', 'b1 t v new'); \
     INSERT INTO software_update (update_id, feed_id, update_key, created_at) VALUES \
     ('01900000-0000-7000-8000-00000000000a', '01900000-0000-7000-8000-00000000000f', 'Key', 0); \
     INSERT INTO update_revision (update_id, feed_id, from_gen, bulletin_id, revised_at, title, vendor, classification, \
     architecture, version, severity, update_type, withdrawn, listed, size_bytes, files, files_digest, digest) VALUES \
     ('01900000-0000-7000-8000-00000000000a', '01900000-0000-7000-8000-00000000000f', 1, \
     '01900000-0000-7000-8000-00000000000b', 0, 'Firmware', 'V', '', '', '', 0, 'software', 0, 1, 1, \
     '[{\"name\":\"a\",\"size_bytes\":1,\"digest\":{\"sha1\":\"da39a3ee5e6b4b0d3255bfef95601890afd80709\"}}]', \
     '0000000000000000000000000000000000000000000000000000000000000000', \
     '0000000000000000000000000000000000000000000000000000000000000000'); \
     INSERT INTO location (location_id, path, is_default, created_at) \
     VALUES ('01900000-0000-7000-8000-00000000000d', '/srv/packages', 1, 0); \
     INSERT INTO package (package_id, update_id, active, current_version, next_version, token, shown_version, state, since, \
     size_bytes, proved_at, created_at) VALUES ('01900000-0000-7000-8000-00000000000c', \
     '01900000-0000-7000-8000-00000000000a', 1, 1, 2, 1, 1, 'staged', 0, 0, 0, 0); \
     INSERT INTO package_version (package_id, version, location_id, state, since, weak, size_bytes, files_digest) VALUES \
     ('01900000-0000-7000-8000-00000000000c', 1, '01900000-0000-7000-8000-00000000000d', 'staged', 0, 1, 0, \
     '0000000000000000000000000000000000000000000000000000000000000000')";

/// What a transaction waits for another one at most, on PostgreSQL.
const OTHERS_WAIT: std::time::Duration = std::time::Duration::from_secs(10);

async fn holds(url: &str) {
    let db = Db::open(&Options::new(url), at(5)).await.unwrap();
    let s = Sandbox::around(db, url.into());
    let page = bulletins::list(&s.db, &query()).await.unwrap();
    assert_eq!((page.total, page.rows[0].description.as_str()), (Some(1), "old"));
    let one = &page.rows[0];
    assert_eq!((one.updates, one.enabled, one.listed, one.withdrawn), (1, true, true, false));
    assert_eq!((one.severity, one.revised_at.as_microsecond()), (Severity::Critical, 7));
    let current =
        BulletinFilter { enabled: Some(true), listed: Some(true), superseded: Some(false), ..Default::default() };
    assert_eq!(bulletins::ids(&s.db, &current, 10).await.unwrap().len(), 1);
    let found = async |text: &str| {
        let filter = BulletinFilter { text: Some(text.into()), ..BulletinFilter::default() };
        bulletins::ids(&s.db, &filter, 10).await.unwrap().len()
    };
    assert_eq!((found("old").await, found("new").await), (1, 0));
    let place = locations::list(&s.db).await.unwrap()[0].location_id;
    for (location, text) in [(None, Some("key firmware b1")), (Some(place), None), (Some(place), Some("ke"))] {
        let weak = location.map(|_| true);
        let filter = packages::PackageFilter { location, weak, text: text.map(str::to_owned), ..Default::default() };
        let asked = packages::PackageQuery {
            filter,
            sort: packages::PackageSort::Created,
            descending: true,
            cursor: None,
            limit: 10,
            with_total: true,
        };
        assert_eq!(packages::list(&s.db, &asked).await.unwrap().total, Some(1), "{location:?} {text:?}");
    }
    let migrated = audit::AuditFilter { action: Some("schema.migrate"), ..Default::default() };
    assert!(!audit::list(&s.db, migrated, None, 10).await.unwrap().rows.is_empty());

    // Its next import finds what the broken one left, and goes on from there.
    let feed = page.rows[0].feed_id;
    let mut w = s.write(6).await;
    assert_eq!(patchwharf_db::catalogue::drop_crashed_generations(&mut w, Some(feed), 100).await.unwrap(), 2);
    w.commit().await.unwrap();
    s.import(feed, vec![bulletin(2)], vec![update(2, "1")]).await;
    assert_eq!(bulletins::list(&s.db, &query()).await.unwrap().total, Some(2));
    s.close().await;
}

#[tokio::test]
async fn a_database_of_the_first_schema_keeps_its_rows_and_gains_the_index_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("patchwharf.db");
    let url = format!("sqlite://{}", path.display());
    let mut old = sqlx::SqliteConnection::connect(&format!("{url}?mode=rwc")).await.unwrap();
    old.execute(sqlx::raw_sql(include_str!("../../migrations/sqlite/0001_initial.sql"))).await.unwrap();
    let noted = "CREATE TABLE schema_migration (number INTEGER NOT NULL PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT; \
                 INSERT INTO schema_migration VALUES (1, 0)";
    old.execute(sqlx::raw_sql(noted)).await.unwrap();
    old.execute(sqlx::raw_sql(ROWS)).await.unwrap();
    old.close().await.unwrap();
    holds(&url).await;
}

#[tokio::test]
async fn a_database_of_the_first_schema_keeps_its_rows_and_gains_the_index_on_postgresql() {
    let Some(server) = server() else { return };
    let name = format!("patchwharf_old_{}", uuid::Uuid::now_v7().simple());
    admin(&server, format!("CREATE DATABASE {name}")).await;
    let url = in_server(&server, &name);
    let mut old = sqlx::PgConnection::connect(&url).await.unwrap();
    old.execute(sqlx::raw_sql(include_str!("../../migrations/postgres/0001_initial.sql"))).await.unwrap();
    let noted = "CREATE TABLE schema_migration (number BIGINT NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL); \
                 INSERT INTO schema_migration VALUES (1, 0)";
    old.execute(sqlx::raw_sql(noted)).await.unwrap();
    old.execute(sqlx::raw_sql(ROWS)).await.unwrap();
    old.close().await.unwrap();
    holds(&url).await;
    admin(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
}

/// Two servers on one PostgreSQL that are started together after an update: one brings the schema up to date, and the other
/// waits for it, longer than a transaction waits for another one otherwise.
#[tokio::test]
async fn who_starts_while_another_server_changes_the_schema_waits_for_its_end() {
    let Some(server) = server() else { return };
    let name = format!("patchwharf_late_{}", uuid::Uuid::now_v7().simple());
    admin(&server, format!("CREATE DATABASE {name}")).await;
    let url = in_server(&server, &name);
    let first = Db::open_as_it_is(&Options::new(&url)).await.unwrap();
    let changing = first.write("tester", "test", at(1)).await.unwrap();
    let second = tokio::spawn(async move { Db::open(&Options::new(&url), at(2)).await });
    tokio::time::sleep(OTHERS_WAIT + std::time::Duration::from_secs(2)).await;
    assert!(!second.is_finished(), "it waits: {:?}", second.await);
    drop(changing);
    let second = second.await.unwrap().unwrap();
    assert_eq!(second.is_current().await.unwrap(), Some(true));
    second.close().await;
    first.close().await;
    admin(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
}
