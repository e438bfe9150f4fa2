//! What stays in a folder of backups for years: the last good copies, in their order.

use patchwharf_model::job::Selection;
use patchwharf_testkit::vendor::Mood;

use super::*;

#[tokio::test]
async fn the_last_good_copy_of_what_is_damaged_on_the_server_stays_in_the_backups() {
    let (world, files) = stocked().await;
    back_up(&world, false).await.done();
    world.vendor.set_mood(Mood::Refusing);
    fs::write(world.folder("B-3").await.join("f2.exe"), files[2].damaged().bytes).unwrap();
    fs::remove_dir_all(world.folder("B-2").await).unwrap();
    world.run(JobRequest::Verify { of: Selection::All }).await.failed();
    assert_eq!(world.update("B-3").await.state, Some(VersionState::Corrupt));
    assert_eq!(world.update("B-2").await.state, Some(VersionState::Missing));

    let done = world.run(request(&world, false, Some(1))).await.done();
    assert_eq!((done.report.counts["versions"], done.report.counts["versions-kept"]), (3, 2), "{done:#?}");
    for bulletin in ["B-2", "B-3"] {
        let item = done.item(&world.update(bulletin).await.package_id.unwrap().to_string());
        assert!(item.outcome == "kept" && item.reason.contains("an earlier backup has it whole"), "{item:?}");
    }
    assert_eq!(points(&world).len(), 1, "the new one is whole, and the old one went");
    let (data, run) = restore(&world, "new-data", &[]);
    assert_eq!(run.code, Some(0), "{}", run.said);
    assert_eq!(fsck(&data), "");
    let package = world.update("B-3").await.package_id.unwrap();
    assert!(fs::read(data.join(format!("packages/{package}/1/f2.exe"))).unwrap() == files[2].bytes);
}

#[tokio::test]
async fn old_backups_go_only_when_the_new_one_is_whole() {
    let (world, files) = stocked().await;
    back_up(&world, false).await.done();
    world.vendor.set_mood(Mood::Refusing);
    fs::write(world.folder("B-3").await.join("f2.exe"), files[2].damaged().bytes).unwrap();
    world.run(JobRequest::Verify { of: Selection::All }).await.failed();
    let digest = files[2].sha256().to_string();
    let content = folder(&world).join(format!("files/{}/{digest}", &digest[..2]));
    let whole = fs::read(&content).unwrap();
    fs::write(&content, files[2].damaged().bytes).unwrap();
    let lacking = world.run(request(&world, false, Some(1))).await.failed();
    assert_eq!(lacking.item(&world.update("B-3").await.package_id.unwrap().to_string()).outcome, "left-out");
    assert!(lacking.report.summary.contains("older backups stay"), "{}", lacking.report.summary);
    assert_eq!(points(&world).len(), 2);
    // As if another medium had it.
    fs::write(&content, whole).unwrap();
    world.run(request(&world, false, Some(1))).await.done();
    assert_eq!(points(&world).len(), 1);
}

#[tokio::test]
async fn x_04_a_backup_of_a_clock_that_ran_ahead_is_not_the_newest_for_years() {
    let (world, _files) = stocked().await;
    let now = world.clock.now();
    world.clock.set("2036-11-22T12:00:00Z".parse().unwrap());
    back_up(&world, false).await.done();
    world.clock.set(now);
    back_up(&world, false).await.done();
    let (_, run) = restore(&world, "drill", &["--dry-run"]);
    assert!(run.code == Some(0) && run.said.contains("backup 20261122T120000Z of"), "{}", run.said);
    let listed = patchwharf(&world.data(), &["restore", folder(&world).as_str(), "--list"]).said;
    assert!(listed.find("20261122T") < listed.find("20361122T"), "newest first: {listed}");
    world.run(request(&world, false, Some(2))).await.done();
    let names: Vec<_> = points(&world).iter().map(|point| point.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["20261122T120000Z", "20261122T120000Z-2"], "the oldest goes, whatever its name says");
}

#[tokio::test]
async fn two_sealed_backups_at_once_do_not_take_the_copy_of_the_database_from_each_other() {
    let (mut world, _files) = stocked().await;
    let passphrase = passphrase_file(&world).into_string();
    let mut jobs = Vec::new();
    for n in 0..4 {
        let folder = format!("{}-{n}", folder(&world));
        let passphrase_file = Some(passphrase.clone());
        jobs.push(world.order(JobRequest::Backup { folder, passphrase_file, keep: None, quick: false }).await);
    }
    for (n, job) in jobs.into_iter().enumerate() {
        world.ended(job).await.done();
        let folder = format!("{}-{n}", folder(&world));
        let drill = ["restore", folder.as_str(), "--passphrase-file", &passphrase, "--dry-run"];
        assert_eq!(patchwharf(&world.data(), &drill).code, Some(0));
    }
    let copies = world.data().join("backups");
    assert!(fs::read_dir(&copies).unwrap().next().is_none(), "no open copy is left");
    world.stop_server().await;
    fs::write(copies.join(".copy-of-one-that-was-killed"), "open").unwrap();
    world.run_server().await;
    assert!(fs::read_dir(&copies).unwrap().next().is_none(), "nor one of a server that was killed");
}
