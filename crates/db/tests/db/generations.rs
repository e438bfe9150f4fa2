//! What the switch to a generation costs others, and what is counted before it.

use patchwharf_db::{
    bulletins, catalogue,
    catalogue::{Counted, NewUpdate, Switch, UpdateStanding},
    policies,
    policies::OnRevision,
};
use patchwharf_model::FeedId;

use crate::{
    catalogue::query,
    sandbox::{Sandbox, bulletin, update},
};

crate::on_both!(
    the_switch_changes_one_row_however_large_the_catalogue_is,
    the_switch_changes_one_row_also_where_every_count_differs,
    what_happens_between_counting_and_the_switch_is_counted_in_both,
    an_update_that_moves_is_counted_where_it_went,
    a_crashed_import_is_dropped_in_batches_that_nobody_sees,
);

async fn begin(s: &Sandbox, feed: FeedId, bulletins: usize, updates: &[NewUpdate]) -> i64 {
    let mut w = s.write(3).await;
    let generation = catalogue::begin_generation(&mut w, feed).await.unwrap();
    let bulletins: Vec<_> = (0..bulletins).map(bulletin).collect();
    catalogue::put_bulletins(&mut w, feed, generation, &bulletins).await.unwrap();
    catalogue::put_updates(&mut w, feed, generation, updates).await.unwrap();
    w.commit().await.unwrap();
    generation
}

/// Switches, and tells how many statements and changed rows that took, with its audit row.
/// Statements, and rows that they change: the feed; and of the audit trail the head, which is read first, and the new row.
const COST: (u64, u64) = (4, 3);

async fn cost_of_switch(s: &Sandbox, counted: Counted) -> (u64, u64) {
    let before = (s.db.statements(), s.db.rows_changed());
    let mut w = s.write(4).await;
    let switch = Switch { counted, fingerprint: None, catalogue_date: None };
    catalogue::switch_generation(&mut w, &switch).await.unwrap();
    w.commit().await.unwrap();
    (s.db.statements() - before.0, s.db.rows_changed() - before.1)
}

async fn the_switch_changes_one_row_however_large_the_catalogue_is(s: &Sandbox) {
    for count in [1, 2_500] {
        let feed = s.feed(&format!("of {count}")).await;
        let updates: Vec<_> = (0..count).map(|n| update(n, "1")).collect();
        let generation = begin(s, feed, count, &updates).await;
        let counted = s.counted(feed, generation).await;
        assert_eq!(cost_of_switch(s, counted).await, COST);
    }
    let page = bulletins::list(&s.db, &query()).await.unwrap();
    assert_eq!(page.total, Some(2_501));
    assert!(page.rows.iter().all(|row| row.updates == 1));
}

async fn the_switch_changes_one_row_also_where_every_count_differs(s: &Sandbox) {
    let (feed, ids) = s.catalogue(1_200).await;
    let generation = begin(s, feed, 0, &[]).await;
    let mut w = s.write(3).await;
    let gone = |id: &_| UpdateStanding { update_id: *id, superseded_by: Some("newer".into()), listed: true };
    let standing: Vec<_> = ids.iter().map(gone).collect();
    catalogue::set_update_standing(&mut w, feed, generation, &standing).await.unwrap();
    w.commit().await.unwrap();
    let counted = s.counted(feed, generation).await;
    assert!(bulletins::list(&s.db, &query()).await.unwrap().rows.iter().all(|row| row.updates == 1), "not yet");
    assert_eq!(cost_of_switch(s, counted).await, COST);
    assert!(bulletins::list(&s.db, &query()).await.unwrap().rows.iter().all(|row| row.updates == 0));
}

async fn what_happens_between_counting_and_the_switch_is_counted_in_both(s: &Sandbox) {
    let (feed, ids) = s.catalogue(3).await;
    let location = s.location().await;
    // The vendor revises 0 and 1: their counts are the same before and after, for nothing is staged yet.
    let generation = begin(s, feed, 0, &[update(0, "2"), update(1, "2"), update(7, "1")]).await;
    let counted = s.counted(feed, generation).await;
    s.stage(location, &ids).await;
    let mut w = s.write(5).await;
    policies::create(&mut w, "servers", true, OnRevision::Automatic, &ids[1..2]).await.unwrap();
    w.commit().await.unwrap();
    let shown = async || {
        let page = bulletins::list(&s.db, &query()).await.unwrap();
        let row =
            |b: &bulletins::Bulletin| (b.name.clone(), b.updates, b.packages, b.policies, b.oldest_proof_at.is_some());
        page.rows.iter().map(row).collect::<Vec<_>>()
    };
    let line = |name: &str, packages, policies| (name.to_owned(), 1, packages, policies, true);
    assert_eq!(shown().await, [line("B0000", 1, 0), line("B0001", 1, 1), line("B0002", 1, 0)]);
    cost_of_switch(s, counted).await;
    // What is staged is the content of before.
    assert_eq!(shown().await, [line("B0000", 0, 0), line("B0001", 0, 1), line("B0002", 1, 0)]);

    let all = bulletins::ids(&s.db, &bulletins::BulletinFilter::default(), 100).await.unwrap();
    let before = s.db.rows_changed();
    let mut w = s.write(6).await;
    bulletins::recount(&mut w, &all).await.unwrap();
    w.commit().await.unwrap();
    assert_eq!(s.db.rows_changed() - before, 0, "counting again finds nothing to change");
}

async fn an_update_that_moves_is_counted_where_it_went(s: &Sandbox) {
    let (feed, ids) = s.catalogue(2).await;
    let mut w = s.write(5).await;
    policies::create(&mut w, "servers", true, OnRevision::Automatic, &ids[..1]).await.unwrap();
    w.commit().await.unwrap();
    let mut moved = update(0, "1");
    moved.bulletin = "B0001".into();
    s.import(feed, vec![], vec![moved]).await;
    let page = bulletins::list(&s.db, &query()).await.unwrap();
    let counts: Vec<_> = page.rows.iter().map(|row| (row.updates, row.policies)).collect();
    assert_eq!(counts, [(0, 0), (2, 1)]);
}

async fn a_crashed_import_is_dropped_in_batches_that_nobody_sees(s: &Sandbox) {
    let (feed, ids) = s.catalogue(3).await;
    let before = bulletins::list(&s.db, &query()).await.unwrap();
    let generation = begin(s, feed, 5, &[update(1, "2"), update(4, "1")]).await;
    let mut w = s.write(3).await;
    let gone = UpdateStanding { update_id: ids[2], superseded_by: None, listed: false };
    catalogue::set_update_standing(&mut w, feed, generation, &[gone]).await.unwrap();
    w.commit().await.unwrap();
    s.counted(feed, generation).await;
    let mut batches = 0;
    loop {
        let mut w = s.write(6).await;
        let dropped = catalogue::drop_crashed_generations(&mut w, None, 2).await.unwrap();
        w.commit().await.unwrap();
        assert_eq!(bulletins::list(&s.db, &query()).await.unwrap(), before);
        assert!(dropped <= 2);
        if dropped == 0 {
            break;
        }
        batches += 1;
    }
    assert!(batches > 8, "{batches}: 4 counts, 3 updates, 5 bulletins, and what they had ended");
    let mut w = s.write(7).await;
    assert_eq!(catalogue::collect_garbage(&mut w, 1_000).await.unwrap(), 2, "the items of the two that never came");
    w.commit().await.unwrap();
    assert_eq!(bulletins::list(&s.db, &query()).await.unwrap(), before);
}
