//! Adoption of files that are not ours: rows L-07, L-09 and procedure 5 of the domain.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use patchwharf_db::packages;
use patchwharf_model::{
    FileName,
    job::{AdoptionWay, JobRequest, JobState},
    package::VersionState,
    update::{PayloadFile, VendorDigest},
};
use patchwharf_testkit::{Payload, eventually_async, vendor::Mood};

use crate::world::{DEADLINE, Ended, World};

fn wish(path: &Path) -> JobRequest {
    JobRequest::Adopt {
        path: path.to_str().unwrap().to_owned(),
        trust: Vec::new(),
        way: AdoptionWay::Share,
        no_foreign_digests: false,
        dry_run: false,
    }
}

fn by(path: &Path, wanted: AdoptionWay) -> JobRequest {
    let JobRequest::Adopt { path, trust, no_foreign_digests, dry_run, .. } = wish(path) else { unreachable!() };
    JobRequest::Adopt { path, trust, way: wanted, no_foreign_digests, dry_run }
}

fn dry(path: &Path) -> JobRequest {
    let JobRequest::Adopt { path, trust, way, no_foreign_digests, .. } = wish(path) else { unreachable!() };
    JobRequest::Adopt { path, trust, way, no_foreign_digests, dry_run: true }
}

fn trusting(path: &Path, key: String) -> JobRequest {
    let JobRequest::Adopt { path, way, no_foreign_digests, dry_run, .. } = wish(path) else { unreachable!() };
    JobRequest::Adopt { path, trust: vec![key], way, no_foreign_digests, dry_run }
}

/// A folder beside the server's.
fn folder(world: &World) -> PathBuf {
    let path = world.home.path().canonicalize().unwrap().join("usb");
    fs::create_dir_all(&path).unwrap();
    path
}

/// Inode, names, mode, times and bytes.
type Facts = (u64, u64, u32, i64, i64, Vec<u8>);

/// Everything that could be changed of a tree.
fn facts(root: &Path) -> BTreeMap<PathBuf, Facts> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            found.extend(facts(&path));
        }
        let bytes = if meta.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        let times =
            (meta.mtime() * 1_000_000_000 + meta.mtime_nsec(), meta.ctime() * 1_000_000_000 + meta.ctime_nsec());
        found.insert(path, (meta.ino(), meta.nlink(), meta.mode(), times.0, times.1, bytes));
    }
    found
}

fn weak(world: &World, payload: &Payload) -> PayloadFile {
    PayloadFile { digest: VendorDigest::Sha1(payload.sha1()), ..world.publish(payload) }
}

fn asked(world: &World, payloads: &[&Payload]) -> usize {
    payloads.iter().map(|payload| world.vendor.count(&format!("/{}", payload.name))).sum()
}

#[tokio::test]
async fn l_07_files_are_adopted_by_content_whatever_they_are_called_and_the_rest_is_foreign() {
    let mut world = World::start().await;
    let (one, two) = (Payload::random("one.exe", 300_000), Payload::random("two.cab", 5_000));
    let (three, old) = (Payload::random("three.exe", 70_000), Payload::random("old.exe", 9_000));
    let (first, second) = (vec![world.publish(&one), world.publish(&two)], vec![world.publish(&three)]);
    world.catalogue(&[("B-1", first), ("B-2", second)]).await;
    world.vendor.set_mood(Mood::Refusing);
    let usb = folder(&world);
    fs::create_dir_all(usb.join("Altiris/{0A}/x")).unwrap();
    fs::write(usb.join("Altiris/{0A}/x/renamed.tmp"), &one.bytes).unwrap();
    fs::write(usb.join(".hidden"), &two.bytes).unwrap();
    fs::write(usb.join("three.exe"), &three.bytes).unwrap();
    fs::write(usb.join("three again.exe"), &three.bytes).unwrap();
    fs::write(usb.join("old.exe"), &old.bytes).unwrap();
    // The right name and length, other bytes.
    fs::write(usb.join("Altiris/one.exe"), &one.damaged().bytes).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", usb.join("link")).unwrap();
    let before = facts(&usb);

    let said = world.run(dry(&usb)).await.done();
    assert_eq!(
        (said.count("would-be-adopted"), said.count("foreign"), said.count("bytes")),
        (2, 2, 375_000),
        "{said:#?}"
    );
    assert!(said.report.summary.contains("nothing was changed"), "{}", said.report.summary);
    assert_eq!(packages::totals(&world.app().db).await.unwrap().packages, 0);
    assert!(world.update("B-1").await.package_id.is_none());

    let ended = world.run(wish(&usb)).await.done();
    assert_eq!((ended.count("adopted"), ended.count("foreign"), ended.count("files")), (2, 2, 6), "{ended:#?}");
    assert_eq!((ended.count("files-matching"), ended.count("links-not-followed")), (4, 1), "{ended:#?}");
    assert_eq!(ended.count("bytes-copied") + ended.count("bytes-shared"), 375_000, "{ended:#?}");
    assert!(ended.item("B-1").reason.contains(usb.to_str().unwrap()), "{ended:#?}");
    for (path, payload) in [("old.exe", &old), ("Altiris/one.exe", &one.damaged())] {
        let line = ended.report.items.iter().find(|item| item.item == path).unwrap();
        let told = format!("KiB, SHA-256 {}", payload.sha256());
        assert_eq!((line.outcome.as_str(), line.failed), ("foreign", false), "{line:?}");
        assert!(line.reason.ends_with(&told), "{line:?}");
    }
    world.assert_staged("B-1", &[&one, &two]).await;
    world.assert_staged("B-2", &[&three]).await;
    assert_eq!(asked(&world, &[&one, &two, &three]), 0, "nothing is fetched");
    assert_eq!(facts(&usb), before, "nothing in the folder is changed");
    let again = world.run(wish(&usb)).await.done();
    assert_eq!((again.count("adopted"), again.count("already-here")), (0, 2), "{again:#?}");
    world.check().await;
    assert_eq!(facts(&usb), before);
    assert!(!world.data().join("adopting").read_dir_utf8().unwrap().any(|_| true), "no memory outlives its job");
}

