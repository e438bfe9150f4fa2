use std::fs;

use patchwharf_model::{job::JobRequest, package::VersionState};
use patchwharf_testkit::Payload;

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
    let world = World::start().await;
    let one = staged(&world).await;
    fs::remove_dir_all(world.folder("B-1").await).unwrap();
    reconcile(&world, true).await.failed();
    assert_eq!(world.update("B-1").await.state, Some(VersionState::Staged), "a dry run changes nothing");
    reconcile(&world, false).await.failed();
    assert_eq!(world.update("B-1").await.state, Some(VersionState::Missing));
    world.refresh(&["B-1"]).await.done();
    world.assert_staged("B-1", &[&one]).await;
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
    if let Ok(running) = refused {
        running.stop().await;
    }
    fs::remove_dir_all(world.packages()).unwrap();
    fs::rename(&aside, world.packages()).unwrap();
    world.run_server().await;
    world.assert_staged("B-1", &[&one]).await;
}
