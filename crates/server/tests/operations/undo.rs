//! The way back to originals.

use std::fs;

use patchwharf_model::{
    LocationId,
    job::{JobRequest, Selection},
    package::VersionState,
};
use patchwharf_testkit::Payload;

use crate::world::World;

fn undo(from: LocationId, to: LocationId, dry_run: bool) -> JobRequest {
    JobRequest::UndoRelocation { of: Selection::All, from, to, dry_run }
}

#[tokio::test]
async fn only_what_was_named_goes_back_and_only_its_originals_go() {
    let (one, two) = (Payload::random("one.exe", 30_000), Payload::random("two.exe", 400_000));
    let (mut world, old, new) = World::with_two_places(&[&one, &two]).await;
    world.relocate(old, new).await.done();
    let of = world.of(&["B-1"]).await;
    let wish = JobRequest::UndoRelocation { of: of.clone(), from: new, to: old, dry_run: false };
    let ended = world.run(wish).await.done();
    assert_eq!((ended.count("undone"), ended.count("stays")), (1, 0), "{ended:#?}");
    assert_eq!((world.location_of("B-1").await, world.location_of("B-2").await), (old, new));
    world.relocate(old, new).await.done();
    let before = world.clock.now();
    let ended = world.run(JobRequest::Prune { of, location: old, before, dry_run: false }).await.done();
    assert_eq!((ended.count("removed"), ended.count("originals-left")), (1, 1), "{ended:#?}");
    assert_eq!((world.originals("B-1").await, world.originals("B-2").await), (vec![], vec![(old, false)]));
    world.check().await;
}

#[tokio::test]
async fn versions_are_served_from_their_originals_again_and_the_copies_become_originals() {
    let (one, two) = (Payload::random("one.exe", 30_000), Payload::random("two.exe", 400_000));
    let (mut world, old, new) = World::with_two_places(&[&one, &two]).await;
    world.relocate(old, new).await.done();
    let later = Payload::random("later.exe", 5_000);
    let files = [world.describe(&one), world.describe(&two), world.publish(&later)];
    let [a, b, c] = files;
    world.catalogue(&[("B-1", vec![a]), ("B-2", vec![b]), ("B-3", vec![c])]).await;
    world.stage(&["B-3"]).await.done();
    let ended = world.run(undo(new, old, true)).await.done();
    assert!(ended.report.summary.contains("2 package versions"), "{}", ended.report.summary);
    assert_eq!(world.location_of("B-1").await, new, "a dry run changes nothing");
    let ended = world.run(undo(new, old, false)).await.done();
    assert_eq!((ended.count("undone"), ended.count("stays")), (2, 1), "{ended:#?}");
    assert_eq!(world.originals("B-1").await, [(new, false)]);
    assert_eq!((world.location_of("B-2").await, world.location_of("B-3").await), (old, new));
    world.assert_staged("B-2", &[&two]).await;
    world.check().await;
}

#[tokio::test]
async fn what_was_moved_by_a_clock_that_ran_ahead_goes_back_too() {
    let one = Payload::random("one.exe", 30_000);
    let (mut world, old, new) = World::with_two_places(&[&one]).await;
    let now = world.clock.now();
    world.later(std::time::Duration::from_secs(400 * 24 * 3600));
    world.relocate(old, new).await.done();
    world.clock.set(now);
    let ended = world.run(undo(new, old, false)).await.done();
    assert_eq!((ended.count("undone"), ended.count("stays")), (1, 0), "{ended:#?}");
    assert_eq!(world.location_of("B-1").await, old);
    world.assert_staged("B-1", &[&one]).await;
    world.check().await;
}

#[tokio::test]
async fn a_damaged_original_is_named_and_its_copy_is_served_as_before() {
    let (one, two) = (Payload::random("one.exe", 30_000), Payload::random("two.exe", 400_000));
    let (mut world, old, new) = World::with_two_places(&[&one, &two]).await;
    world.relocate(old, new).await.done();
    let original = world.folder_at("B-1", old).await.join("one.exe");
    let mut bytes = fs::read(&original).unwrap();
    bytes[7] ^= 1;
    fs::write(&original, bytes).unwrap();
    let looked = world.run(undo(new, old, true)).await.found();
    assert_eq!(
        (looked.count("versions"), looked.report.items_failed),
        (1, 1),
        "the other one can go back: {looked:#?}"
    );
    let ended = world.run(undo(new, old, false)).await.failed();
    assert_eq!((ended.count("undone"), ended.count("original-damaged")), (1, 1), "{ended:#?}");
    assert_eq!((world.location_of("B-1").await, world.location_of("B-2").await), (new, old));
    world.assert_staged("B-1", &[&one]).await;
    world.check().await;
}

#[tokio::test]
async fn a_copy_that_went_bad_at_the_new_place_is_whole_again_at_the_old_one() {
    let one = Payload::random("one.exe", 30_000);
    let (mut world, old, new) = World::with_two_places(&[&one]).await;
    world.relocate(old, new).await.done();
    fs::write(world.folder("B-1").await.join("one.exe"), b"rot").unwrap();
    world.run(JobRequest::Verify { of: Selection::All }).await.failed();
    assert_eq!(world.update("B-1").await.state, Some(VersionState::Corrupt));
    world.run(undo(new, old, false)).await.done();
    world.assert_staged("B-1", &[&one]).await;
    assert_eq!(world.location_of("B-1").await, old);
    world.check().await;
}

#[tokio::test]
async fn when_the_originals_place_is_gone_nothing_is_touched() {
    let one = Payload::random("one.exe", 30_000);
    let (world, old, new) = World::with_two_places(&[&one]).await;
    world.relocate(old, new).await.done();
    fs::rename(world.packages(), world.home.path().join("away")).unwrap();
    let ended = world.run(undo(new, old, false)).await.failed();
    assert!(ended.report.summary.contains("Nothing was touched"), "{}", ended.report.summary);
    assert_eq!(world.location_of("B-1").await, new);
    world.assert_staged("B-1", &[&one]).await;
}

#[tokio::test]
async fn when_the_new_place_is_lost_the_originals_are_the_way_back() {
    let one = Payload::random("one.exe", 30_000);
    let (mut world, old, new) = World::with_two_places(&[&one]).await;
    world.relocate(old, new).await.done();
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    patchwharf_db::locations::set_default(&mut w, old).await.unwrap();
    w.commit().await.unwrap();
    fs::rename(world.place(new).await, world.home.path().join("dead")).unwrap();
    world.app().locations.reload(&world.app().db).await.unwrap();
    world.run(undo(new, old, false)).await.done();
    world.assert_staged("B-1", &[&one]).await;
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    patchwharf_db::locations::remove(&mut w, new, true).await.unwrap();
    w.commit().await.unwrap();
    world.app().locations.reload(&world.app().db).await.unwrap();
    world.check().await;
}
