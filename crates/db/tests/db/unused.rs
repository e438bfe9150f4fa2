//! Who uses packages, and since when their updates are what they are.

use jiff::Timestamp;
use patchwharf_db::{
    bulletins, catalogue, packages,
    packages::Usage,
    policies::{self, OnRevision},
    updates,
};
use patchwharf_model::{BulletinId, FeedId, JobId, UpdateId};

use crate::sandbox::{Sandbox, at, bulletin, update};

crate::on_both!(
    a_package_is_superseded_since_the_first_update_that_does_so_was_known_and_revised,
    a_withdrawn_update_a_foreign_revision_and_a_circle_supersede_nothing,
    a_bulletin_is_disabled_since_its_last_change_or_the_oldest_that_is_left,
    policies_hands_locks_and_copies_are_told_apart,
    usage_comes_page_by_page_and_for_many_at_once,
);

/// Writes updates as a generation of their own at a second of the tests' time, with what they supersede.
async fn import(s: &Sandbox, feed: FeedId, second: i64, news: Vec<catalogue::NewUpdate>, edges: &[(usize, &str)]) {
    let mut w = s.write(second).await;
    let generation = catalogue::begin_generation(&mut w, feed).await.unwrap();
    let names: Vec<_> = news.iter().map(|new| new.bulletin[1..].parse().unwrap()).map(bulletin).collect();
    catalogue::put_bulletins(&mut w, feed, generation, &names).await.unwrap();
    let put = catalogue::put_updates(&mut w, feed, generation, &news).await.unwrap();
    let edges: Vec<(UpdateId, String)> =
        edges.iter().map(|(at, older)| (put[*at].update_id, (*older).to_owned())).collect();
    catalogue::put_supersedence(&mut w, feed, generation, &edges).await.unwrap();
    w.commit().await.unwrap();
    s.switch(feed, generation).await;
}

fn superseded(n: usize, by: &str) -> catalogue::NewUpdate {
    catalogue::NewUpdate { superseded_by: Some(by.into()), ..update(n, "1") }
}

fn revised(n: usize, second: i64) -> catalogue::NewUpdate {
    catalogue::NewUpdate { revised_at: at(second), ..update(n, "1") }
}

async fn one(s: &Sandbox, key: &str) -> Usage {
    let all = packages::usage(&s.db, None, 100).await.unwrap();
    all.into_iter().find(|usage| usage.update_key == key).unwrap_or_else(|| panic!("{key} is served"))
}

async fn a_package_is_superseded_since_the_first_update_that_does_so_was_known_and_revised(s: &Sandbox) {
    let (feed, ids) = s.catalogue(2).await;
    s.stage(s.location().await, &ids).await;
    let plain = one(s, "u0000").await;
    assert_eq!((plain.superseded_by, plain.superseded_since, plain.disabled_since), (None, None, None));
    assert_eq!((plain.size_bytes, plain.policies, plain.by_hand, plain.unfinished), (10, 0, false, false));
    // Known here since second 100, though the vendor dates it earlier.
    import(s, feed, 100, vec![superseded(0, "u0007"), revised(7, 50)], &[(1, "u0000")]).await;
    let known = one(s, "u0000").await;
    assert_eq!((known.superseded_by.as_deref(), known.superseded_since), (Some("u0007"), Some(at(100))));
    assert_eq!(known.bulletin, "B0000");
    // A newer one that supersedes it too, and that the catalogue lists first, does not make it young again.
    import(s, feed, 200, vec![superseded(0, "u0008"), update(8, "1")], &[(1, "u0000")]).await;
    let again = one(s, "u0000").await;
    assert_eq!((again.superseded_by.as_deref(), again.superseded_since), (Some("u0008"), Some(at(100))));
    // The vendor has changed what supersedes: since then at the latest.
    let changed = catalogue::NewUpdate { revised_at: at(150), ..update(7, "2") };
    import(s, feed, 300, vec![changed], &[(0, "u0000")]).await;
    assert_eq!(one(s, "u0000").await.superseded_since, Some(at(150)));
    assert_eq!(one(s, "u0001").await.superseded_since, None);
    // Named, and listed with nothing: an update that has left the catalogue still supersedes what it superseded.
    import(s, feed, 400, vec![superseded(1, "u0008")], &[]).await;
    assert_eq!(one(s, "u0001").await.superseded_since, Some(at(200)));
}

