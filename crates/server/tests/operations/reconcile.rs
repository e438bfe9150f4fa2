use std::{fs, time::Duration};

use patchwharf_model::{job::JobRequest, package::VersionState};
use patchwharf_testkit::{Payload, eventually_async, vendor::Lie};

use crate::world::World;

async fn staged(world: &World) -> Payload {
    let one = Payload::random("one.exe", 30_000);
    world.catalogue(&[("B-1", vec![world.publish(&one)])]).await;
    world.stage(&["B-1"]).await.done();
    one
}

async fn reconcile(world: &World, dry_run: bool) -> crate::world::Ended {
    world.run(JobRequest::Reconcile { dry_run }).await
}

#[tokio::test]
async fn a_healthy_store_has_no_differences() {
    let world = World::start().await;
    staged(&world).await;
    assert_eq!(reconcile(&world, true).await.done().report.summary, "database and disk agree");
    assert_eq!(reconcile(&world, false).await.done().report.summary, "database and disk agree");
}

#[tokio::test]
async fn r_05_a_row_without_a_folder_becomes_missing_and_a_dry_run_changes_nothing() {
    let mut world = World::start().await;
    let one = staged(&world).await;
    fs::remove_dir_all(world.folder("B-1").await).unwrap();
    reconcile(&world, true).await.found();
    assert_eq!(world.update("B-1").await.state, Some(VersionState::Staged), "a dry run changes nothing");
    reconcile(&world, false).await.failed();
    assert_eq!(world.update("B-1").await.state, Some(VersionState::Missing));
    world.refresh(&["B-1"]).await.done();
    world.assert_staged("B-1", &[&one]).await;
    world.check().await;
}

#[tokio::test]
async fn a_folder_that_no_row_knows_goes_to_quarantine_never_away() {
    let mut world = World::start().await;
    staged(&world).await;
    let foreign = world.packages().join(patchwharf_model::PackageId::new().to_string()).join("1");
    fs::create_dir_all(&foreign).unwrap();
    fs::write(foreign.join("one.exe"), "not ours").unwrap();
    let dry = reconcile(&world, true).await;
    assert!(dry.report.items.iter().any(|item| item.outcome == "would-be-quarantined"), "{dry:#?}");
    assert!(foreign.exists());
    let done = reconcile(&world, false).await;
    assert!(done.report.items.iter().any(|item| item.outcome == "quarantined"), "{done:#?}");
    assert!(!foreign.exists());
    // Nothing says that there is a good copy of it: it does not go by age either.
    world.later(Duration::from_secs(31 * 24 * 3600));
    let later = reconcile(&world, false).await;
    assert!(later.report.items.iter().all(|item| item.outcome != "dropped"), "{later:#?}");
    assert_eq!(fs::read_dir(world.packages().join(".quarantine")).unwrap().count(), 1);
    world.check().await;
}

#[tokio::test]
async fn c_13_versions_that_a_restored_older_database_has_lost_are_adopted_back() {
    let mut world = World::start().await;
    let one = staged(&world).await;
    world.stop_server().await;
    let (database, backup) = (world.data().join("patchwharf.db"), world.home.path().join("backup.db"));
    fs::copy(&database, &backup).unwrap();
    world.run_server().await;
    let (old, two) = (one, Payload::random("two.exe", 40_000));
    world.catalogue(&[("B-1", vec![world.publish(&two)])]).await;
    world.stage(&["B-1"]).await.done();
    let folder = world.folder("B-1").await;
    world.stop_server().await;
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{database}{suffix}"));
    }
    fs::copy(&backup, &database).unwrap();
    world.run_server().await;
    assert_eq!(world.update("B-1").await.current_version, Some(2), "taken back at the start");
    assert_eq!(world.folder("B-1").await, folder);
    assert_eq!(world.content("B-1").await, [(two.name.clone(), two.bytes.to_vec())].into());
    assert_eq!(world.update("B-1").await.unproved, Some(true), "the older catalogue does not name its digests");
    // The older catalogue names the older content: the next staging brings it back as a version of its own.
    world.stage(&["B-1"]).await.done();
    world.assert_staged("B-1", &[&old]).await;
    assert_eq!(world.update("B-1").await.current_version, Some(3));
    world.check().await;
}

#[tokio::test]
async fn start_up_clears_what_no_one_owns_in_staging() {
    let mut world = World::start().await;
    staged(&world).await;
    world.stop_server().await;
    let left = world.packages().join(".staging").join("0".repeat(64));
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("data"), "half of something").unwrap();
    world.run_server().await;
    assert!(!left.exists());
}

