//! Generations.

use patchwharf_db::{
    bulletins,
    bulletins::{BulletinFilter, BulletinQuery, BulletinSort},
    catalogue,
    catalogue::{BulletinStanding, Switch, UpdateStanding},
    feeds, updates,
};

use crate::sandbox::{Sandbox, at, bulletin, sha, update};

crate::on_both!(
    nothing_of_an_import_is_seen_before_the_switch,
    a_crashed_import_is_dropped_without_a_trace,
    a_revision_takes_the_place_of_the_older_one,
    standing_changes_without_new_content,
    a_key_that_comes_twice_is_written_once,
    hostile_texts_survive_the_way_through_json,
    two_imports_never_share_a_generation,
);

pub fn query() -> BulletinQuery {
    BulletinQuery {
        filter: BulletinFilter::default(),
        sort: BulletinSort::Name,
        descending: false,
        cursor: None,
        limit: 100,
        with_total: true,
    }
}

async fn nothing_of_an_import_is_seen_before_the_switch(s: &Sandbox) {
    let feed = s.feed("hp").await;
    let mut w = s.write(2).await;
    let generation = catalogue::begin_generation(&mut w, feed).await.unwrap();
    catalogue::put_bulletins(&mut w, feed, generation, &[bulletin(1)]).await.unwrap();
    let put = catalogue::put_updates(&mut w, feed, generation, &[update(1, "1")]).await.unwrap();
    w.commit().await.unwrap();
    assert_eq!(bulletins::list(&s.db, &query()).await.unwrap().total, Some(0));
    assert!(updates::by_ids(&s.db, &[put[0].update_id]).await.unwrap().is_empty());

    let counted = s.counted(feed, generation).await;
    assert_eq!(bulletins::list(&s.db, &query()).await.unwrap().total, Some(0));
    let switch = Switch { counted, fingerprint: Some("x".into()), catalogue_date: Some(at(9)) };
    let mut w = s.write(3).await;
    catalogue::switch_generation(&mut w, &switch).await.unwrap();
    w.commit().await.unwrap();
    let page = bulletins::list(&s.db, &query()).await.unwrap();
    assert_eq!((page.total, page.rows[0].updates, page.rows[0].name.as_str()), (Some(1), 1, "B0001"));
    assert_eq!(feeds::get(&s.db, feed).await.unwrap().catalogue_date, Some(at(9)));
    assert_eq!(updates::item(&s.db, put[0].update_id).await.unwrap(), update(1, "1").item);
    let known = catalogue::known_updates(&s.db, feed).await.unwrap();
    assert_eq!((known["u0001"].digest, known["u0001"].from_gen), (sha("item 1 1"), 1));
    assert_eq!(catalogue::known_bulletins(&s.db, feed).await.unwrap()["B0001"].digest, sha("b1"));

    let mut w = s.write(4).await;
    assert!(catalogue::switch_generation(&mut w, &switch).await.is_err(), "the same generation twice");
}

async fn a_crashed_import_is_dropped_without_a_trace(s: &Sandbox) {
    let (feed, ids) = s.catalogue(3).await;
    let before = bulletins::list(&s.db, &query()).await.unwrap();
    let mut w = s.write(5).await;
    let generation = catalogue::begin_generation(&mut w, feed).await.unwrap();
    catalogue::put_bulletins(&mut w, feed, generation, &[bulletin(1), bulletin(9)]).await.unwrap();
    catalogue::put_updates(&mut w, feed, generation, &[update(1, "2"), update(9, "1")]).await.unwrap();
    let gone = UpdateStanding { update_id: ids[2], superseded_by: None, listed: false };
    catalogue::set_update_standing(&mut w, feed, generation, &[gone]).await.unwrap();
    w.commit().await.unwrap();

    let mut w = s.write(6).await;
    assert!(catalogue::drop_crashed_generations(&mut w, None, 1_000).await.unwrap() > 0);
    w.commit().await.unwrap();
    let mut w = s.write(6).await;
    assert_eq!(catalogue::drop_crashed_generations(&mut w, Some(feed), 1_000).await.unwrap(), 0);
    w.commit().await.unwrap();
    let next = s.import(feed, vec![], vec![update(0, "2")]).await;
    let after = bulletins::list(&s.db, &query()).await.unwrap();
    assert_eq!(before, after);
    assert_eq!(updates::show(&s.db, ids[1]).await.unwrap().version, "1");
    assert_eq!(updates::show(&s.db, next[0]).await.unwrap().version, "2");
    assert!(updates::show(&s.db, ids[2]).await.unwrap().listed);
}

