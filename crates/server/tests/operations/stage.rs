use std::time::Duration;

use patchwharf_db::catalogue::NewUpdate;
use patchwharf_model::{
    job::{JobRequest, JobState},
    package::VersionState,
};
use patchwharf_testkit::{Payload, vendor::Lie};

use crate::world::World;

#[tokio::test]
async fn a_staged_package_is_on_disk_whole_with_a_signed_manifest() {
    let mut world = World::start().await;
    let (one, two) = (Payload::random("one.exe", 300_000), Payload::random("two.cab", 5_000));
    world.catalogue(&[("B-1", vec![world.publish(&one), world.publish(&two)])]).await;
    let ended = world.stage(&["B-1"]).await.done();
    assert_eq!(ended.count("staged"), 1);
    world.assert_staged("B-1", &[&one, &two]).await;
    assert!(world.folder("B-1").await.join("package.json").exists());
    world.check().await;
}

#[tokio::test]
async fn r_05_what_is_staged_and_proved_is_not_fetched_again() {
    let mut world = World::start().await;
    let one = Payload::random("one.exe", 300_000);
    world.catalogue(&[("B-1", vec![world.publish(&one)])]).await;
    world.stage(&["B-1"]).await.done();
    let again = world.stage(&["B-1"]).await.done();
    assert_eq!(again.item("B-1").outcome, "already-staged");
    assert_eq!(world.vendor.count("/one.exe"), 1);
    world.check().await;
}

#[tokio::test]
async fn r_05_rows_are_never_believed_a_folder_that_is_gone_is_staged_again() {
    let mut world = World::start().await;
    let (one, two) = (Payload::random("one.exe", 30_000), Payload::random("two.exe", 30_000));
    world.catalogue(&[("B-1", vec![world.publish(&one), world.publish(&two)])]).await;
    world.stage(&["B-1"]).await.done();
    let folder = world.folder("B-1").await;
    std::fs::remove_file(folder.join("two.exe")).unwrap();
    let mended = world.stage(&["B-1"]).await.done();
    assert_eq!(mended.item("B-1").outcome, "mended");
    assert_eq!(world.vendor.count("/one.exe"), 1, "the good file is linked");
    assert_eq!(world.vendor.count("/two.exe"), 2);
    world.assert_staged("B-1", &[&one, &two]).await;
    std::fs::remove_dir_all(world.folder("B-1").await).unwrap();
    world.stage(&["B-1"]).await.done();
    world.assert_staged("B-1", &[&one, &two]).await;
    world.check().await;
}

#[tokio::test]
async fn s_16_the_same_bytes_are_fetched_and_stored_once() {
    use std::os::unix::fs::MetadataExt as _;
    let mut world = World::start().await;
    let one = Payload::random("one.exe", 300_000);
    let other = Payload::new("other.exe", one.bytes.clone());
    world.catalogue(&[("B-1", vec![world.publish(&one)]), ("B-2", vec![world.publish(&other)])]).await;
    world.stage(&["B-1"]).await.done();
    world.stage(&["B-2"]).await.done();
    assert_eq!(world.vendor.count("/other.exe"), 0);
    world.assert_staged("B-2", &[&other]).await;
    let inode = |path: std::path::PathBuf| std::fs::metadata(path).unwrap().ino();
    assert_eq!(inode(world.folder("B-1").await.join("one.exe")), inode(world.folder("B-2").await.join("other.exe")));
    // Our own link changed the inode's ctime: the proof still stands, nothing is hashed or fetched.
    assert_eq!(world.stage(&["B-1", "B-2"]).await.done().count("already-staged"), 2);
    world.check().await;
}

#[tokio::test]
async fn s_18_fifty_bulletins_that_stage_the_same_file_at_once_fetch_it_once() {
    let mut world = World::start().await;
    let shared = Payload::random("shared.exe", 500_000);
    let file = world.publish(&shared);
    let names: Vec<String> = (0..50).map(|n| format!("B-{n}")).collect();
    let bulletins: Vec<_> = names.iter().map(|name| (name.as_str(), vec![file.clone()])).collect();
    world.catalogue(&bulletins).await;
    let mut jobs = Vec::new();
    for name in &names {
        jobs.push(world.order(JobRequest::Stage { of: world.of(&[name]).await }).await);
    }
    for job in jobs {
        world.ended(job).await.done();
    }
    assert_eq!(world.vendor.count("/shared.exe"), 1);
    for name in &names {
        world.assert_staged(name, &[&shared]).await;
    }
    world.check().await;
}