async fn a_withdrawn_update_a_foreign_revision_and_a_circle_supersede_nothing(s: &Sandbox) {
    let (feed, ids) = s.catalogue(1).await;
    s.stage(s.location().await, &ids).await;
    let withdrawn = catalogue::NewUpdate { withdrawn: true, ..update(7, "1") };
    import(s, feed, 100, vec![superseded(0, "u0007"), withdrawn], &[(1, "u0000")]).await;
    assert_eq!(one(s, "u0000").await.superseded_since, None, "what supersedes it cannot be had");
    // Its next revision supersedes nothing any more: the edge of the old one does not count.
    import(s, feed, 150, vec![superseded(0, "u0008"), update(7, "2"), update(8, "1")], &[]).await;
    assert_eq!(one(s, "u0000").await.superseded_since, Some(at(150)), "that of the one which is named");
    // The two supersede each other: only the third one counts.
    let circle = [(0, "u0009"), (1, "u0000"), (2, "u0000")];
    import(s, feed, 200, vec![superseded(0, "u0010"), update(9, "1")], &[]).await;
    import(s, feed, 300, vec![superseded(0, "u0010"), update(9, "1"), update(10, "1")], &circle).await;
    assert_eq!(one(s, "u0000").await.superseded_since, Some(at(300)));
}

async fn disable(s: &Sandbox, second: i64, of: BulletinId, enabled: bool) {
    let mut w = s.write(second).await;
    bulletins::set_enabled(&mut w, &[of], enabled).await.unwrap();
    w.commit().await.unwrap();
}

async fn a_bulletin_is_disabled_since_its_last_change_or_the_oldest_that_is_left(s: &Sandbox) {
    let (_, ids) = s.catalogue(2).await;
    s.stage(s.location().await, &ids).await;
    let of = updates::show(&s.db, ids[0]).await.unwrap().bulletin_id;
    for (second, enabled) in [(100, false), (200, true), (300, false)] {
        disable(s, second, of, enabled).await;
    }
    assert_eq!(one(s, "u0000").await.disabled_since, Some(at(300)));
    assert_eq!(one(s, "u0001").await.disabled_since, None);
    let mut w = s.write(400).await;
    bulletins::set_custom_severity(&mut w, &[of], Some("low")).await.unwrap();
    w.commit().await.unwrap();
    // Retention cuts the change itself away: it was before what is left.
    let old = patchwharf_db::audit::before(&s.db, at(301), 1_000).await.unwrap();
    let mut w = s.write(500).await;
    patchwharf_db::audit::cut(&mut w, &old, "a file").await.unwrap();
    w.commit().await.unwrap();
    assert_eq!(one(s, "u0000").await.disabled_since, Some(at(400)));
    disable(s, 600, of, true).await;
    assert_eq!(one(s, "u0000").await.disabled_since, None);
}