#[tokio::test]
async fn c_22_an_empty_mount_point_is_never_read_as_all_packages_gone() {
    let mut world = World::start().await;
    let one = staged(&world).await;
    world.stop_server().await;
    let aside = world.home.path().join("aside");
    fs::rename(world.packages(), &aside).unwrap();
    fs::create_dir(world.packages()).unwrap();
    let metrics = patchwharf_server::metrics::Metrics::default();
    let logs = patchwharf_server::logs::Logs::new(&metrics);
    let config = patchwharf_server::config::Config { data: world.data(), ..Default::default() };
    let refused = patchwharf_server::start::start(config, world.clock.clone(), metrics, logs).await;
    let text = format!("{:#}", refused.expect_err("the start is refused"));
    assert!(text.contains(world.packages().to_str().unwrap()) && text.contains("location.json"), "{text}");
    assert_eq!(fs::read_dir(world.packages()).unwrap().count(), 0, "nothing is written into it");
    fs::remove_dir(world.packages()).unwrap();
    fs::rename(&aside, world.packages()).unwrap();
    world.run_server().await;
    world.assert_staged("B-1", &[&one]).await;
    world.check().await;
}

#[tokio::test]
async fn d_08_a_sweep_takes_nothing_from_what_is_being_staged() {
    let mut world = World::start().await;
    let (big, shared) = (Payload::random("big.bin", 2 << 20), Payload::random("shared.exe", 30_000));
    let (big_file, shared_file) = (world.describe(&big), world.publish(&shared));
    world.vendor.lie("/big.bin", &big, Lie::StallAt(1 << 20));
    world.catalogue(&[("B-1", vec![shared_file.clone()]), ("B-2", vec![shared_file, big_file])]).await;
    world.stage(&["B-1"]).await.done();
    // B-2 holds the shared content of B-1 and waits for its other file.
    let job = world.order(JobRequest::Stage { of: world.of(&["B-2"]).await }).await;
    let data = world.packages().join(".staging").join(big.sha256().to_string()).join("data");
    eventually_async("half of it came", Duration::from_secs(60), async || {
        (world.vendor.bytes_sent("/big.bin") >= 1 << 20 && data.exists()).then_some(())
    })
    .await;
    let package = world.update("B-1").await.package_id.unwrap();
    // It waits for the job that links from it, if that has begun to.
    let delete = world.order(JobRequest::Delete { packages: vec![package], although_needed: false }).await;
    for _ in 0..3 {
        reconcile(&world, false).await;
    }
    assert!(data.exists(), "what somebody waits for is not cleared away");
    // What it wanted to link may have gone meanwhile: then it fetches once more.
    world.vendor.publish("/big.bin", &big);
    world.vendor.release();
    world.ended(job).await.done();
    world.later(Duration::from_secs(10));
    world.app().jobs.wake();
    world.ended(delete).await.done();
    assert_eq!(world.update("B-1").await.package_id, None);
    world.assert_staged("B-2", &[&big, &shared]).await;
    world.check().await;
}

#[tokio::test]
async fn quarantine_is_emptied_after_its_time_but_not_before_the_replacement_is_proved() {
    let mut world = World::start().await;
    let one = staged(&world).await;
    let bad = world.folder("B-1").await.join("one.exe");
    fs::write(&bad, one.damaged().bytes).unwrap();
    world.refresh(&["B-1"]).await.done();
    let aside = || fs::read_dir(world.packages().join(".quarantine")).unwrap().count();
    assert_eq!(aside(), 1);
    reconcile(&world, false).await;
    assert_eq!(aside(), 1, "its time is not over");

    world.later(Duration::from_secs(31 * 24 * 3600));
    fs::write(world.folder("B-1").await.join("one.exe"), one.damaged().bytes).unwrap();
    world.run(JobRequest::Verify { of: world.of(&["B-1"]).await }).await.failed();
    reconcile(&world, false).await;
    assert_eq!(aside(), 1, "its package is damaged again: perhaps this is all that there is");
    world.refresh(&["B-1"]).await.done();
    let dry = reconcile(&world, true).await;
    assert!(dry.report.items.iter().any(|item| item.outcome == "would-be-dropped"), "{dry:#?}");
    let before = aside();
    let done = reconcile(&world, false).await;
    assert!(done.report.items.iter().any(|item| item.outcome == "dropped"), "{done:#?}");
    assert_eq!(aside(), before - 1, "what was set aside today stays");
    world.assert_staged("B-1", &[&one]).await;
    world.check().await;
}