#[tokio::test]
async fn s_01_an_unreachable_vendor_costs_only_its_own_packages_and_says_when_it_is_tried_again() {
    let mut world = World::start().await;
    let (one, two) = (Payload::random("one.exe", 30_000), Payload::random("two.exe", 30_000));
    world.catalogue(&[("B-1", vec![world.publish(&one)]), ("B-2", vec![world.describe(&two)])]).await;
    let ended = world.stage(&["B-1", "B-2"]).await.failed();
    world.assert_staged("B-1", &[&one]).await;
    assert_eq!(ended.item("B-2").outcome, "unreachable");
    let version = world.newest("B-2").await;
    assert_eq!(version.state, VersionState::Unreachable);
    assert!(version.next_try_at.is_some_and(|at| at > world.clock.now()));
    world.vendor.publish("/two.exe", &two);
    world.stage(&["B-2"]).await.done();
    world.assert_staged("B-2", &[&two]).await;
    world.check().await;
}

#[tokio::test]
async fn s_08_wrong_bytes_are_never_placed_and_both_digests_are_named() {
    let mut world = World::start().await;
    let one = Payload::random("one.exe", 30_000);
    let file = world.describe(&one);
    world.vendor.lie("/one.exe", &one, Lie::FlipBit(100));
    world.catalogue(&[("B-1", vec![file])]).await;
    let ended = world.stage(&["B-1"]).await.failed();
    let reason = &ended.item("B-1").reason;
    assert_eq!(ended.item("B-1").outcome, "vendor-changed");
    assert!(reason.contains(&one.sha256().to_string()), "{reason}");
    assert_eq!(world.newest("B-1").await.state, VersionState::VendorChanged);
    let package = world.update("B-1").await.package_id.unwrap().to_string();
    assert!(!world.packages().join(package).exists());
    world.check().await;
}

#[tokio::test]
async fn s_19_a_vendors_revision_becomes_the_next_version_and_the_old_one_is_retired() {
    let mut world = World::start().await;
    let (old, new) = (Payload::random("one.exe", 30_000), Payload::random("two.exe", 30_000));
    world.catalogue(&[("B-1", vec![world.publish(&old)])]).await;
    world.stage(&["B-1"]).await.done();
    world.catalogue(&[("B-1", vec![world.publish(&new)])]).await;
    let ended = world.stage(&["B-1"]).await.done();
    assert_eq!(ended.item("B-1").outcome, "revised");
    assert_eq!(world.update("B-1").await.current_version, Some(2));
    world.assert_staged("B-1", &[&new]).await;
    let package = world.update("B-1").await.package_id.unwrap();
    let versions = patchwharf_db::packages::versions(&world.app().db, &[package]).await.unwrap();
    assert_eq!(versions.iter().map(|v| v.state).collect::<Vec<_>>(), [VersionState::Retired, VersionState::Staged]);
    world.check().await;
}

#[tokio::test]
async fn s_19_a_revision_that_cannot_be_had_leaves_the_old_one_in_its_place() {
    let mut world = World::start().await;
    let (old, new) = (Payload::random("one.exe", 30_000), Payload::random("two.exe", 30_000));
    world.catalogue(&[("B-1", vec![world.publish(&old)])]).await;
    world.stage(&["B-1"]).await.done();
    world.catalogue(&[("B-1", vec![world.describe(&new)])]).await;
    world.stage(&["B-1"]).await.failed();
    let update = world.update("B-1").await;
    assert_eq!((update.current_version, update.state), (Some(1), Some(VersionState::Staged)));
    assert_eq!(world.content("B-1").await.keys().collect::<Vec<_>>(), ["one.exe"]);
    world.check().await;
}

#[tokio::test]
async fn s_25_a_job_without_space_waits_and_goes_on_alone() {
    let mut world = World::start_with(|config| config.fetch.reserve_bytes = u64::MAX / 4).await;
    let one = Payload::random("one.exe", 30_000);
    world.catalogue(&[("B-1", vec![world.publish(&one)])]).await;
    let job = world.order(JobRequest::Stage { of: world.of(&["B-1"]).await }).await;
    let waiting =
        patchwharf_testkit::eventually_async("the job waits for space", Duration::from_secs(60), async || {
            let row = patchwharf_db::jobs::show(&world.app().db, job).await.unwrap();
            (row.state == JobState::Queued && !row.waiting_for.is_empty()).then_some(row.waiting_for)
        })
        .await;
    assert!(waiting.contains("waiting for space"), "{waiting}");
    assert_eq!(world.vendor.count("/one.exe"), 0, "asked before the first byte");
    world.stop_server().await;
    world.run_server().await;
    world.later(Duration::from_secs(60));
    world.app().jobs.wake();
    world.ended(job).await.done();
    world.assert_staged("B-1", &[&one]).await;
    world.check().await;
}

