//! Pruning originals.

use std::{fs, time::Duration};

use patchwharf_db::{locations, packages, settings};
use patchwharf_model::{
    LocationId, Timestamp,
    finding::FindingKind,
    job::{JobRequest, Selection},
    package::VersionState,
};
use patchwharf_testkit::Payload;

use crate::{
    integrity::{check, full},
    world::World,
};

fn prune(location: LocationId, dry_run: bool) -> JobRequest {
    JobRequest::Prune { of: Selection::All, location, before: Timestamp::MAX, dry_run }
}

async fn moved() -> (World, LocationId, LocationId, [Payload; 2]) {
    let payloads = [Payload::random("one.exe", 30_000), Payload::random("two.exe", 400_000)];
    let (world, old, new) = World::with_two_places(&[&payloads[0], &payloads[1]]).await;
    world.relocate(old, new).await.done();
    (world, old, new, payloads)
}

#[tokio::test]
async fn l_16_originals_go_after_their_copies_were_proved_and_the_place_can_be_forgotten() {
    let (mut world, old, _, [one, two]) = moved().await;
    let ended = world.run(prune(old, true)).await.done();
    assert_eq!(ended.count("would-be-removed"), 2, "{ended:#?}");
    assert!(world.folder_at("B-1", old).await.exists(), "a dry run removes nothing");
    let ended = world.run(prune(old, false)).await.done();
    assert_eq!((ended.count("removed"), ended.count("bytes-freed") >= 430_000), (2, true), "{ended:#?}");
    assert!(
        ended.report.summary.contains("Nothing of this server's packages is left there"),
        "{}",
        ended.report.summary
    );
    let left: Vec<_> = fs::read_dir(world.packages()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "only what belongs to the location itself: {left:?}");
    assert!(world.originals("B-1").await.is_empty());
    world.assert_staged("B-1", &[&one]).await;
    world.assert_staged("B-2", &[&two]).await;
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    locations::remove(&mut w, old, false).await.unwrap();
    w.commit().await.unwrap();
    world.check().await;
}

#[tokio::test]
async fn an_original_stays_while_its_copy_is_not_whole() {
    let (mut world, old, _, [one, _]) = moved().await;
    let served = world.folder("B-1").await.join("one.exe");
    let mut bytes = fs::read(&served).unwrap();
    bytes[100] ^= 1;
    fs::write(&served, bytes).unwrap();
    let dry = world.run(prune(old, true)).await.found();
    assert_eq!((dry.count("would-be-removed"), dry.count("copy-damaged")), (1, 1), "{dry:#?}");
    assert_eq!(dry.report.items_failed, 1, "the look is done, and says what is wrong: {dry:#?}");
    let ended = world.run(prune(old, false)).await.failed();
    assert_eq!((ended.count("removed"), ended.count("copy-damaged")), (1, 1), "{ended:#?}");
    let line = ended.report.items.iter().find(|item| item.outcome == "copy-damaged").unwrap();
    assert!(line.reason.contains("location undo") && line.reason.contains("bulletin refresh"), "{line:#?}");
    assert_eq!(fs::read(world.folder_at("B-1", old).await.join("one.exe")).unwrap(), &one.bytes[..]);
    assert_eq!(world.update("B-1").await.state, Some(VersionState::Corrupt), "the damage is on record");
    world.refresh(&["B-1"]).await.done();
    world.assert_staged("B-1", &[&one]).await;
    world.check().await;
}

#[tokio::test]
async fn what_this_server_did_not_put_there_stays_and_is_named() {
    let (mut world, old, _, _) = moved().await;
    let folder = world.folder_at("B-1", old).await;
    fs::write(folder.join("notes.txt"), b"theirs").unwrap();
    fs::write(world.packages().join("readme.txt"), b"theirs too").unwrap();
    let ended = world.run(prune(old, false)).await.done();
    let removed = ended.report.items.iter().filter(|item| item.outcome == "removed");
    let reasons: Vec<&str> = removed.map(|item| item.reason.as_str()).collect();
    assert!(reasons.len() == 2 && reasons.iter().any(|reason| reason.contains("notes.txt")), "{ended:#?}");
    assert_eq!(ended.item("readme.txt").outcome, "foreign");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    // It is theirs, and no second copy of a version.
    let checked = check(&world, full()).await.troubled();
    assert!(checked.kinds().iter().all(|kind| *kind == FindingKind::FileForeign), "{checked:#?}");
    // Nor does anybody else touch it afterwards.
    world.run(JobRequest::Reconcile { dry_run: false }).await.done();
    assert_eq!(fs::read(folder.join("notes.txt")).unwrap(), b"theirs");
    fs::remove_dir_all(folder.parent().unwrap()).unwrap();
    world.check().await;
}

