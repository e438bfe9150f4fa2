//! Relocation as an option of the system job: a phase after the check.

use std::fs;

use patchwharf_db::settings;
use patchwharf_model::{
    finding::FindingKind as Kind,
    job::{IntegrityCheck, Selection},
};
use patchwharf_testkit::Payload;

use super::{check, full};
use crate::world::World;

fn relocate() -> IntegrityCheck {
    IntegrityCheck { relocate: true, ..full() }
}

#[tokio::test]
async fn a_check_moves_packages_to_the_new_default_location_and_says_both() {
    let (one, two) = (Payload::random("one.exe", 30_000), Payload::random("two.exe", 400_000));
    let (mut world, old, new) = World::with_two_places(&[&one, &two]).await;
    let dry = check(&world, IntegrityCheck { dry_run: true, ..relocate() }).await.clean();
    let summary = &dry.ended.report.summary;
    assert!(summary.contains("2 package versions") && summary.contains("would be moved"), "{summary}");
    assert_eq!(world.location_of("B-1").await, old);
    // Only what was named.
    let of = world.of(&["B-1"]).await;
    let some = check(&world, IntegrityCheck { of, link: true, ..relocate() }).await.clean();
    assert_eq!(some.ended.count("linked"), 1, "{some:#?}");
    assert_eq!((world.location_of("B-1").await, world.location_of("B-2").await), (new, old));
    let all = check(&world, relocate()).await.clean();
    let summary = &all.ended.report.summary;
    assert!(summary.contains("everything is as it should be; then 1 package version moved to"), "{summary}");
    assert_eq!(all.ended.count("moved"), 1, "{all:#?}");
    assert_eq!(world.originals("B-2").await, [(old, false)]);
    let again = check(&world, relocate()).await.clean();
    assert!(again.ended.report.summary.contains("nothing to move"), "{again:#?}");
    world.assert_staged("B-1", &[&one]).await;
    world.assert_staged("B-2", &[&two]).await;
    world.check().await;
}

#[tokio::test]
async fn what_is_damaged_is_a_finding_and_is_not_moved_unless_it_was_mended_before() {
    let (one, two) = (Payload::random("one.exe", 30_000), Payload::random("two.exe", 400_000));
    let (mut world, old, new) = World::with_two_places(&[&one, &two]).await;
    let file = world.folder("B-1").await.join("one.exe");
    let mut bytes = fs::read(&file).unwrap();
    bytes[9] ^= 1;
    fs::write(&file, bytes).unwrap();
    let checked = check(&world, relocate()).await.troubled();
    checked.one(Kind::FileChanged);
    assert_eq!((checked.ended.count("moved"), checked.ended.count("damaged")), (1, 1), "{checked:#?}");
    let line = checked.ended.report.items.iter().find(|item| item.outcome == "damaged").expect("it is named");
    assert!(line.reason.contains("restore the files") && line.reason.contains("--restage"), "{line:#?}");
    assert_eq!((world.location_of("B-1").await, world.location_of("B-2").await), (old, new));
    check(&world, IntegrityCheck { repair: true, ..relocate() }).await.clean();
    assert_eq!(world.location_of("B-1").await, new);
    world.assert_staged("B-1", &[&one]).await;
    world.check().await;
}

#[tokio::test]
async fn packages_that_cannot_be_moved_take_nothing_away_from_the_check() {
    let one = Payload::random("one.exe", 30_000);
    let (mut world, old, new) = World::with_two_places(&[&one]).await;
    let (new_path, away) = (world.place(new).await, world.home.path().join("away"));
    fs::rename(&new_path, &away).unwrap();
    let checked = check(&world, relocate()).await.troubled();
    let summary = &checked.ended.report.summary;
    assert!(summary.contains("1 package, 1 file") && summary.contains("packages were not moved"), "{summary}");
    assert_eq!(world.location_of("B-1").await, old);
    fs::rename(&away, &new_path).unwrap();
    let contradiction = check(&world, IntegrityCheck { location: Some(new), ..relocate() }).await.troubled();
    assert!(contradiction.ended.report.summary.contains("names that one"), "{contradiction:#?}");
    let of = Selection::All;
    check(&world, IntegrityCheck { of, location: Some(old), ..relocate() }).await.clean();
    assert_eq!(world.location_of("B-1").await, new);
    world.check().await;
}

#[tokio::test]
async fn what_is_unused_at_the_named_location_is_deleted_and_not_moved_first() {
    let (one, two) = (Payload::random("one.exe", 30_000), Payload::random("two.exe", 40_000));
    let (mut world, old, _) = World::with_two_places(&[&one, &two]).await;
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    settings::set(&mut w, "unused.without-policy-after", "0s").await.unwrap();
    w.commit().await.unwrap();
    let both = IntegrityCheck { delete_unused: true, location: Some(old), ..relocate() };
    let dry = check(&world, IntegrityCheck { dry_run: true, ..both.clone() }).await;
    assert_eq!(dry.ended.count("would-be-deleted"), 2, "{dry:#?}");
    let done = check(&world, both).await;
    assert_eq!((done.ended.count("deleted"), done.ended.count("moved")), (2, 0), "{done:#?}");
    assert_eq!(world.update("B-1").await.package_id, None);
    world.check().await;
}
