//! Settings, locations, feeds, audit.

use patchwharf_db::{DbError, ErrorClass, audit, feeds, locations, settings};
use patchwharf_model::LocationId;

use crate::sandbox::{Sandbox, at};

crate::on_both!(
    a_setting_is_kept_and_audited,
    the_deployment_id_is_made_once,
    the_first_location_is_the_default,
    a_feed_with_packages_is_not_removed_unasked,
    a_change_of_configuration_clears_the_fingerprint,
    a_dropped_transaction_leaves_nothing,
);

async fn a_setting_is_kept_and_audited(s: &Sandbox) {
    let mut w = s.write(1).await;
    settings::set(&mut w, "reserve", "1").await.unwrap();
    settings::set(&mut w, "reserve", "2\0").await.unwrap();
    w.commit().await.unwrap();
    assert_eq!(settings::get(&s.db, "reserve").await.unwrap().as_deref(), Some("2\u{fffd}"));
    let page = audit::list(&s.db, of("setting reserve"), None, 1).await.unwrap();
    assert_eq!((page.rows[0].before.as_deref(), page.rows[0].actor.as_str()), (Some("1"), "tester"));
    let next = audit::list(&s.db, of("setting reserve"), page.next.as_deref(), 1).await.unwrap();
    assert_eq!((next.rows[0].before.as_deref(), next.next), (None, None));
}

async fn the_deployment_id_is_made_once(s: &Sandbox) {
    let ids = futures_util::future::join_all((0..8).map(|_| settings::deployment_id(&s.db, at(1)))).await;
    let ids: std::collections::BTreeSet<_> = ids.into_iter().map(Result::unwrap).collect();
    assert_eq!(ids.len(), 1);
}

async fn the_first_location_is_the_default(s: &Sandbox) {
    let (one, two) = (s.location().await, s.location().await);
    assert_eq!(locations::default(&s.db).await.unwrap().unwrap().location_id, one);
    let mut w = s.write(2).await;
    locations::set_default(&mut w, two).await.unwrap();
    let refused = locations::remove(&mut w, two, false).await.unwrap_err();
    assert_eq!(refused.class(), ErrorClass::Refused);
    locations::remove(&mut w, one, false).await.unwrap();
    let taken = locations::show(&s.db, two).await.unwrap().path;
    let twice = locations::create(&mut w, LocationId::new(), &taken).await.unwrap_err();
    assert!(twice.to_string().contains("is a location already"), "{twice}");
    drop(w);
    let mut w = s.write(2).await;
    locations::set_default(&mut w, two).await.unwrap();
    locations::remove(&mut w, one, false).await.unwrap();
    w.commit().await.unwrap();
    assert_eq!(locations::list(&s.db).await.unwrap().len(), 1);
}

async fn a_feed_with_packages_is_not_removed_unasked(s: &Sandbox) {
    let (feed, updates) = s.catalogue(3).await;
    let location = s.location().await;
    s.stage(location, &updates[..1]).await;
    let mut w = s.write(30).await;
    let refused = feeds::remove(&mut w, feed, feeds::Removal::Refuse).await.unwrap_err();
    assert!(refused.to_string().contains("1 packages of feed hp exist"), "{refused}");
    feeds::remove(&mut w, feed, feeds::Removal::Keep).await.unwrap();
    w.commit().await.unwrap();
    assert!(feeds::list(&s.db, false).await.unwrap().is_empty());
    let again = s.feed("hp").await;
    let mut w = s.write(31).await;
    feeds::remove(&mut w, again, feeds::Removal::Refuse).await.unwrap();
    w.commit().await.unwrap();
    assert_eq!(feeds::list(&s.db, true).await.unwrap().len(), 1);
}

async fn a_change_of_configuration_clears_the_fingerprint(s: &Sandbox) {
    let (feed, _) = s.catalogue(1).await;
    assert_eq!(feeds::show(&s.db, "hp").await.unwrap().fingerprint.as_deref(), Some("f"));
    let mut w = s.write(5).await;
    let change = feeds::FeedChange {
        config: Some("{\"url\":1}".into()),
        schedule_minutes: Some(Some(60)),
        accept_sha1: Some(true),
        ..Default::default()
    };
    feeds::update(&mut w, feed, &change).await.unwrap();
    feeds::import_ended(&mut w, feed, None, Some("no route")).await.unwrap();
    w.commit().await.unwrap();
    let now = feeds::get(&s.db, feed).await.unwrap();
    assert_eq!((now.fingerprint, now.last_error.as_deref(), now.accept_sha1), (None, Some("no route"), true));
    assert_eq!(now.next_import_at, Some(at(5 + 3600)));
    assert_eq!(feeds::due(&s.db, at(5 + 3600)).await.unwrap().len(), 1);
    let missing = feeds::show(&s.db, "dell").await.unwrap_err();
    assert!(matches!(missing, DbError::NotFound { kind: "feed", .. }));
}

async fn a_dropped_transaction_leaves_nothing(s: &Sandbox) {
    let mut w = s.write(1).await;
    settings::set(&mut w, "a", "1").await.unwrap();
    drop(w);
    let mut w = s.write(1).await;
    settings::set(&mut w, "b", "1").await.unwrap();
    w.commit().await.unwrap();
    assert_eq!(settings::get(&s.db, "a").await.unwrap(), None);
    assert_eq!(settings::get(&s.db, "b").await.unwrap().as_deref(), Some("1"));
}

fn of(object: &str) -> patchwharf_db::audit::AuditFilter<'_> {
    patchwharf_db::audit::AuditFilter { object: Some(object), ..Default::default() }
}
