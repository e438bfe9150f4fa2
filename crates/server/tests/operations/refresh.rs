mod many;

use std::fs;

use patchwharf_model::{job::JobRequest, package::VersionState};
use patchwharf_testkit::Payload;

use crate::world::World;

/// A bulletin with three files, staged.
async fn three(world: &World) -> [Payload; 3] {
    let files = ["one.exe", "two.exe", "three.exe"].map(|name| Payload::random(name, 30_000));
    world.catalogue(&[("B-1", files.iter().map(|file| world.publish(file)).collect())]).await;
    world.stage(&["B-1"]).await.done();
    world.vendor.forget();
    files
}

/// One byte rotten, one file cut, one gone.
async fn damage(world: &World, files: &[Payload; 3]) {
    let folder = world.folder("B-1").await;
    fs::write(folder.join("one.exe"), files[0].damaged().bytes).unwrap();
    fs::OpenOptions::new().write(true).open(folder.join("two.exe")).unwrap().set_len(100).unwrap();
    fs::remove_file(folder.join("three.exe")).unwrap();
}

#[tokio::test]
async fn corrupt_truncated_and_deleted_files_are_found_and_mended() {
    let mut world = World::start().await;
    let files = three(&world).await;
    damage(&world, &files).await;
    let found = world.run(JobRequest::Verify { of: world.of(&["B-1"]).await }).await.failed();
    let reason = &found.item("B-1").reason;
    for part in [&files[0].sha256().to_string(), &files[0].damaged().sha256().to_string(), "100 bytes", "found nothing"]
    {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    assert!(reason.contains("patchwharf bulletin refresh B-1"));
    assert_eq!(world.update("B-1").await.state, Some(VersionState::Corrupt));
    let ended = world.refresh(&["B-1"]).await.done();
    assert_eq!(ended.item("B-1").outcome, "mended");
    world.assert_staged("B-1", &files.iter().collect::<Vec<_>>()).await;
    assert_eq!(world.update("B-1").await.current_version, Some(2));
    world.check().await;
}

#[tokio::test]
async fn only_the_bad_file_is_fetched_and_the_good_ones_are_the_same_inodes() {
    use std::os::unix::fs::MetadataExt as _;
    let world = World::start().await;
    let files = three(&world).await;
    let old = world.folder("B-1").await;
    fs::write(old.join("one.exe"), files[0].damaged().bytes).unwrap();
    world.refresh(&["B-1"]).await.done();
    assert_eq!(world.vendor.requests().len(), 1);
    let new = world.folder("B-1").await;
    assert_ne!(old, new);
    assert_eq!(fs::metadata(old.join("two.exe")).unwrap().ino(), fs::metadata(new.join("two.exe")).unwrap().ino());
    assert!(!old.join("one.exe").exists(), "the bad file is in quarantine");
    let kept = walk(&world.packages().join(".quarantine"));
    assert_eq!(kept.iter().filter(|path| path.ends_with("one.exe")).count(), 1, "{kept:?}");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(walk(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

#[tokio::test]
async fn r_02_with_the_vendor_down_refresh_changes_nothing_and_says_so() {
    let mut world = World::start().await;
    let files = three(&world).await;
    let folder = world.folder("B-1").await;
    fs::write(folder.join("one.exe"), files[0].damaged().bytes).unwrap();
    world.vendor.go_down();
    let ended = world.refresh(&["B-1"]).await.failed();
    assert!(ended.report.summary.contains("nothing was changed"), "{}", ended.report.summary);
    let update = world.update("B-1").await;
    assert_eq!((update.current_version, update.state), (Some(1), Some(VersionState::Corrupt)));
    assert_eq!(world.folder("B-1").await, folder);
    assert_eq!(
        fs::read(folder.join("one.exe")).unwrap(),
        files[0].damaged().bytes,
        "the bad copy is not deleted first"
    );
    let version = world.newest("B-1").await;
    assert_eq!(version.version, 1, "no version is left behind");
    assert!(version.reason.contains("not mended") && version.next_try_at.is_some(), "{version:?}");
    world.vendor.come_up();
    world.refresh(&["B-1"]).await.done();
    world.assert_staged("B-1", &files.iter().collect::<Vec<_>>()).await;
    world.check().await;
}

#[tokio::test]
async fn r_09_what_the_vendor_could_not_give_is_asked_for_again_when_its_time_has_come() {
    let mut world = World::start().await;
    let files = three(&world).await;
    fs::remove_file(world.folder("B-1").await.join("one.exe")).unwrap();
    world.vendor.go_down();
    for _ in 0..6 {
        // However often a person tries: the next try by itself is not pushed out.
        world.refresh(&["B-1"]).await.failed();
    }
    world.vendor.come_up();
    let before = patchwharf_db::jobs::list(&world.app().db, &jobs()).await.unwrap().rows.len();
    patchwharf_server::operations::retry::due(world.app()).await.unwrap();
    assert_eq!(patchwharf_db::jobs::list(&world.app().db, &jobs()).await.unwrap().rows.len(), before, "not yet");
    world.later(std::time::Duration::from_secs(600));
    patchwharf_server::operations::retry::due(world.app()).await.unwrap();
    let ordered = patchwharf_db::jobs::list(&world.app().db, &jobs()).await.unwrap().rows;
    assert_eq!(ordered.len(), before + 1);
    world.app().jobs.wake();
    world.ended(ordered[0].job_id).await.done();
    world.assert_staged("B-1", &files.iter().collect::<Vec<_>>()).await;
    world.check().await;
}

async fn newest_job(world: &World) -> patchwharf_model::JobId {
    patchwharf_db::jobs::list(&world.app().db, &jobs()).await.unwrap().rows[0].job_id
}

fn jobs() -> patchwharf_db::jobs::JobQuery {
    patchwharf_db::jobs::JobQuery { limit: 100, ..patchwharf_db::jobs::JobQuery::default() }
}

#[tokio::test]
async fn a_healthy_package_has_nothing_to_mend() {
    let world = World::start().await;
    three(&world).await;
    let ended = world.refresh(&["B-1"]).await.done();
    assert_eq!(ended.item("B-1").outcome, "nothing-to-mend");
    assert_eq!(world.update("B-1").await.current_version, Some(1));
    assert!(world.vendor.requests().is_empty());
}

#[tokio::test]
async fn r_07_a_vendor_that_ships_other_bytes_leaves_the_old_in_place_with_the_reason() {
    let mut world = World::start().await;
    let files = three(&world).await;
    world.vendor.publish("/one.exe", &files[0].damaged());
    let ended = world.run(JobRequest::RefreshComplete { of: world.of(&["B-1"]).await }).await.failed();
    assert_eq!(ended.item("B-1").outcome, "vendor-changed");
    world.assert_staged("B-1", &files.iter().collect::<Vec<_>>()).await;
    world.check().await;
}

#[tokio::test]
async fn a_complete_refresh_makes_a_new_package_and_the_old_one_goes_after_its_grace() {
    let mut world = World::start().await;
    let files = three(&world).await;
    let (old, folder) = (world.update("B-1").await.package_id, world.folder("B-1").await);
    let ended = world.run(JobRequest::RefreshComplete { of: world.of(&["B-1"]).await }).await.done();
    assert_eq!(ended.item("B-1").outcome, "renewed");
    assert_ne!(world.update("B-1").await.package_id, old);
    assert_eq!(world.vendor.requests().len(), 3, "everything is fetched anew");
    world.assert_staged("B-1", &files.iter().collect::<Vec<_>>()).await;
    assert!(folder.exists(), "downloads of the old package end whole");
    world.check().await;
    world.later(std::time::Duration::from_secs(25 * 3600));
    world.run(JobRequest::Reconcile { dry_run: false }).await.done();
    assert!(!folder.exists());
    world.assert_staged("B-1", &files.iter().collect::<Vec<_>>()).await;
    world.check().await;
}

#[tokio::test]
async fn recreate_gives_a_new_guid_over_the_verified_files() {
    let mut world = World::start().await;
    let files = three(&world).await;
    let old = world.update("B-1").await.package_id;
    fs::write(world.folder("B-1").await.join("two.exe"), files[1].damaged().bytes).unwrap();
    world.run(JobRequest::Recreate { of: world.of(&["B-1"]).await }).await.done();
    assert_ne!(world.update("B-1").await.package_id, old);
    assert_eq!(world.vendor.requests().len(), 1, "only what does not verify is fetched");
    world.assert_staged("B-1", &files.iter().collect::<Vec<_>>()).await;
    world.check().await;
}

#[tokio::test]
async fn r_06_two_refreshes_of_one_package_both_end_and_one_writer_wins() {
    let mut world = World::start().await;
    let files = three(&world).await;
    damage(&world, &files).await;
    let of = world.of(&["B-1"]).await;
    let jobs = [
        world.order(JobRequest::RefreshQuick { of: of.clone() }).await,
        world.order(JobRequest::RefreshQuick { of: of.clone() }).await,
        world.order(JobRequest::Stage { of: of.clone() }).await,
        world.order(JobRequest::RefreshComplete { of }).await,
    ];
    assert_eq!(jobs[0], jobs[1], "the same order joins");
    for job in jobs {
        end_of(&world, job).await.done();
    }
    world.assert_staged("B-1", &files.iter().collect::<Vec<_>>()).await;
    world.check().await;
}

/// Whoever comes first: each job ends, and what is left is a whole package or none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_06_refresh_stage_and_delete_of_one_package_never_meet_in_it() {
    let mut world = World::start().await;
    let files = three(&world).await;
    for round in 0..8 {
        damage(&world, &files).await;
        let of = world.of(&["B-1"]).await;
        let packages = vec![world.update("B-1").await.package_id.unwrap()];
        let mut requests = [
            JobRequest::RefreshQuick { of: of.clone() },
            JobRequest::Stage { of: of.clone() },
            JobRequest::Delete { packages, although_needed: true },
            JobRequest::RefreshComplete { of },
        ];
        requests.rotate_left(round % 4);
        let mut jobs = Vec::new();
        for request in requests {
            jobs.push(world.order(request).await);
        }
        for job in jobs {
            end_of(&world, job).await.done();
        }
        let update = world.update("B-1").await;
        if update.package_id.is_some() {
            world.assert_staged("B-1", &files.iter().collect::<Vec<_>>()).await;
        }
        world.check().await;
        world.stage(&["B-1"]).await.done();
        world.assert_staged("B-1", &files.iter().collect::<Vec<_>>()).await;
    }
}

/// Waits for a job's end while time goes on: one that waits for another's lock looks again after a while.
async fn end_of(world: &World, job: patchwharf_model::JobId) -> crate::world::Ended {
    let stop = tokio::time::Instant::now() + crate::world::DEADLINE;
    while !patchwharf_db::jobs::show(&world.app().db, job).await.unwrap().state.is_final() {
        assert!(tokio::time::Instant::now() < stop);
        world.later(std::time::Duration::from_secs(1));
        world.app().jobs.wake();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    world.ended(job).await
}