async fn a_revision_takes_the_place_of_the_older_one(s: &Sandbox) {
    let (feed, ids) = s.catalogue(2).await;
    let again = s.import(feed, vec![bulletin(0)], vec![update(0, "2")]).await;
    assert_eq!(again[0], ids[0], "identity survives");
    assert_eq!(updates::show(&s.db, ids[0]).await.unwrap().version, "2");
    assert_eq!(updates::show(&s.db, ids[1]).await.unwrap().version, "1");
    let mut w = s.write(7).await;
    assert_eq!(
        catalogue::collect_garbage(&mut w, 1000).await.unwrap(),
        4,
        "a revision, a bulletin, its counts, an item"
    );
    assert_eq!(catalogue::collect_garbage(&mut w, 1000).await.unwrap(), 0);
    w.commit().await.unwrap();
    assert!(updates::item(&s.db, ids[0]).await.unwrap().contains("\"2\""));
}

async fn standing_changes_without_new_content(s: &Sandbox) {
    let (feed, ids) = s.catalogue(3).await;
    let b = bulletins::resolve(&s.db, &["b0000".into()]).await.unwrap()[0];
    let mut w = s.write(5).await;
    let generation = catalogue::begin_generation(&mut w, feed).await.unwrap();
    let standing = [
        UpdateStanding { update_id: ids[0], superseded_by: Some("u0002".into()), listed: true },
        UpdateStanding { update_id: ids[1], superseded_by: None, listed: false },
    ];
    catalogue::set_update_standing(&mut w, feed, generation, &standing).await.unwrap();
    catalogue::set_update_standing(&mut w, feed, generation, &standing[..1]).await.unwrap();
    let of_bulletin =
        BulletinStanding { bulletin_id: b, superseded_by: Some("B0002".into()), listed: true, withdrawn: false };
    catalogue::set_bulletin_standing(&mut w, feed, generation, &[of_bulletin]).await.unwrap();
    let edges = [(ids[0], "u7777".to_owned()), (ids[0], "u7778".to_owned())];
    catalogue::put_supersedence(&mut w, feed, generation, &edges).await.unwrap();
    w.commit().await.unwrap();
    s.switch(feed, generation).await;
    let update = updates::show(&s.db, ids[0]).await.unwrap();
    assert_eq!((update.superseded_by.as_deref(), update.is_in_scope()), (Some("u0002"), false));
    assert!(!updates::show(&s.db, ids[1]).await.unwrap().listed);
    assert!(updates::item(&s.db, ids[0]).await.unwrap().contains("u0000"), "the item is shared");
    let shown = bulletins::show(&s.db, b).await.unwrap();
    assert_eq!((shown.updates, shown.superseded_by.as_deref()), (0, Some("B0002")));
    let superseding = bulletins::resolve(&s.db, &["B0002".into()]).await.unwrap()[0];
    assert_eq!(bulletins::refers(&s.db, superseding).await.unwrap().supersedes, ["B0000"]);
}

async fn a_key_that_comes_twice_is_written_once(s: &Sandbox) {
    let feed = s.feed("hp").await;
    let ids = s.import(feed, vec![bulletin(1), bulletin(1)], vec![update(1, "1"), update(1, "2")]).await;
    assert_eq!(ids[0], ids[1]);
    assert_eq!(updates::show(&s.db, ids[0]).await.unwrap().version, "2");
}

async fn hostile_texts_survive_the_way_through_json(s: &Sandbox) {
    let feed = s.feed("hp").await;
    let mut hostile = bulletin(1);
    hostile.title = "Robert'); DROP TABLE bulletin;-- \\u0000 \u{0} \u{202e} \u{10ffff} \\".into();
    let mut twin = update(1, "1");
    twin.title.clone_from(&hostile.title);
    let ids = s.import(feed, vec![hostile], vec![twin]).await;
    let want = "Robert'); DROP TABLE bulletin;-- \\u0000 \u{fffd} \u{202e} \u{10ffff} \\";
    assert_eq!(updates::show(&s.db, ids[0]).await.unwrap().title, want);
    assert_eq!(bulletins::list(&s.db, &query()).await.unwrap().rows[0].title, want);
}

async fn two_imports_never_share_a_generation(s: &Sandbox) {
    let feed = s.feed("hp").await;
    let take = || async {
        let mut w = s.write(1).await;
        let generation = catalogue::begin_generation(&mut w, feed).await.unwrap();
        w.commit().await.unwrap();
        generation
    };
    let taken = futures_util::future::join_all((0..10).map(|_| take())).await;
    let taken: std::collections::BTreeSet<i64> = taken.into_iter().collect();
    assert_eq!(taken, (1..=10).collect());
    let mut w = s.write(2).await;
    for generation in taken {
        let may_write = catalogue::must_be_newest(&mut w, feed, generation).await.is_ok();
        assert_eq!(may_write, generation == 10, "generation {generation}");
    }
    drop(w);
    let switch = Switch { counted: s.counted(feed, 9).await, fingerprint: None, catalogue_date: None };
    let mut w = s.write(3).await;
    assert!(catalogue::switch_generation(&mut w, &switch).await.is_err(), "another import has begun since");
}