#[tokio::test]
async fn damaged_and_missing_packages_are_mended_from_a_folder() {
    let mut world = World::start().await;
    let (one, two) = (Payload::random("one.exe", 300_000), Payload::random("two.exe", 30_000));
    let three = Payload::random("three.exe", 40_000);
    let (first, second) = (vec![world.publish(&one), world.publish(&two)], vec![world.publish(&three)]);
    world.catalogue(&[("B-1", first), ("B-2", second)]).await;
    world.stage(&["B-1", "B-2"]).await.done();
    fs::write(world.folder("B-1").await.join("two.exe"), b"rot").unwrap();
    fs::remove_dir_all(world.folder("B-2").await).unwrap();
    let usb = folder(&world);
    // Only the bad file of the first one: the good one is where it is.
    fs::write(usb.join("two"), &two.bytes).unwrap();
    fs::write(usb.join("three"), &three.bytes).unwrap();
    let fetched = asked(&world, &[&one, &two, &three]);
    let ended = world.run(wish(&usb)).await.done();
    assert_eq!(ended.count("mended"), 2, "{ended:#?}");
    assert_eq!(asked(&world, &[&one, &two, &three]), fetched);
    world.assert_staged("B-1", &[&one, &two]).await;
    world.assert_staged("B-2", &[&three]).await;
    // Both are damaged, and the folder has one of them only: nothing is begun, and the way out is said.
    for name in ["one.exe", "two.exe"] {
        fs::write(world.folder("B-1").await.join(name), b"rot").unwrap();
    }
    let ended = world.run(wish(&usb)).await.done();
    let line = ended.item("B-1");
    assert!(line.outcome == "incomplete" && line.reason.contains("one.exe"), "{line:#?}");
    assert!(line.reason.contains("bulletin stage B-1"), "{line:#?}");
    assert_eq!(world.update("B-1").await.state, Some(VersionState::Corrupt), "what was seen is recorded");
    world.stage(&["B-1"]).await.done();
    world.check().await;
}

#[tokio::test]
async fn an_update_of_which_the_folder_has_a_part_is_named_and_not_begun() {
    let mut world = World::start().await;
    let (one, two) = (Payload::random("one.exe", 30_000), Payload::random("two.exe", 30_001));
    world.catalogue(&[("B-1", vec![world.publish(&one), world.publish(&two)])]).await;
    let usb = folder(&world);
    fs::write(usb.join("one.exe"), &one.bytes).unwrap();
    let ended = world.run(wish(&usb)).await.done();
    let line = ended.item("B-1");
    assert!(line.outcome == "incomplete" && line.reason.contains("two.exe") && !line.failed, "{line:#?}");
    assert!(world.update("B-1").await.package_id.is_none());
    assert_eq!(asked(&world, &[&one, &two]), 0);
    world.check().await;
}

#[tokio::test]
async fn a_bulletin_that_is_disabled_gets_its_packages_and_stays_disabled() {
    let world = World::start().await;
    let one = Payload::random("one.exe", 30_000);
    world.catalogue(&[("B-1", vec![world.publish(&one)])]).await;
    let id = world.bulletin("B-1").await;
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    patchwharf_db::bulletins::set_enabled(&mut w, &[id], false).await.unwrap();
    w.commit().await.unwrap();
    let usb = folder(&world);
    fs::write(usb.join("x"), &one.bytes).unwrap();
    assert_eq!(world.run(wish(&usb)).await.done().count("adopted"), 1);
    world.assert_staged("B-1", &[&one]).await;
    assert!(!world.update("B-1").await.bulletin_enabled);
}

