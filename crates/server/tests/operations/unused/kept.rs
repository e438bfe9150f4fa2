//! What keeps a package that a rule calls unused.

use std::fs;

use patchwharf_db::packages::{self, LockOutcome};
use patchwharf_model::{
    JobId,
    job::{DeleteUnused, JobRequest},
    update::PayloadFile,
};
use patchwharf_testkit::Payload;

use super::{DAY, days, delete_unused, left, policy, staged};
use crate::world::World;

fn idle() -> DeleteUnused {
    DeleteUnused { without_policy_after: days(1), ..DeleteUnused::default() }
}

#[tokio::test]
async fn what_was_supplied_by_hand_stays_unless_the_run_says_so() {
    let mut world = World::start().await;
    let (one, two) = (Payload::random("one.exe", 3_000), Payload::random("two.exe", 4_000));
    let by_hand = PayloadFile { url: None, ..world.describe(&one) };
    world.catalogue(&[("B-1", vec![by_hand]), ("B-2", vec![world.publish(&two)])]).await;
    world.stage(&["B-2"]).await.done();
    let update = world.update("B-1").await.update_id;
    let uploads = world.data().join("uploads");
    fs::create_dir_all(&uploads).unwrap();
    fs::write(uploads.join("given"), &one.bytes).unwrap();
    world.run(JobRequest::Supply { update, upload: "given".into(), file: None }).await.done();
    world.later(DAY);
    let ended = delete_unused(&world, idle()).await.done();
    assert_eq!((ended.count("deleted"), ended.count("kept")), (1, 1), "{ended:#?}");
    let line = ended.item("B-1");
    assert!(line.reason.contains("supplied by hand") && line.reason.contains("--also-supplied"), "{line:?}");
    assert!(ended.report.summary.contains("1 unused and kept"), "{ended:#?}");
    world.assert_staged("B-1", &[&one]).await;
    let ended = delete_unused(&world, DeleteUnused { also_supplied: true, ..idle() }).await.done();
    assert_eq!((ended.count("deleted"), left(&world, 2).await.len()), (1, 0), "{ended:#?}");
    world.check().await;
}

#[tokio::test]
async fn what_another_job_holds_stays_and_goes_when_that_job_is_gone() {
    let mut world = staged(2).await;
    world.later(DAY);
    let (package, holder) = (world.update("B-1").await.package_id.unwrap(), JobId::new());
    let until = world.clock.now() + DAY;
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    let held = packages::lock(&mut w, &[package], holder, until).await.unwrap();
    assert!(matches!(held[0].1, LockOutcome::Held { .. }));
    w.commit().await.unwrap();
    let ended = delete_unused(&world, idle()).await.done();
    assert_eq!((ended.count("deleted"), ended.count("kept")), (1, 1), "{ended:#?}");
    assert!(ended.item("B-1").reason.contains(&holder.to_string()), "{ended:#?}");
    world.later(DAY * 2);
    assert_eq!(delete_unused(&world, idle()).await.done().count("deleted"), 1);
    world.check().await;
}

#[tokio::test]
async fn what_is_at_a_location_that_is_not_open_stays() {
    let (mut world, old, _) = World::with_two_places(&[&Payload::random("one.exe", 3_000)]).await;
    world.later(DAY);
    let (place, away) = (world.place(old).await, world.home.path().join("away"));
    world.stop_server().await;
    fs::rename(&place, &away).unwrap();
    world.run_server().await;
    let ended = delete_unused(&world, idle()).await.done();
    assert_eq!((ended.count("deleted"), ended.count("kept")), (0, 1), "{ended:#?}");
    assert!(ended.item("B-1").reason.contains("not open"), "{ended:#?}");
    world.stop_server().await;
    fs::rename(&away, &place).unwrap();
    world.run_server().await;
    assert_eq!(delete_unused(&world, idle()).await.done().count("deleted"), 1);
    world.check().await;
}

#[tokio::test]
async fn a_damaged_package_and_one_whose_folder_is_gone_are_packages_like_others() {
    let mut world = staged(3).await;
    fs::write(world.folder("B-1").await.join("f1.exe"), "rot").unwrap();
    fs::remove_dir_all(world.folder("B-2").await.parent().unwrap()).unwrap();
    world.run(JobRequest::Verify { of: world.of(&["B-1", "B-2"]).await }).await.failed();
    world.later(DAY);
    let ended = delete_unused(&world, idle()).await.done();
    assert_eq!((ended.count("deleted"), left(&world, 3).await.len()), (3, 0), "{ended:#?}");
    world.check().await;
}

#[tokio::test]
async fn a_package_goes_with_the_copy_that_a_move_has_left_behind() {
    let (one, two) = (Payload::random("one.exe", 30_000), Payload::random("two.exe", 40_000));
    let (mut world, old, new) = World::with_two_places(&[&one, &two]).await;
    world.relocate(old, new).await.done();
    policy(&world, "servers", "B-2", true).await;
    world.later(DAY);
    let (here, there) = (world.folder_at("B-1", new).await, world.folder_at("B-1", old).await);
    assert!(here.exists() && there.exists());
    let dry = delete_unused(&world, DeleteUnused { dry_run: true, ..idle() }).await.done();
    assert_eq!(dry.count("unused-bytes"), 60_000, "both copies: {dry:#?}");
    let ended = delete_unused(&world, idle()).await.done();
    assert_eq!((ended.count("deleted"), ended.count("unused-bytes")), (1, 60_000), "{ended:#?}");
    assert!(ended.count("bytes-freed") >= 60_000, "{ended:#?}");
    assert!(!here.parent().unwrap().exists() && !there.parent().unwrap().exists());
    world.assert_staged("B-2", &[&two]).await;
    assert_eq!(world.originals("B-2").await, [(old, false)]);
    world.check().await;
}

#[tokio::test]
async fn a_package_that_shares_its_content_leaves_the_proof_of_the_other_standing() {
    let mut world = World::start().await;
    let one = Payload::random("one.exe", 30_000);
    let file = world.publish(&one);
    world.catalogue(&[("B-1", vec![file.clone()]), ("B-2", vec![file])]).await;
    world.stage(&["B-1", "B-2"]).await.done();
    policy(&world, "servers", "B-2", true).await;
    world.later(DAY);
    let ended = delete_unused(&world, idle()).await.done();
    assert_eq!(ended.count("deleted"), 1, "{ended:#?}");
    assert!(ended.count("bytes-freed") < 30_000, "the content stays: {ended:#?}");
    world.assert_staged("B-2", &[&one]).await;
    assert_eq!(world.stage(&["B-2"]).await.done().item("B-2").outcome, "already-staged");
    world.check().await;
}