async fn policies_hands_locks_and_copies_are_told_apart(s: &Sandbox) {
    let feed = s.feed("hp").await;
    let mut by_hand = update(1, "1");
    by_hand.files[0].url = None;
    let ids = s.import(feed, (0..3).map(bulletin).collect(), vec![update(0, "1"), by_hand, update(2, "1")]).await;
    let (location, elsewhere) = (s.location().await, s.location().await);
    let staged = s.stage(location, &ids).await;
    assert!(one(s, "u0001").await.by_hand && !one(s, "u0000").await.by_hand);
    let mut w = s.write(30).await;
    let on = policies::create(&mut w, "servers", true, OnRevision::Automatic, &ids[..1]).await.unwrap();
    let off = policies::create(&mut w, "clients", true, OnRevision::Ask, &ids[..2]).await.unwrap();
    policies::set_enabled(&mut w, off, false).await.unwrap();
    policies::set_switches(&mut w, on, None, false).await.unwrap();
    w.commit().await.unwrap();
    let counts = |usage: Usage| (usage.policies, usage.enabled_policies);
    assert_eq!(counts(one(s, "u0000").await), (2, 1), "a switch that is off is one too");
    assert_eq!(counts(one(s, "u0001").await), (1, 0));
    assert_eq!(counts(one(s, "u0002").await), (0, 0));
    // A next version that is being made, a lock, a copy left behind.
    let job = JobId::new();
    s.begin_stage(job, location, &ids[2..]).await;
    let busy = one(s, "u0002").await;
    assert!(busy.unfinished && busy.lock_job == Some(job) && busy.lock_until == Some(at(1000)), "{busy:#?}");
    let mut w = s.write(40).await;
    let held = packages::lock(&mut w, &[staged[0].package_id], job, at(1000)).await.unwrap();
    let packages::LockOutcome::Held { token } = held[0].1 else { panic!("{held:?}") };
    let moved = packages::Relocated {
        package_id: staged[0].package_id,
        version: 1,
        token,
        from: location,
        to: elsewhere,
        same_data: false,
        files: vec![crate::sandbox::staged_file(&staged[0].files[0].name, 77_777)],
    };
    packages::relocate(&mut w, job, &[moved]).await.unwrap();
    w.commit().await.unwrap();
    let moved = one(s, "u0000").await;
    assert_eq!((moved.location_id, moved.size_bytes), (elsewhere, 20), "the original is a second copy: {moved:#?}");
}

async fn usage_comes_page_by_page_and_for_many_at_once(s: &Sandbox) {
    let (_, ids) = s.catalogue(300).await;
    let staged = s.stage(s.location().await, &ids).await;
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = packages::usage(&s.db, after, 70).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.package_id);
        seen.extend(page.into_iter().map(|usage| usage.package_id));
    }
    assert!(seen.len() == 300 && seen.is_sorted());
    let before = s.db.statements();
    let all: Vec<_> = staged.iter().map(|one| one.package_id).collect();
    let job = JobId::new();
    let mut w = s.write(30).await;
    let held: Vec<_> = packages::lock(&mut w, &all, job, at(1000))
        .await
        .unwrap()
        .into_iter()
        .map(|(id, outcome)| match outcome {
            packages::LockOutcome::Held { token } => (id, token),
            other => panic!("{other:?}"),
        })
        .collect();
    let used = packages::usage_of(&mut w, &all).await.unwrap();
    assert_eq!(used.len(), 300);
    let lost = packages::mark_packages_deleting(&mut w, job, &held, |_| Some("unused".into())).await.unwrap();
    assert!(lost.is_empty() && packages::usage_of(&mut w, &all).await.unwrap().is_empty());
    w.commit().await.unwrap();
    let due = packages::deleting(&s.db, &all).await.unwrap();
    assert!(due.len() == 300 && due.iter().all(|one| one.version == 1));
    let keys: Vec<_> = due.iter().map(|one| (one.package_id, one.version)).collect();
    let mut w = s.write(31).await;
    packages::remove_versions(&mut w, &keys).await.unwrap();
    w.commit().await.unwrap();
    let statements = s.db.statements() - before;
    assert!(statements < 40, "{statements} statements for 300 packages");
    assert!(packages::usage(&s.db, None, 10).await.unwrap().is_empty());
    let trail = patchwharf_db::audit::AuditFilter { action: Some("package.delete"), ..Default::default() };
    let trail = patchwharf_db::audit::list(&s.db, trail, None, 1_000).await.unwrap();
    assert_eq!(trail.rows.len(), 300);
    assert_eq!(trail.rows[0].before.as_deref(), Some("unused"));
    assert_ne!(trail.rows[0].at, Timestamp::UNIX_EPOCH);
}