#[tokio::test]
async fn what_the_vendor_pins_by_sha_1_only_is_adopted_by_it_and_stays_weak() {
    let mut world = World::start().await;
    let one = Payload::random("one.exe", 90_000);
    world.catalogue(&[("B-1", vec![weak(&world, &one)])]).await;
    let usb = folder(&world);
    fs::write(usb.join("other"), &one.damaged().bytes).unwrap();
    assert_eq!(world.run(wish(&usb)).await.done().count("adopted"), 0);
    fs::write(usb.join("x"), &one.bytes).unwrap();
    assert_eq!(world.run(wish(&usb)).await.done().count("adopted"), 1);
    world.assert_staged("B-1", &[&one]).await;
    assert!(world.newest("B-1").await.weak);
    world.check().await;
}

#[tokio::test]
async fn l_09_a_store_of_another_server_is_taken_in_under_our_own_guids() {
    let theirs = World::start().await;
    let (one, two) = (Payload::random("one.exe", 90_000), Payload::random("two.exe", 5_000));
    theirs.catalogue(&[("A-1", vec![theirs.publish(&one)]), ("A-2", vec![theirs.publish(&two)])]).await;
    theirs.stage(&["A-1", "A-2"]).await.done();
    let mut ours = World::start().await;
    ours.catalogue(&[("B-1", vec![weak(&ours, &one)])]).await;
    let key = theirs.app().signing_key.public().to_string();
    let store = theirs.packages().canonicalize().unwrap();
    let guid = theirs.update("A-1").await.package_id.unwrap();
    let ended = ours.run(wish(&store)).await.done();
    assert_eq!((ended.count("adopted"), ended.count("foreign")), (1, 1), "{ended:#?}");
    let told = format!("2 manifests signed by key {key}");
    assert!(ended.report.summary.contains(&told), "{}", ended.report.summary);
    assert_ne!(ours.update("B-1").await.package_id, Some(guid));
    ours.assert_staged("B-1", &[&one]).await;
    ours.check().await;
    // What a trusted server signed of a file has the last word where the feed names SHA-1 only.
    let three = Payload::random("three.exe", 90_000);
    ours.catalogue(&[("B-3", vec![weak(&ours, &three)])]).await;
    fs::write(theirs.folder("A-1").await.join("one.exe"), &three.bytes).unwrap();
    let refused = ours.run(trusting(&store, key.clone())).await.failed();
    let line = refused.report.items.iter().find(|item| item.outcome == "refused").unwrap();
    assert!(line.failed && line.reason.contains(&one.sha256().to_string()), "{line:#?}");
    assert!(ours.update("B-3").await.package_id.is_none());
    // Their own file with other bytes is damaged, as their manifest says.
    fs::write(theirs.folder("A-2").await.join("two.exe"), &two.damaged().bytes).unwrap();
    let ended = ours.run(trusting(&store, key)).await.failed();
    let line = ended.report.items.iter().find(|item| item.outcome == "foreign").unwrap();
    assert!(line.reason.contains("damaged") && line.reason.contains(&two.sha256().to_string()), "{line:#?}");
    // Without trust the feed alone decides.
    assert_eq!(ours.run(wish(&store)).await.done().count("adopted"), 1);
    let bad = ours.run(trusting(&store, "abc".into())).await.failed();
    assert!(bad.report.summary.contains("is no public key"), "{}", bad.report.summary);
    ours.check().await;
}

#[tokio::test]
async fn l_14_hard_links_are_made_when_asked_for_and_told_as_the_same_data() {
    let mut world = World::start().await;
    let (one, two) = (Payload::random("one.exe", 300_000), Payload::random("two.exe", 3_000));
    world.catalogue(&[("B-1", vec![world.publish(&one)]), ("B-2", vec![world.publish(&two)])]).await;
    let usb = folder(&world);
    fs::write(usb.join("one"), &one.bytes).unwrap();
    fs::write(usb.join("two"), &two.bytes).unwrap();
    fs::set_permissions(usb.join("two"), fs::Permissions::from_mode(0o666)).unwrap();
    let ended = world.run(by(&usb, AdoptionWay::Link)).await.done();
    assert_eq!((ended.count("adopted"), ended.count("bytes-linked")), (2, 300_000), "{ended:#?}");
    assert!(ended.report.summary.contains("no second copy"), "{}", ended.report.summary);
    assert!(ended.item("B-1").reason.contains("hard link"), "{ended:#?}");
    assert!(!ended.item("B-2").reason.contains("hard link"), "others can write to it: {ended:#?}");
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    assert_eq!(inode(&usb.join("one")), inode(&world.folder("B-1").await.join("one.exe")));
    assert_ne!(inode(&usb.join("two")), inode(&world.folder("B-2").await.join("two.exe")));
    assert_eq!(fs::metadata(usb.join("two")).unwrap().mode() & 0o777, 0o666, "their mode is theirs");
    world.assert_staged("B-1", &[&one]).await;
    world.check().await;
    // Its proof stands: our own link is no reason to hash again.
    assert_eq!(world.stage(&["B-1"]).await.done().item("B-1").outcome, "already-staged");
}

