//! Finding by words.

use std::sync::{Arc, Mutex};

use patchwharf_db::{
    Db, Options, bulletins,
    bulletins::{BulletinFilter, BulletinQuery, BulletinSort},
    catalogue, packages,
    packages::{PackageFilter, PackageQuery, PackageSort},
};

use crate::{
    catalogue::query,
    sandbox::{Sandbox, admin, at, bulletin, in_server, server, update},
};

crate::on_both!(
    words_of_every_length_are_found,
    what_is_typed_is_never_syntax,
    many_matches_and_few_are_paged_alike,
    what_is_not_current_is_not_found,
    packages_are_found_by_key_title_and_bulletin,
);

async fn names(s: &Sandbox, text: &str) -> Vec<String> {
    let filter = BulletinFilter { text: Some(text.into()), ..BulletinFilter::default() };
    let page = bulletins::list(&s.db, &BulletinQuery { filter: filter.clone(), ..query() }).await.unwrap();
    assert_eq!(page.total, Some(page.rows.len() as u64), "{text:?}");
    assert_eq!(bulletins::ids(&s.db, &filter, 1_000).await.unwrap().len(), page.rows.len(), "{text:?}");
    page.rows.into_iter().map(|row| row.name).collect()
}

async fn words_of_every_length_are_found(s: &Sandbox) {
    let feed = s.feed("hp").await;
    let mut texts = vec![bulletin(1), bulletin(2), bulletin(3)];
    texts[0].description = "Überlauf im Kernel; 日本語の説明".into();
    texts[1].description = "kern panic q9".into();
    texts[2].description = format!("long {} end", "x".repeat(300));
    s.import(feed, texts, vec![]).await;
    assert_eq!(names(s, "KERN").await, ["B0001", "B0002"]);
    assert_eq!(names(s, "kernel").await, ["B0001"]);
    assert_eq!(names(s, "überlauf").await, ["B0001"]);
    assert_eq!(names(s, "ÜBER").await, ["B0001"]);
    assert_eq!(names(s, "本語の").await, ["B0001"]);
    assert_eq!(names(s, "語").await, ["B0001"], "one letter");
    assert_eq!(names(s, "q9").await, ["B0002"], "two letters");
    assert_eq!(names(s, "q9 kern b0002").await, ["B0002"], "all words, short and long");
    assert_eq!(names(s, "q9 kernel").await.len(), 0);
    assert_eq!(names(s, "nelker").await.len(), 0, "its trigrams are there, but not in this order");
    assert_eq!(names(s, &"x".repeat(250)).await, ["B0003"], "longer than what is looked at");
    assert_eq!(names(s, &"x".repeat(199)).await, ["B0003"]);
    assert_eq!(names(s, "  ").await.len(), 3, "no word at all");
    assert_eq!(names(s, "cve-2026-0003").await, ["B0003"]);
    let many = "security update number hp ".repeat(10);
    assert_eq!(names(s, &many).await, ["B0002"]);
}

async fn what_is_typed_is_never_syntax(s: &Sandbox) {
    let feed = s.feed("hp").await;
    let signs = r#"100%_sure "quoted" it's (NEAR a* -b ^c {d} search:e \f !g"#;
    let mut hostile = bulletin(1);
    hostile.description = format!("{signs} nul\u{0}here");
    s.import(feed, vec![hostile, bulletin(2)], vec![]).await;
    for word in signs.split_whitespace() {
        assert_eq!(names(s, word).await, ["B0001"], "{word}");
    }
    assert_eq!(names(s, signs).await, ["B0001"], "all at once");
    assert_eq!(names(s, "nul\u{0}here").await, ["B0001"]);
    for nothing in [
        "100_sure",
        "%",
        "10%sure",
        "s%e",
        "___",
        "\"\"\"",
        "sec*",
        "security*",
        "(security",
        "NOT",
        "secu\"rity",
        "\"security",
        "search:security",
        "{search}:security",
        "^security",
        "security\"",
        "'; DROP TABLE bulletin; --",
    ] {
        let found = names(s, nothing).await;
        assert!(found.len() <= 1 && !found.contains(&"B0002".into()), "{nothing}: {found:?}");
    }
    assert_eq!(names(s, "security").await.len(), 2, "and nothing was dropped");
}