#[tokio::test]
async fn a_download_goes_on_at_its_byte_after_the_server_was_stopped() {
    let mut world = World::start().await;
    let big = Payload::random("big.bin", 4 << 20);
    let file = world.describe(&big);
    world.vendor.lie("/big.bin", &big, Lie::StallAt(2 << 20));
    world.catalogue(&[("B-1", vec![file])]).await;
    let job = world.order(JobRequest::Stage { of: world.of(&["B-1"]).await }).await;
    let data = world.packages().join(".staging").join(big.sha256().to_string()).join("data");
    patchwharf_testkit::eventually_async("some of it came", Duration::from_secs(60), async || {
        std::fs::metadata(&data).is_ok_and(|data| data.len() >= 1 << 18).then_some(())
    })
    .await;
    world.stop_server().await;
    world.vendor.publish("/big.bin", &big);
    world.vendor.forget();
    world.run_server().await;
    world.ended(job).await.done();
    world.assert_staged("B-1", &[&big]).await;
    let (from, _) = world.vendor.requests_for("/big.bin")[0].range().expect("it asks for the rest");
    assert!(from > 0 && world.vendor.bytes_sent("/big.bin") < 4 << 20);
}

#[tokio::test]
async fn an_update_without_a_url_says_which_command_takes_the_file() {
    let world = World::start().await;
    let one = Payload::random("one.exe", 30_000);
    let mut file = world.describe(&one);
    file.url = None;
    world.catalogue(&[("B-1", vec![file])]).await;
    let ended = world.stage(&["B-1"]).await.failed();
    assert_eq!(ended.item("B-1").outcome, "needs-a-file");
    assert!(ended.item("B-1").reason.contains("patchwharf package supply B-1.update FILE"));
    let update = world.update("B-1").await.update_id;
    let uploads = world.data().join("uploads");
    std::fs::create_dir_all(&uploads).unwrap();
    std::fs::write(uploads.join("wrong"), one.damaged().bytes).unwrap();
    let request = |upload: &str| JobRequest::Supply { update, upload: upload.into(), file: None };
    let refused = world.run(request("wrong")).await.failed();
    assert!(refused.item("B-1").reason.contains(&one.sha256().to_string()));
    std::fs::write(uploads.join("right"), &one.bytes).unwrap();
    world.run(request("right")).await.done();
    world.assert_staged("B-1", &[&one]).await;
    assert_eq!(std::fs::read_dir(world.data().join("supplied")).unwrap().count(), 0);
}

#[tokio::test]
async fn queries_and_fsyncs_per_package_are_bounded() {
    const PACKAGES: u64 = 300;
    let world = World::start().await;
    let names: Vec<String> = (0..PACKAGES).map(|n| format!("B-{n:03}")).collect();
    let bulletins: Vec<_> =
        names.iter().map(|name| (name.as_str(), vec![world.publish(&Payload::random(name.clone(), 4096))])).collect();
    world.catalogue(&bulletins).await;
    let location = world.app().locations.default_location().unwrap();
    let (statements, fsyncs) = (world.app().db.statements(), location.counts().fsyncs);
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let ended = world.stage(&all).await.done();
    let statements = world.app().db.statements() - statements;
    let fsyncs = location.counts().fsyncs - fsyncs;
    assert_eq!(ended.count("staged"), PACKAGES);
    println!("{statements} statements and {fsyncs} fsyncs for {PACKAGES} packages");
    // The file, its manifest, the version's folder, the package's folder; and a few for each batch.
    assert!(fsyncs >= 3 * PACKAGES, "no fsync is skipped: {fsyncs}");
    assert!(fsyncs <= 5 * PACKAGES, "{fsyncs} fsyncs");
    assert!(statements <= PACKAGES, "{statements} statements");
}