#[tokio::test]
async fn every_byte_is_copied_when_asked_for() {
    let world = World::start().await;
    let one = Payload::random("one.exe", 300_000);
    world.catalogue(&[("B-1", vec![world.publish(&one)])]).await;
    let usb = folder(&world);
    fs::write(usb.join("one"), &one.bytes).unwrap();
    let ended = world.run(by(&usb, AdoptionWay::Copy)).await.done();
    assert_eq!((ended.count("bytes-copied"), ended.count("bytes-shared")), (300_000, 0), "{ended:#?}");
    world.assert_staged("B-1", &[&one]).await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_adopted_is_refused_with_the_reason() {
    let world = World::start().await;
    let home = world.home.path().canonicalize().unwrap();
    fs::write(home.join("file"), "x").unwrap();
    std::os::unix::fs::symlink("data", home.join("link")).unwrap();
    fs::create_dir_all(home.join("data/packages/inner")).unwrap();
    for (path, why) in [
        ("packages".into(), "not an absolute path"),
        (home.join("data/../data"), "not an absolute path"),
        (home.join("file"), "is not a folder"),
        (home.join("nothing"), "is not a folder"),
        (home.join("link"), "symbolic link"),
        (home.join("data/packages"), "is package location"),
        (home.join("data/packages/inner"), "lies in package location"),
        (home.clone(), "lies around"),
        (home.join("data"), "lies around"),
    ] {
        let ended = world.run(wish(&path)).await.failed();
        let told = &ended.report.summary;
        assert!(told.contains(why) && told.contains("nothing was adopted"), "{}: {told}", path.display());
    }
}

#[tokio::test]
async fn things_that_are_no_files_and_files_without_digests_are_told_as_what_they_are() {
    let world = World::start().await;
    let one = Payload::random("one.exe", 30_000);
    world.catalogue(&[("B-1", vec![world.publish(&one)])]).await;
    let usb = folder(&world);
    rustix_fifo(&usb.join("pipe"));
    fs::write(usb.join("=cmd"), "x").unwrap();
    fs::write(usb.join("package.json"), "{}").unwrap();
    let request = JobRequest::Adopt {
        path: usb.to_str().unwrap().to_owned(),
        trust: Vec::new(),
        way: AdoptionWay::Share,
        no_foreign_digests: true,
        dry_run: false,
    };
    let ended: Ended = world.run(request).await.done();
    assert_eq!(ended.item("pipe").outcome, "no-file");
    assert_eq!((ended.item("=cmd").outcome.as_str(), ended.item("=cmd").reason.as_str()), ("foreign", "1 B"));
    assert_eq!(ended.item("package.json").outcome, "foreign", "an unsigned manifest is a file like any other");
    assert!(ended.report.summary.contains("nothing adopted"), "{}", ended.report.summary);
}

fn rustix_fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

#[tokio::test]
async fn without_room_the_job_waits_and_says_how_much_is_missing() {
    let world = World::start_with(|config| config.fetch.reserve_bytes = 1 << 60).await;
    let one = Payload::random("one.exe", 300_000);
    let mut file = world.publish(&one);
    file.name = FileName::new("one.exe").unwrap();
    world.catalogue(&[("B-1", vec![file])]).await;
    let usb = folder(&world);
    fs::write(usb.join("one"), &one.bytes).unwrap();
    let said = world.run(dry(&usb)).await.done();
    if said.report.summary.contains("shared blocks") {
        return patchwharf_testkit::skipped("room for an adoption: the file system shares blocks and needs none");
    }
    assert!(said.report.summary.contains("are missing"), "{}", said.report.summary);
    let job = world.order(by(&usb, AdoptionWay::Copy)).await;
    eventually_async("the job waits", DEADLINE, || async {
        let row = patchwharf_db::jobs::show(&world.app().db, job).await.unwrap();
        (row.state == JobState::Queued && row.waiting_for.contains("are missing")).then_some(())
    })
    .await;
    assert!(
        world.data().join("adopting").join(job.to_string()).is_file(),
        "what was found is kept for the next attempt"
    );
    world.app().jobs.cancel(job, "admin").await.unwrap();
}
