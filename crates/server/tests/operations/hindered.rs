//! Moves that something is in the way of, or that have to wait.

use std::{fs, time::Duration};

use patchwharf_db::{jobs as job_table, packages};
use patchwharf_model::{
    JobId, Timestamp,
    job::{JobRequest, JobState, Selection},
};

use crate::{
    relocate::{Small, payloads},
    world::{Ended, World, relocation},
};

/// Another job has a bulletin's package.
async fn held(world: &World, bulletin: &str) -> JobId {
    let package = world.update(bulletin).await.package_id.unwrap();
    let (holder, now) = (JobId::new(), world.clock.now());
    let mut w = world.app().db.write("test", "test", now).await.unwrap();
    packages::lock(&mut w, &[package], holder, now + Duration::from_secs(60)).await.unwrap();
    w.commit().await.unwrap();
    holder
}

/// Waits until a job waits; says for what.
async fn waits(world: &World, job: JobId) -> String {
    patchwharf_testkit::eventually_async("the job waits", crate::world::DEADLINE, || async {
        let row = job_table::show(&world.app().db, job).await.unwrap();
        assert!(!row.state.is_final(), "it ended without the package: {row:#?}");
        (row.state == JobState::Queued && row.attempt > 0).then_some(row.waiting_for)
    })
    .await
}

/// The other job ends; this one looks again, and comes to its end.
async fn let_go(world: &World, holder: JobId, job: JobId) -> Ended {
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    packages::unlock(&mut w, holder, None).await.unwrap();
    w.commit().await.unwrap();
    world.later(Duration::from_secs(10));
    world.app().jobs.wake();
    world.ended(job).await.done()
}

/// Somebody's file, link or folder has the name of a package: that one is named, all others move.
#[tokio::test]
async fn what_is_in_the_place_of_one_package_costs_no_other_its_move() {
    let [one, two, three] = payloads();
    let (mut world, old, new) = World::with_two_places(&[&one, &two, &three]).await;
    let at = |folder: std::path::PathBuf| folder.parent().unwrap().to_owned();
    let (file, link) = (at(world.folder_at("B-1", new).await), at(world.folder_at("B-3", new).await));
    fs::write(&file, b"theirs").unwrap();
    std::os::unix::fs::symlink(world.home.path(), &link).unwrap();
    let ended = world.relocate(old, new).await.failed();
    assert_eq!((ended.count("moved"), ended.count("occupied")), (1, 2), "{ended:#?}");
    assert!(ended.report.summary.contains("2 not moved, each with its reason"), "{}", ended.report.summary);
    let package = world.update("B-1").await.package_id.unwrap().to_string();
    let line = ended.item(&package);
    assert!(line.failed && line.reason.contains(file.to_str().unwrap()), "{line:#?}");
    assert_eq!(fs::read(&file).unwrap(), b"theirs");
    assert_eq!((world.location_of("B-1").await, world.location_of("B-2").await), (old, new));
    fs::remove_file(&file).unwrap();
    fs::remove_file(&link).unwrap();
    let ended = world.relocate(old, new).await.done();
    assert_eq!(ended.count("moved"), 2, "{ended:#?}");
    world.check().await;
}

#[tokio::test]
async fn what_waits_at_one_place_is_not_forgotten_for_the_next_one() {
    let [one, two, ..] = payloads();
    let (mut world, first, second) = World::with_two_places(&[&one, &two]).await;
    let third = world.location("third", true).await;
    let of = world.of(&["B-2"]).await;
    let part = JobRequest::Relocate { of, from: Some(first), to: second, link: false, restage: false, dry_run: false };
    world.run(part).await.done();
    // Whichever place comes first: both packages are held in turn.
    for bulletin in ["B-1", "B-2"] {
        let holder = held(&world, bulletin).await;
        let of = Selection::Packages(vec![world.update(bulletin).await.package_id.unwrap()]);
        let everywhere =
            JobRequest::Relocate { of, from: None, to: third, link: false, restage: false, dry_run: false };
        let job = world.order(everywhere).await;
        let waiting = waits(&world, job).await;
        assert!(waiting.contains(&holder.to_string()), "{waiting}");
        let_go(&world, holder, job).await;
        assert_eq!(world.location_of(bulletin).await, third);
    }
    world.check().await;
}

#[tokio::test]
async fn a_job_that_waited_reports_what_it_moved_before() {
    let [one, two, ..] = payloads();
    let (mut world, old, new) = World::with_two_places(&[&one, &two]).await;
    let holder = held(&world, "B-1").await;
    let job = world.order(relocation(old, new)).await;
    waits(&world, job).await;
    assert_eq!(world.location_of("B-2").await, new);
    // And over a restart.
    world.stop_server().await;
    world.run_server().await;
    let ended = let_go(&world, holder, job).await;
    assert!(ended.report.summary.contains("2 package versions moved"), "{}", ended.report.summary);
    assert_eq!((ended.count("bytes"), ended.count("bytes-copied")), (930_000, 930_000), "{ended:#?}");
    world.check().await;
}

#[tokio::test]
async fn an_undo_and_a_prune_that_waited_report_what_they_did_before() {
    let [one, two, ..] = payloads();
    let (mut world, old, new) = World::with_two_places(&[&one, &two]).await;
    world.relocate(old, new).await.done();
    let (of, before, dry_run) = (Selection::All, Timestamp::MAX, false);
    let undo = JobRequest::UndoRelocation { of: of.clone(), from: new, to: old, dry_run };
    let prune = JobRequest::Prune { of, location: new, before, dry_run };
    for (wish, says) in [(undo, "2 package versions (908.2 KiB) served from"), (prune, "2 originals at")] {
        let holder = held(&world, "B-1").await;
        let job = world.order(wish).await;
        waits(&world, job).await;
        let ended = let_go(&world, holder, job).await;
        assert!(ended.report.summary.starts_with(says), "{}", ended.report.summary);
    }
    assert!(world.originals("B-1").await.is_empty() && world.originals("B-2").await.is_empty());
    world.check().await;
}

#[tokio::test]
async fn an_empty_location_on_another_disk_is_in_no_link_s_way() {
    let [one, ..] = payloads();
    let (mut world, old, new) = World::with_two_places(&[&one]).await;
    let Some(small) = Small::mount(world.home.path().canonicalize().unwrap().join("disk"), "16m") else {
        return patchwharf_testkit::skipped("mounting a small file system needs root");
    };
    world.location("disk/packages", false).await;
    let everywhere =
        JobRequest::Relocate { of: Selection::All, from: None, to: new, link: true, restage: false, dry_run: false };
    let ended = world.run(everywhere).await.done();
    assert_eq!(ended.count("linked"), 1, "{ended:#?}");
    assert_eq!(world.originals("B-1").await, [(old, true)]);
    world.check().await;
    world.stop_server().await;
    drop(small);
}