#[tokio::test]
async fn superseded_withdrawn_and_empty_updates_are_left_out_and_said_so() {
    let mut world = World::start().await;
    let files = ["one.exe", "two.exe", "four.exe"].map(|name| Payload::random(name, 30_000));
    let [superseded, withdrawn, live] = [("B-1", 0), ("B-2", 1), ("B-4", 2)]
        .map(|(bulletin, file): (&str, usize)| world.described(bulletin, vec![world.publish(&files[file])]));
    let catalogue = [
        NewUpdate { superseded_by: Some(live.key.clone()), ..superseded },
        NewUpdate { withdrawn: true, ..withdrawn },
        world.described("B-3", Vec::new()),
        live,
    ];
    world.catalogue_of(&catalogue).await;
    let left_out =
        [("B-1", "superseded by B-4.update"), ("B-2", "the vendor has withdrawn it"), ("B-3", "it has no files")];
    let ended = world.stage(&["B-1", "B-2", "B-3", "B-4"]).await.done();
    assert_eq!((ended.count("left-out"), ended.count("staged")), (3, 1), "{ended:#?}");
    for (bulletin, why) in left_out {
        let line = ended.item(bulletin);
        assert!(line.outcome == "left-out" && line.reason.contains(why), "{line:#?}");
        assert_eq!(world.update(bulletin).await.package_id, None);
    }
    world.assert_staged("B-4", &[&files[2]]).await;
    assert!(world.vendor.requests().iter().all(|request| request.path == "/four.exe"), "nothing else is fetched");
    let nothing = world.stage(&left_out.map(|(bulletin, _)| bulletin)).await.done();
    let summary = "nothing to stage: 3 updates, all superseded, withdrawn or without files";
    assert_eq!(nothing.report.summary, summary);
    world.check().await;
}

#[tokio::test]
async fn r_12_a_cancelled_job_leaves_nothing_behind_and_what_was_served_stays() {
    let mut world = World::start().await;
    let (old, big) = (Payload::random("old.exe", 30_000), Payload::random("big.bin", 4 << 20));
    world.catalogue(&[("B-1", vec![world.publish(&old)])]).await;
    world.stage(&["B-1"]).await.done();
    world.vendor.lie("/big.bin", &big, Lie::StallAt(2 << 20));
    world.catalogue(&[("B-1", vec![world.describe(&big)])]).await;
    let job = world.order(JobRequest::Stage { of: world.of(&["B-1"]).await }).await;
    let partial = world.packages().join(".staging").join(big.sha256().to_string());
    patchwharf_testkit::eventually_async("some of it came", Duration::from_secs(60), async || {
        std::fs::metadata(partial.join("data")).is_ok_and(|data| data.len() >= 1 << 18).then_some(())
    })
    .await;
    world.app().jobs.cancel(job, "admin").await.unwrap();
    assert_eq!(world.ended(job).await.state, JobState::Cancelled);
    assert!(!partial.exists(), "what had come is gone");
    let update = world.update("B-1").await;
    assert_eq!((update.current_version, update.state), (Some(1), Some(VersionState::Staged)));
    assert_eq!(world.newest("B-1").await.version, 1);
    world.check().await;
}

#[tokio::test]
async fn a_paused_job_goes_on_where_it_stopped() {
    let world = World::start().await;
    let big = Payload::random("big.bin", 4 << 20);
    let file = world.describe(&big);
    world.vendor.lie("/big.bin", &big, Lie::StallAt(2 << 20));
    world.catalogue(&[("B-1", vec![file])]).await;
    let job = world.order(JobRequest::Stage { of: world.of(&["B-1"]).await }).await;
    let data = world.packages().join(".staging").join(big.sha256().to_string()).join("data");
    patchwharf_testkit::eventually_async("some of it came", Duration::from_secs(60), async || {
        std::fs::metadata(&data).is_ok_and(|data| data.len() >= 1 << 18).then_some(())
    })
    .await;
    world.app().jobs.pause(job, "admin").await.unwrap();
    patchwharf_testkit::eventually_async("the job pauses", Duration::from_secs(60), async || {
        let row = patchwharf_db::jobs::show(&world.app().db, job).await.unwrap();
        (row.state == JobState::Paused).then_some(())
    })
    .await;
    world.vendor.publish("/big.bin", &big);
    world.vendor.forget();
    world.app().jobs.resume(job, "admin").await.unwrap();
    world.ended(job).await.done();
    world.assert_staged("B-1", &[&big]).await;
    assert!(world.vendor.requests_for("/big.bin")[0].range().is_some());
}