#[tokio::test]
async fn an_original_that_is_not_whole_stays_as_it_is_and_is_called_so() {
    let (mut world, old, _, _) = moved().await;
    let folder = world.folder_at("B-1", old).await;
    fs::write(folder.join("one.exe"), b"shorter").unwrap();
    let ended = world.run(prune(old, false)).await.failed();
    assert_eq!((ended.count("removed"), ended.count("original-damaged")), (1, 1), "{ended:#?}");
    let line = ended.report.items.iter().find(|item| item.outcome == "original-damaged").unwrap();
    assert!(line.reason.contains("one.exe") && line.reason.contains("by hand"), "{line:#?}");
    assert_eq!(fs::read(folder.join("one.exe")).unwrap(), b"shorter");
    assert!(folder.join("package.json").is_file(), "nothing of it was removed");
    assert_eq!(world.originals("B-1").await, [(old, false)], "and it is an original still");
    check(&world, full()).await.clean();
    // The way out that was named.
    fs::remove_dir_all(folder.parent().unwrap()).unwrap();
    world.run(prune(old, false)).await.done();
    assert!(world.originals("B-1").await.is_empty());
    world.check().await;
}

#[tokio::test]
async fn originals_of_links_free_nothing_and_leave_the_proof_standing() {
    let one = Payload::random("one.exe", 30_000);
    let (mut world, old, new) = World::with_two_places(&[&one]).await;
    let of = Selection::All;
    let link = JobRequest::Relocate { of, from: Some(old), to: new, link: true, restage: false, dry_run: false };
    world.run(link).await.done();
    let totals = packages::original_totals(&world.app().db, old, Timestamp::MAX, None).await.unwrap();
    assert_eq!((totals.versions, totals.same_data_bytes), (1, 30_000));
    let ended = world.run(prune(old, false)).await.done();
    assert_eq!((ended.count("removed"), ended.count("bytes-freed")), (1, 0), "{ended:#?}");
    world.stop_server().await;
    world.run_server().await;
    assert_eq!(world.stage(&["B-1"]).await.done().item("B-1").outcome, "already-staged");
    let update = world.update("B-1").await;
    let key = (update.package_id.unwrap(), update.current_version.unwrap());
    let (stamp, _) = packages::files(&world.app().db, &[key]).await.unwrap().remove(0).proof.unwrap();
    let found = fs::metadata(world.folder("B-1").await.join("one.exe")).unwrap();
    use std::os::unix::fs::MetadataExt as _;
    assert_eq!(stamp.ctime_ns, found.ctime() * 1_000_000_000 + found.ctime_nsec());
    world.check().await;
}

#[tokio::test]
async fn young_originals_stay_as_long_as_the_setting_says() {
    let (mut world, old, _, _) = moved().await;
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    settings::set(&mut w, "originals.keep-for", "7d").await.unwrap();
    w.commit().await.unwrap();
    world.later(Duration::from_secs(6 * 24 * 3600));
    let ended = world.run(prune(old, false)).await.done();
    assert_eq!((ended.count("removed"), ended.count("originals-left")), (0, 2), "{ended:#?}");
    let summary = &ended.report.summary;
    assert!(summary.contains("2 originals younger than 7d kept (`originals.keep-for`)"), "{summary}");
    world.later(Duration::from_secs(2 * 24 * 3600));
    assert_eq!(world.run(prune(old, false)).await.done().count("removed"), 2);
    world.check().await;
}

#[tokio::test]
async fn c_22_an_empty_mount_point_is_not_pruned() {
    let (mut world, old, _, _) = moved().await;
    fs::rename(world.packages(), world.home.path().join("away")).unwrap();
    fs::create_dir(world.packages()).unwrap();
    let ended = world.run(prune(old, false)).await.failed();
    assert!(ended.report.summary.contains("Nothing was touched"), "{}", ended.report.summary);
    assert_eq!(world.originals("B-1").await, [(old, false)]);
    fs::remove_dir(world.packages()).unwrap();
    fs::rename(world.home.path().join("away"), world.packages()).unwrap();
    world.check().await;
}