async fn many_matches_and_few_are_paged_alike(s: &Sandbox) {
    let feed = s.feed("hp").await;
    // More than an index is asked to name: 2,000.
    let mut all: Vec<_> = (0..2_100).map(bulletin).collect();
    for b in &mut all[..30] {
        b.description = "seldom".into();
    }
    s.import(feed, all, vec![]).await;
    for (text, count) in [("seldom", 30), ("security", 2_100)] {
        for sort in [BulletinSort::Revised, BulletinSort::Name, BulletinSort::Updates] {
            let filter = BulletinFilter { text: Some(text.into()), ..BulletinFilter::default() };
            let mut asked = BulletinQuery { filter, sort, descending: true, limit: 1_000, ..query() };
            let whole = bulletins::list(&s.db, &asked).await.unwrap();
            assert_eq!(whole.total, Some(count));
            let mut paged = Vec::new();
            asked.limit = 7;
            while paged.len() < 28 {
                let page = bulletins::list(&s.db, &asked).await.unwrap();
                paged.extend(page.rows);
                asked.cursor = page.next;
            }
            assert_eq!(paged, whole.rows[..28], "{text} by {sort:?}");
        }
    }
}

async fn what_is_not_current_is_not_found(s: &Sandbox) {
    let feed = s.feed("hp").await;
    let told = |n, text: &str| {
        let mut b = bulletin(n);
        b.description = text.into();
        b
    };
    s.import(feed, vec![told(1, "first"), told(2, "untouched")], vec![update(1, "1")]).await;
    let mut w = s.write(3).await;
    let generation = catalogue::begin_generation(&mut w, feed).await.unwrap();
    catalogue::put_bulletins(&mut w, feed, generation, &[told(1, "second"), told(3, "second")]).await.unwrap();
    w.commit().await.unwrap();
    assert_eq!((names(s, "first").await, names(s, "second").await), (vec!["B0001".into()], vec![]));
    s.counted(feed, generation).await;
    assert_eq!((names(s, "first").await, names(s, "second").await), (vec!["B0001".into()], vec![]));
    assert_index_is_the_table(s).await;

    // The import breaks.
    let mut w = s.write(4).await;
    while catalogue::drop_crashed_generations(&mut w, Some(feed), 1).await.unwrap() > 0 {}
    w.commit().await.unwrap();
    assert_eq!((names(s, "first").await, names(s, "second").await), (vec!["B0001".into()], vec![]));
    assert_index_is_the_table(s).await;

    // The next one does not.
    s.import(feed, vec![told(1, "second"), told(3, "second")], vec![]).await;
    assert_eq!((names(s, "first").await.len(), names(s, "second").await), (0, vec!["B0001".into(), "B0003".into()]));
    let mut w = s.write(5).await;
    assert!(catalogue::collect_garbage(&mut w, 1_000).await.unwrap() > 0);
    w.commit().await.unwrap();
    assert_eq!((names(s, "first").await.len(), names(s, "untouched").await), (0, vec!["B0002".into()]));
    assert_index_is_the_table(s).await;

    let mut w = s.write(6).await;
    patchwharf_db::feeds::remove(&mut w, feed, patchwharf_db::feeds::Removal::Refuse).await.unwrap();
    w.commit().await.unwrap();
    assert_eq!(names(s, "second").await.len(), 0);
    assert_index_is_the_table(s).await;
}

/// SQLite: the text indexes hold the numbers of the revisions that are there, and no others.
async fn assert_index_is_the_table(s: &Sandbox) {
    use sqlx::Connection;
    if s.db.is_shared() {
        return;
    }
    let mut connection = sqlx::SqliteConnection::connect(&s.url).await.unwrap();
    for (index, table) in [
        ("SELECT id FROM bulletin_search_docsize ORDER BY id", "SELECT revision_id FROM bulletin_revision ORDER BY 1"),
        ("SELECT id FROM update_search_docsize ORDER BY id", "SELECT revision_id FROM update_revision ORDER BY 1"),
    ] {
        let indexed: Vec<i64> = sqlx::query_scalar(index).fetch_all(&mut connection).await.unwrap();
        let there: Vec<i64> = sqlx::query_scalar(table).fetch_all(&mut connection).await.unwrap();
        assert_eq!(indexed, there, "{index}");
    }
    assert!(s.db.integrity_check().await.unwrap().is_empty());
}

