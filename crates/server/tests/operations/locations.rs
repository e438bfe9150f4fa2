//! Several locations: what a new one changes, and what one that is away leaves alone.

use std::fs;

use patchwharf_db::locations;
use patchwharf_model::{job::JobRequest, package::VersionState};
use patchwharf_testkit::Payload;

use crate::{relocate::Small, world::World};

#[tokio::test]
async fn a_new_location_is_for_new_packages_and_the_old_ones_work_from_where_they_are() {
    let mut world = World::start().await;
    let (one, two) = (Payload::random("one.exe", 30_000), Payload::random("two.exe", 90_000));
    let files = [world.publish(&one), world.publish(&two)];
    world.catalogue(&[("B-1", vec![files[0].clone()]), ("B-2", vec![files[1].clone()])]).await;
    world.stage(&["B-1"]).await.done();
    let old = world.location_of("B-1").await;
    let new = world.location("new", true).await;
    world.stage(&["B-1", "B-2"]).await.done();
    assert_eq!((world.location_of("B-1").await, world.location_of("B-2").await), (old, new));
    world.assert_staged("B-1", &[&one]).await;
    world.assert_staged("B-2", &[&two]).await;
    // A mended package stays where its good files can be linked.
    fs::write(world.folder("B-1").await.join("one.exe"), b"rot").unwrap();
    assert_eq!(world.refresh(&["B-1"]).await.done().item("B-1").outcome, "mended");
    assert_eq!(world.location_of("B-1").await, old);

    let usage = locations::usage(&world.app().db).await.unwrap();
    let of = |id| usage.iter().find(|used| used.location_id == id).unwrap();
    assert_eq!((of(old).packages, of(old).size_bytes, of(old).versions), (1, 30_000, 2), "{usage:#?}");
    assert_eq!((of(new).packages, of(new).size_bytes, of(new).originals), (1, 90_000, 0), "{usage:#?}");
    world.check().await;
}

#[tokio::test]
async fn a_location_that_is_away_is_left_alone_and_opened_when_it_is_back() {
    let mut world = World::start().await;
    let one = Payload::random("one.exe", 30_000);
    world.catalogue(&[("B-1", vec![world.publish(&one)])]).await;
    world.stage(&["B-1"]).await.done();
    let old = world.location_of("B-1").await;
    world.location("new", true).await;
    let (packages, away) = (world.packages(), world.home.path().join("away"));
    fs::rename(&packages, &away).unwrap();
    fs::create_dir(&packages).unwrap();

    // Known at once, and after a restart.
    for _ in 0..2 {
        world.app().locations.reload(&world.app().db).await.unwrap();
        let closed = world.app().locations.get(old).unwrap_err();
        assert!(closed.text.contains("NOT taken for deleted") && closed.text.contains("data/packages"), "{closed}");
        world.run(JobRequest::Reconcile { dry_run: false }).await.done();
        let all = patchwharf_model::job::Selection::All;
        let verify = world.run(JobRequest::Verify { of: all }).await.failed();
        assert!(verify.item("package ").reason.contains("not open"), "{verify:#?}");
        assert_eq!(world.update("B-1").await.state, Some(VersionState::Staged), "an empty mount point is no loss");
        assert!(fs::read_dir(&packages).unwrap().next().is_none(), "nothing was written there");
        world.stop_server().await;
        world.run_server().await;
    }
    fs::remove_dir(&packages).unwrap();
    fs::rename(&away, &packages).unwrap();
    world.app().locations.reload(&world.app().db).await.unwrap();
    world.app().locations.get(old).unwrap();
    world.assert_staged("B-1", &[&one]).await;
    world.check().await;
}

#[tokio::test]
async fn a_location_whose_disk_is_read_only_is_still_read() {
    let world = World::start().await;
    let disk = world.home.path().canonicalize().unwrap().join("disk");
    fs::create_dir(&disk).unwrap();
    let mount = |arguments: &[&str]| {
        std::process::Command::new("mount").args(arguments).arg(&disk).status().is_ok_and(|status| status.success())
    };
    if !mount(&["-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs"]) {
        return patchwharf_testkit::skipped("mounting a small file system needs root");
    }
    let one = Payload::random("one.exe", 30_000);
    world.catalogue(&[("B-1", vec![world.publish(&one)])]).await;
    let id = world.location("disk/packages", true).await;
    world.stage(&["B-1"]).await.done();
    world.location("new", true).await;
    assert!(mount(&["-o", "remount,ro"]));
    let mut world = world;
    world.stop_server().await;
    world.run_server().await;
    let open = world.app().locations.get(id).unwrap();
    let read_only = open.is_read_only();
    world.assert_staged("B-1", &[&one]).await;
    world.run(JobRequest::Verify { of: patchwharf_model::job::Selection::All }).await.done();
    drop(open);
    world.stop_server().await;
    let unmounted = std::process::Command::new("umount").arg("-l").arg(&disk).status().unwrap().success();
    assert!(read_only && unmounted);
}

#[tokio::test]
async fn l_07_a_location_that_is_lost_is_given_up_and_its_packages_are_fetched_anew() {
    let (one, two) = (Payload::random("one.exe", 30_000), Payload::random("two.exe", 90_000));
    let (mut world, old, new) = World::with_two_places(&[&one, &two]).await;
    fs::rename(world.packages(), world.home.path().join("dead")).unwrap();
    world.app().locations.reload(&world.app().db).await.unwrap();
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    assert!(locations::remove(&mut w, old, false).await.is_err(), "packages are recorded there");
    locations::remove(&mut w, old, true).await.unwrap();
    w.commit().await.unwrap();
    world.app().locations.reload(&world.app().db).await.unwrap();
    assert_eq!(world.update("B-1").await.state, Some(VersionState::Missing));
    assert_eq!(world.location_of("B-1").await, new);
    assert_eq!(world.refresh(&["B-1", "B-2"]).await.done().item("B-1").outcome, "mended");
    world.assert_staged("B-1", &[&one]).await;
    world.assert_staged("B-2", &[&two]).await;
    world.run(JobRequest::Reconcile { dry_run: false }).await.done();
    world.check().await;
}

#[tokio::test]
async fn a_location_that_was_read_only_at_the_start_is_written_to_when_it_can_be() {
    let mut world = World::start().await;
    let Some(disk) = Small::mount(world.home.path().canonicalize().unwrap().join("disk"), "16m") else {
        return patchwharf_testkit::skipped("mounting a small file system needs root");
    };
    let there = world.location("disk/packages", false).await;
    disk.remount("ro");
    world.stop_server().await;
    world.run_server().await;
    assert!(world.app().locations.get(there).unwrap().is_read_only());
    world.app().locations.reload(&world.app().db).await.unwrap();
    assert!(world.app().locations.get(there).unwrap().is_read_only(), "it is still");
    disk.remount("rw");
    world.app().locations.reload(&world.app().db).await.unwrap();
    assert!(!world.app().locations.get(there).unwrap().is_read_only());
    world.stop_server().await;
    drop(disk);
}