async fn packages_are_found_by_key_title_and_bulletin(s: &Sandbox) {
    let (feed, ids) = s.catalogue(12).await;
    let location = s.location().await;
    s.stage(location, &ids).await;
    let found = |text: &'static str| async move {
        let filter = PackageFilter { text: Some(text.into()), ..PackageFilter::default() };
        let asked = PackageQuery {
            filter,
            sort: PackageSort::Created,
            descending: false,
            cursor: None,
            limit: 100,
            with_total: true,
        };
        let page = packages::list(&s.db, &asked).await.unwrap();
        assert_eq!(page.total, Some(page.rows.len() as u64), "{text}");
        let mut keys: Vec<String> = page.rows.into_iter().map(|row| row.update_key).collect();
        keys.sort();
        keys
    };
    assert_eq!(found("U0007").await, ["u0007"], "key");
    assert_eq!(found("b0003 revision").await, ["u0003"], "bulletin and title");
    assert_eq!(found("update 11").await, ["u0011"], "title, with a short word");
    assert_eq!(found("11").await, ["u0011"]);
    assert_eq!(found("revision").await.len(), 12);
    assert_eq!(found("0007b").await.len(), 0, "no word goes from one text into the next");
    assert_eq!(found("u%7").await.len(), 0);
    s.import(feed, vec![], vec![update(7, "two")]).await;
    assert_eq!(found("two").await, ["u0007"]);
    assert_eq!(found("u0007 1").await.len(), 0, "the title of before");
}

/// A role that may use a database, but not create extensions in it.
#[tokio::test]
async fn without_pg_trgm_words_are_found_and_the_log_says_what_is_missing() {
    let Some(server) = server() else { return };
    let name = format!("patchwharf_plain_{}", uuid::Uuid::now_v7().simple());
    admin(&server, format!("CREATE DATABASE {name}")).await;
    admin(&server, format!("CREATE ROLE {name} LOGIN")).await;
    admin(&in_server(&server, &name), format!("GRANT ALL ON SCHEMA public TO {name}")).await;
    let host = server.rsplit_once('@').unwrap().1.rsplit_once('/').unwrap().0;
    let url = format!("postgres://{name}@{host}/{name}");
    let log = Log::default();
    let guard = log.listen();
    let db = Db::open(&Options::new(&url), at(0)).await.unwrap();
    drop(guard);
    assert_eq!(log.text().matches("CREATE EXTENSION pg_trgm").count(), 1, "{}", log.text());
    let s = Sandbox::around(db, url);
    let feed = s.feed("hp").await;
    s.import(feed, vec![bulletin(1), bulletin(2)], vec![update(1, "1")]).await;
    assert_eq!(names(&s, "b0001").await, ["B0001"]);
    s.close().await;

    // Its owner makes the extension; the next start makes the index.
    admin(&in_server(&server, &name), "CREATE EXTENSION pg_trgm".into()).await;
    let log = Log::default();
    let guard = log.listen();
    let s = Sandbox::around(
        Db::open(&Options::new(format!("postgres://{name}@{host}/{name}")), at(1)).await.unwrap(),
        String::new(),
    );
    drop(guard);
    assert_eq!(log.text(), "");
    assert_eq!(names(&s, "b0001").await, ["B0001"]);
    let made = patchwharf_db::audit::list(
        &s.db,
        patchwharf_db::audit::AuditFilter { action: Some("schema.index"), ..Default::default() },
        None,
        10,
    );
    assert_eq!(made.await.unwrap().rows.len(), 1);
    s.close().await;
    admin(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
    admin(&server, format!("DROP ROLE {name}")).await;
}

/// What this thread logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::WARN);
        tracing::subscriber::set_default(subscriber.with_writer(move || log.clone()).finish())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
