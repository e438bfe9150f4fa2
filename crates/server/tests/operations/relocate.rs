//! Relocation: rows L of the acceptance list.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path, time::Duration};

use patchwharf_db::{
    jobs as job_table, locations, packages,
    policies::{self, OnRevision},
};
use patchwharf_model::{
    LocationId,
    job::{JobRequest, JobState, Selection},
    package::VersionState,
};
use patchwharf_testkit::{Payload, vendor::Mood};

use crate::world::{World, relocation};

pub fn payloads() -> [Payload; 3] {
    [Payload::random("one.exe", 30_000), Payload::random("two.exe", 900_000), Payload::random("three.exe", 70_000)]
}

fn with(from: LocationId, to: LocationId, link: bool, restage: bool, dry_run: bool) -> JobRequest {
    JobRequest::Relocate { of: Selection::All, from: Some(from), to, link, restage, dry_run }
}

/// Copies a folder with everything in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The states of the packages of B-1, B-2 and B-3.
async fn states(world: &World) -> Vec<VersionState> {
    let mut found = Vec::new();
    for bulletin in ["B-1", "B-2", "B-3"] {
        found.push(world.update(bulletin).await.state.unwrap());
    }
    found
}

#[tokio::test]
async fn packages_move_whole_and_their_originals_stay() {
    let [one, two, three] = payloads();
    let (mut world, old, new) = World::with_two_places(&[&one, &two, &three]).await;
    let before: Vec<_> = [world.folder("B-1").await, world.folder("B-2").await, world.folder("B-3").await].into();
    let ended = world.run(relocation(old, new)).await.done();
    assert_eq!(ended.count("moved"), 3, "{ended:#?}");
    assert_eq!(ended.count("bytes-copied"), 1_000_000, "{ended:#?}");
    assert!(ended.report.summary.contains("3 package versions moved"), "{}", ended.report.summary);
    for (bulletin, payload) in [("B-1", &one), ("B-2", &two), ("B-3", &three)] {
        assert_eq!(world.location_of(bulletin).await, new);
        assert_eq!(world.originals(bulletin).await, [(old, false)]);
        world.assert_staged(bulletin, &[payload]).await;
    }
    for folder in &before {
        assert!(folder.join("package.json").is_file(), "the original stays: {}", folder.display());
    }
    let usage = locations::usage(&world.app().db).await.unwrap();
    let at = |id| usage.iter().find(|used| used.location_id == id).unwrap();
    assert_eq!((at(old).packages, at(old).originals, at(old).original_bytes), (0, 3, 1_000_000));
    assert_eq!((at(new).packages, at(new).originals), (3, 0));
    // The proofs moved along: nothing is hashed again, nothing is fetched again.
    assert_eq!(world.stage(&["B-1"]).await.done().item("B-1").outcome, "already-staged");
    assert_eq!(world.run(relocation(old, new)).await.done().count("moved"), 0, "a second time there is nothing to do");
    world.check().await;
}

#[tokio::test]
async fn l_07_l_08_what_is_missing_or_damaged_is_named_with_the_ways_out_and_the_rest_moves() {
    let [one, two, three] = payloads();
    let (mut world, old, new) = World::with_two_places(&[&one, &two, &three]).await;
    fs::write(world.folder("B-1").await.join("one.exe"), Payload::random("one.exe", 30_001).bytes.slice(1..)).unwrap();
    let (missing, aside) = (world.folder("B-3").await, world.home.path().join("aside"));
    fs::rename(&missing, &aside).unwrap();
    let ended = world.run(relocation(old, new)).await.failed();
    assert_eq!((ended.count("moved"), ended.count("damaged"), ended.count("missing")), (1, 1, 1), "{ended:#?}");
    for (outcome, bulletin) in [("damaged", "B-1"), ("missing", "B-3")] {
        let line = ended.report.items.iter().find(|item| item.outcome == outcome).unwrap();
        assert!(line.failed && line.reason.contains(bulletin), "{line:#?}");
        assert!(line.reason.contains("restore the files") && line.reason.contains("bulletin refresh"), "{line:#?}");
        assert!(line.reason.contains("--restage"), "{line:#?}");
    }
    assert_eq!(states(&world).await, [VersionState::Corrupt, VersionState::Staged, VersionState::Missing]);
    assert_eq!(world.location_of("B-1").await, old, "what is damaged stays where it is");
    assert!(!world.folder_at("B-1", new).await.exists() && !world.folder_at("B-3", new).await.exists());
    // The first way out: the files come back at the old place.
    fs::rename(&aside, &missing).unwrap();
    let ended = world.run(relocation(old, new)).await.failed();
    assert_eq!((ended.count("moved"), ended.count("damaged")), (1, 1), "{ended:#?}");
    world.assert_staged("B-3", &[&three]).await;
    assert_eq!(world.location_of("B-3").await, new);
    world.refresh(&["B-1"]).await.done();
    world.relocate(old, new).await.done();
    world.assert_staged("B-1", &[&one]).await;
    world.check().await;
}

#[tokio::test]
async fn what_is_missing_or_damaged_is_fetched_anew_in_the_same_job_when_asked_for() {
    let [one, two, three] = payloads();
    let (mut world, old, new) = World::with_two_places(&[&one, &two, &three]).await;
    fs::write(world.folder("B-1").await.join("one.exe"), b"rot").unwrap();
    fs::remove_dir_all(world.folder("B-3").await).unwrap();
    // With the vendor away nothing is worse than before.
    world.vendor.set_mood(Mood::Refusing);
    let ended = world.run(with(old, new, false, true, false)).await.failed();
    assert_eq!((ended.count("moved"), ended.count("unreachable")), (1, 2), "{ended:#?}");
    world.vendor.set_mood(Mood::Up);
    let ended = world.run(with(old, new, false, true, false)).await.done();
    assert_eq!(ended.count("restaged"), 2, "{ended:#?}");
    for (bulletin, payload) in [("B-1", &one), ("B-2", &two), ("B-3", &three)] {
        assert_eq!(world.location_of(bulletin).await, new, "{bulletin}");
        world.assert_staged(bulletin, &[payload]).await;
    }
    assert!(world.originals("B-1").await.is_empty(), "a version that was made there has no original");
    world.check().await;
}

#[tokio::test]
async fn l_07_when_the_old_place_is_gone_nothing_is_touched_and_that_is_said() {
    let [one, ..] = payloads();
    let (mut world, old, new) = World::with_two_places(&[&one]).await;
    let (packages, away) = (world.packages(), world.home.path().join("away"));
    fs::rename(&packages, &away).unwrap();
    let everywhere =
        JobRequest::Relocate { of: Selection::All, from: None, to: new, link: false, restage: true, dry_run: false };
    for empty in [false, true] {
        if empty {
            fs::create_dir(&packages).unwrap();
        }
        let ended = world.run(with(old, new, false, true, false)).await.failed();
        assert!(ended.report.summary.contains("Nothing was touched"), "{}", ended.report.summary);
        assert!(ended.report.summary.contains(packages.to_str().unwrap()), "{}", ended.report.summary);
        let ended = world.run(everywhere.clone()).await.failed();
        assert!(ended.item("location").reason.contains("Nothing was touched"), "{ended:#?}");
    }
    assert_eq!((world.location_of("B-1").await, world.update("B-1").await.state), (old, Some(VersionState::Staged)));
    assert!(fs::read_dir(&packages).unwrap().next().is_none(), "nothing was written there");
    let at_new: Vec<_> = fs::read_dir(world.place(new).await).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(at_new.len(), 3, "{at_new:?}");
    fs::remove_dir(&packages).unwrap();
    fs::rename(&away, &packages).unwrap();
    world.relocate(old, new).await.done();
    world.check().await;
}

#[tokio::test]
async fn l_14_a_move_by_links_is_the_same_data_and_never_a_second_copy() {
    let [one, two, ..] = payloads();
    let (mut world, old, new) = World::with_two_places(&[&one, &two]).await;
    let before = packages::totals(&world.app().db).await.unwrap();
    let inode = fs::metadata(world.folder("B-2").await.join("two.exe")).unwrap().ino();
    let ended = world.run(with(old, new, true, false, false)).await.done();
    assert_eq!((ended.count("linked"), ended.count("bytes-copied")), (2, 0), "{ended:#?}");
    assert!(ended.report.summary.contains("no second copy"), "{}", ended.report.summary);
    assert_eq!(world.originals("B-2").await, [(old, true)]);
    assert_eq!(fs::metadata(world.folder("B-2").await.join("two.exe")).unwrap().ino(), inode);
    assert_eq!(packages::totals(&world.app().db).await.unwrap(), before, "not counted twice");
    // Its proof stands: our own link is no reason to hash again.
    assert_eq!(world.stage(&["B-2"]).await.done().item("B-2").outcome, "already-staged");
    world.check().await;
    // Damage at one place is damage at both, and is not hidden by a proof at the other.
    fs::write(world.folder("B-2").await.join("two.exe"), b"rot").unwrap();
    let undone =
        world.run(JobRequest::UndoRelocation { of: Selection::All, from: new, to: old, dry_run: false }).await.failed();
    assert_eq!((undone.count("undone"), undone.count("original-damaged")), (1, 1), "{undone:#?}");
    assert_eq!(world.refresh(&["B-2"]).await.done().item("B-2").outcome, "mended");
    world.assert_staged("B-2", &[&two]).await;
    world.check().await;
}

#[tokio::test]
async fn a_neighbour_that_shares_a_linked_inode_keeps_its_proof() {
    let shared = Payload::random("shared.exe", 50_000);
    let (mut world, old, new) = World::with_two_places(&[&shared, &shared]).await;
    let first = world.update("B-1").await.package_id.unwrap();
    let of = Selection::Packages(vec![first]);
    let link = JobRequest::Relocate { of, from: Some(old), to: new, link: true, restage: false, dry_run: false };
    world.run(link).await.done();
    assert_eq!((world.location_of("B-1").await, world.location_of("B-2").await), (new, old));
    world.stop_server().await;
    world.run_server().await;
    for bulletin in ["B-1", "B-2"] {
        let update = world.update(bulletin).await;
        let key = (update.package_id.unwrap(), update.current_version.unwrap());
        let file = packages::files(&world.app().db, &[key]).await.unwrap().remove(0);
        let found = fs::metadata(world.folder(bulletin).await.join("shared.exe")).unwrap();
        let (stamp, _) = file.proof.unwrap();
        assert_eq!(stamp.ctime_ns, found.ctime() * 1_000_000_000 + found.ctime_nsec(), "{bulletin}");
    }
    world.check().await;
}

#[tokio::test]
async fn l_02_a_copy_that_has_its_name_and_not_its_row_is_proved_and_taken() {
    let [one, two, ..] = payloads();
    let (mut world, old, new) = World::with_two_places(&[&one, &two]).await;
    copy(&world.folder("B-1").await, &world.folder_at("B-1", new).await);
    copy(&world.folder("B-2").await, &world.folder_at("B-2", new).await);
    fs::write(world.folder_at("B-2", new).await.join("two.exe"), b"half").unwrap();
    // Unfinished, it is nobody's orphan while the move may still go on.
    let ended = world.run(relocation(old, new)).await.done();
    assert_eq!((ended.count("moved"), ended.count("bytes-copied")), (2, 900_000), "{ended:#?}");
    world.assert_staged("B-1", &[&one]).await;
    world.assert_staged("B-2", &[&two]).await;
    let quarantine = world.place(new).await.join(".quarantine");
    assert_eq!(fs::read_dir(quarantine).unwrap().count(), 1, "what did not prove is kept there");
    world.check().await;
}

#[tokio::test]
async fn a_copy_that_nobody_recorded_is_set_aside_once_no_move_is_on_its_way() {
    let [one, ..] = payloads();
    let (mut world, _, new) = World::with_two_places(&[&one]).await;
    let left = world.folder_at("B-1", new).await;
    copy(&world.folder("B-1").await, &left);
    let ended = world.run(JobRequest::Reconcile { dry_run: true }).await.done();
    assert_eq!(ended.item("version 1 at").outcome, "would-be-quarantined", "{ended:#?}");
    let ended = world.run(JobRequest::Reconcile { dry_run: false }).await.done();
    assert_eq!(ended.item("version 1 at").outcome, "quarantined", "{ended:#?}");
    assert!(!left.exists());
    world.assert_staged("B-1", &[&one]).await;
    // A deletion takes such a copy along: it must not come back as something that the database has lost.
    copy(&world.folder("B-1").await, &left);
    let packages = vec![world.update("B-1").await.package_id.unwrap()];
    world.run(JobRequest::Delete { packages, although_needed: false }).await.done();
    assert!(!left.exists());
    world.check().await;
    assert_eq!(world.update("B-1").await.package_id, None);
}

#[tokio::test]
async fn l_17_there_and_on_and_back_again_copies_only_what_is_not_there() {
    let [one, two, ..] = payloads();
    let (mut world, a, b) = World::with_two_places(&[&one, &two]).await;
    let c = world.location("third", false).await;
    world.relocate(a, b).await.done();
    world.relocate(b, c).await.done();
    let mut places = world.originals("B-1").await;
    places.sort();
    let mut expected = [(a, false), (b, false)];
    expected.sort();
    assert_eq!(places, expected);
    world.run(JobRequest::UndoRelocation { of: Selection::All, from: c, to: b, dry_run: false }).await.done();
    assert_eq!(world.location_of("B-1").await, b);
    // Back to the first place: the originals are taken, not copied.
    let ended = world.relocate(b, a).await.done();
    assert_eq!((ended.count("moved"), ended.count("bytes-copied")), (2, 0), "{ended:#?}");
    let mut places = world.originals("B-2").await;
    places.sort();
    let mut expected = [(b, false), (c, false)];
    expected.sort();
    assert_eq!(places, expected);
    world.assert_staged("B-1", &[&one]).await;
    world.check().await;
}

#[tokio::test]
async fn an_original_that_is_not_whole_makes_room_and_is_none_any_more() {
    let [one, ..] = payloads();
    let (mut world, old, new) = World::with_two_places(&[&one]).await;
    world.relocate(old, new).await.done();
    world.run(JobRequest::UndoRelocation { of: Selection::All, from: new, to: old, dry_run: false }).await.done();
    assert_eq!(world.originals("B-1").await, [(new, false)]);
    for place in [old, new] {
        fs::write(world.folder_at("B-1", place).await.join("one.exe"), b"rot").unwrap();
    }
    world.relocate(old, new).await.failed();
    assert_eq!(world.originals("B-1").await, [], "what lies there next may be the same data as what is served");
    world.refresh(&["B-1"]).await.done();
    world.relocate(old, new).await.done();
    world.assert_staged("B-1", &[&one]).await;
    world.check().await;
}

#[tokio::test]
async fn a_dry_run_looks_at_everything_and_changes_nothing() {
    let [one, two, three] = payloads();
    let (mut world, old, new) = World::with_two_places(&[&one, &two, &three]).await;
    let ended = world.run(with(old, new, false, false, true)).await.done();
    assert_eq!((ended.count("versions"), ended.count("bytes-to-copy")), (3, 1_000_000), "{ended:#?}");
    let summary = &ended.report.summary;
    assert!(summary.contains("dry run") && summary.contains("made just now"), "{summary}");
    assert!(ended.count("seconds") > 0, "{ended:#?}");
    for text in ["--link would use hard links", "are needed there", "read back"] {
        assert!(ended.report.items.iter().any(|item| item.reason.contains(text)), "{text}: {ended:#?}");
    }
    assert_eq!(world.location_of("B-1").await, old);
    assert!(!world.folder_at("B-1", new).await.exists());
    let undo =
        world.run(JobRequest::UndoRelocation { of: Selection::All, from: new, to: old, dry_run: true }).await.done();
    assert!(undo.report.summary.contains("0 package versions"), "{}", undo.report.summary);
    world.check().await;
}

/// A tmpfs of so many bytes; none where mounting is not allowed.
pub struct Small(std::path::PathBuf);

impl Small {
    pub fn mount(path: std::path::PathBuf, size: &str) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let options = format!("size={size},mode=0755");
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&path);
        mount.status().is_ok_and(|status| status.success()).then_some(Self(path))
    }

    fn resize(&self, size: &str) {
        self.remount(&format!("size={size}"));
    }

    pub fn remount(&self, option: &str) {
        let mut mount = std::process::Command::new("mount");
        mount.args(["-o", &format!("remount,{option}")]).arg(&self.0);
        assert!(mount.status().unwrap().success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn l_04_a_new_place_without_room_is_waited_for_and_the_missing_amount_is_said() {
    let [one, two, three] = payloads();
    let (world, old, _) = World::with_two_places(&[&one, &two, &three]).await;
    let disk = world.home.path().canonicalize().unwrap().join("disk");
    let Some(small) = Small::mount(disk, "1500k") else {
        return patchwharf_testkit::skipped("mounting a small file system needs root");
    };
    let new = world.location("disk/packages", false).await;
    let dry = world.run(with(old, new, false, false, true)).await.found();
    assert!(dry.report.items.iter().any(|item| item.failed && item.reason.contains("are missing")), "{dry:#?}");
    let link = world.run(with(old, new, true, false, false)).await.failed();
    assert!(link.report.summary.contains("Leave --link out"), "{}", link.report.summary);
    let job = world.order(relocation(old, new)).await;
    let waiting = patchwharf_testkit::eventually_async("the job waits", crate::world::DEADLINE, || async {
        let row = job_table::show(&world.app().db, job).await.unwrap();
        (row.state == JobState::Queued && row.attempt > 0).then_some(row.waiting_for)
    })
    .await;
    assert!(waiting.contains("waiting for space") && waiting.contains("are missing"), "{waiting}");
    assert_eq!(world.location_of("B-1").await, old, "the source is intact");
    small.resize("64m");
    world.later(Duration::from_secs(60));
    world.app().jobs.wake();
    world.ended(job).await.done();
    assert_eq!(world.location_of("B-2").await, new);
    world.assert_staged("B-2", &[&two]).await;
    let mut world = world;
    world.check().await;
    world.stop_server().await;
    drop(small);
}

#[tokio::test]
async fn l_11_a_file_system_that_takes_two_letters_for_one_is_refused_before_the_first_byte() {
    let [one, ..] = payloads();
    let (world, old, _) = World::with_two_places(&[&one]).await;
    let home = world.home.path().canonicalize().unwrap();
    let (image, disk) = (home.join("image"), home.join("disk"));
    fs::File::create(&image).unwrap().set_len(16 << 20).unwrap();
    fs::create_dir(&disk).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
        std::process::Command::new(program).args(arguments).env("PATH", path).output().is_ok_and(|o| o.status.success())
    };
    let (image, at) = (image.to_str().unwrap(), disk.to_str().unwrap());
    if !run("mkfs.vfat", &[image]) || !run("mount", &["-o", "loop,umask=022", image, at]) {
        return patchwharf_testkit::skipped("a vfat image cannot be made or mounted here");
    }
    let _unmount = Small(disk.clone());
    let path = camino::Utf8PathBuf::from_path_buf(disk.join("packages")).unwrap();
    let made = patchwharf_store::Location::create(&path, world.app().deployment, world.clock.now());
    if let Ok(location) = made {
        let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
        locations::create(&mut w, location.id(), &path).await.unwrap();
        w.commit().await.unwrap();
        world.app().locations.reload(&world.app().db).await.unwrap();
        let ended = world.run(relocation(old, location.id())).await.failed();
        assert!(ended.report.summary.contains("takes a and A for one name"), "{}", ended.report.summary);
    }
    assert_eq!(world.location_of("B-1").await, old);
}

#[tokio::test]
async fn a_version_that_a_policy_is_pinned_to_moves_along_and_retired_ones_end_where_they_are() {
    let [one, two, three] = payloads();
    let (mut world, old, new) = World::with_two_places(&[&one, &two]).await;
    let update = world.update("B-1").await.update_id;
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    policies::create(&mut w, "servers", true, OnRevision::Ask, &[update]).await.unwrap();
    w.commit().await.unwrap();
    // Both bulletins are revised: the policy stays on the first version of B-1, nobody needs the first one of B-2.
    let revised = world.publish(&three);
    world.catalogue(&[("B-1", vec![revised.clone()]), ("B-2", vec![revised])]).await;
    world.stage(&["B-1", "B-2"]).await.done();
    let ended = world.relocate(old, new).await.done();
    assert_eq!(ended.count("moved"), 3, "{ended:#?}");
    let versions = |bulletin| {
        let world = &world;
        async move {
            let id = world.update(bulletin).await.package_id.unwrap();
            let found = packages::versions(&world.app().db, &[id]).await.unwrap();
            found.into_iter().map(|v| (v.version, v.state, v.location_id == new)).collect::<Vec<_>>()
        }
    };
    assert_eq!(versions("B-1").await, [(1, VersionState::Retired, true), (2, VersionState::Staged, true)]);
    assert_eq!(versions("B-2").await, [(1, VersionState::Retired, false), (2, VersionState::Staged, true)]);
    world.later(Duration::from_secs(48 * 3600));
    world.run(JobRequest::Reconcile { dry_run: false }).await.done();
    assert_eq!(versions("B-1").await.len(), 2, "what a policy points at stays");
    assert_eq!(versions("B-2").await, [(2, VersionState::Staged, true)]);
    world.check().await;
}

#[tokio::test]
async fn the_same_content_is_stored_once_at_the_new_place() {
    let shared = Payload::random("shared.exe", 80_000);
    let own = Payload::random("own.exe", 10_000);
    let (mut world, old, new) = World::with_two_places(&[&shared, &own, &shared]).await;
    let first = world.update("B-1").await.package_id.unwrap();
    let of = Selection::Packages(vec![first]);
    world
        .run(JobRequest::Relocate { of, from: Some(old), to: new, link: false, restage: false, dry_run: false })
        .await
        .done();
    let ended = world.relocate(old, new).await.done();
    assert_eq!((ended.count("moved"), ended.count("bytes-copied")), (2, 10_000), "{ended:#?}");
    let inode = |folder: std::path::PathBuf| fs::metadata(folder.join("shared.exe")).unwrap().ino();
    assert_eq!(inode(world.folder("B-1").await), inode(world.folder("B-3").await));
    world.check().await;
}

#[tokio::test]
async fn l_09_folders_of_another_server_are_not_taken_and_not_touched() {
    let [one, ..] = payloads();
    let (mut world, old, new) = World::with_two_places(&[&one]).await;
    let theirs = patchwharf_model::PackageId::new().to_string();
    let (source, target) = (world.packages().join(&theirs).join("1"), world.place(new).await.join("readme.txt"));
    fs::create_dir_all(&source).unwrap();
    fs::write(source.join("setup.exe"), b"theirs").unwrap();
    fs::write(&target, b"theirs too").unwrap();
    let ended = world.relocate(old, new).await.done();
    assert_eq!(ended.count("moved"), 1, "{ended:#?}");
    assert!(!world.place(new).await.join(&theirs).exists());
    assert_eq!(fs::read(source.join("setup.exe")).unwrap(), b"theirs");
    assert_eq!(fs::read(&target).unwrap(), b"theirs too");
    fs::remove_dir_all(source.parent().unwrap()).unwrap();
    world.check().await;
}

#[tokio::test]
async fn a_deleted_package_takes_its_originals_along_and_a_preview_says_so() {
    let [one, two, ..] = payloads();
    let (mut world, old, new) = World::with_two_places(&[&one, &two]).await;
    world.relocate(old, new).await.done();
    let original = world.folder_at("B-2", old).await;
    let package = world.update("B-2").await.package_id.unwrap();
    let preview = packages::freed(&world.app().db, &[package]).await.unwrap();
    assert_eq!((preview.originals, preview.original_bytes), (1, 900_000));
    world.run(JobRequest::Delete { packages: vec![package], although_needed: false }).await.done();
    assert!(!original.exists() && !original.parent().unwrap().exists());
    world.check().await;
    // An original at a place that is away keeps the row: nothing is forgotten that still lies somewhere.
    fs::rename(world.packages(), world.home.path().join("away")).unwrap();
    world.app().locations.reload(&world.app().db).await.unwrap();
    let package = world.update("B-1").await.package_id.unwrap();
    let ended = world.run(JobRequest::Delete { packages: vec![package], although_needed: false }).await.failed();
    assert!(ended.report.items.iter().any(|item| item.reason.contains("not open")), "{ended:#?}");
    fs::rename(world.home.path().join("away"), world.packages()).unwrap();
    world.app().locations.reload(&world.app().db).await.unwrap();
    world.run(JobRequest::Reconcile { dry_run: false }).await;
    assert!(packages::versions(&world.app().db, &[package]).await.unwrap().is_empty());
    world.check().await;
}

#[tokio::test]
async fn reconcile_leaves_originals_alone_and_forgets_what_was_removed_by_hand() {
    let [one, two, ..] = payloads();
    let (mut world, old, new) = World::with_two_places(&[&one, &two]).await;
    world.relocate(old, new).await.done();
    let clean = world.run(JobRequest::Reconcile { dry_run: false }).await.done();
    assert!(clean.report.items.is_empty(), "{clean:#?}");
    let original = world.folder_at("B-1", old).await;
    fs::remove_dir_all(original.parent().unwrap()).unwrap();
    let ended = world.run(JobRequest::Reconcile { dry_run: false }).await.done();
    assert_eq!(ended.item("original of package").outcome, "forgotten", "{ended:#?}");
    assert!(world.originals("B-1").await.is_empty() && world.originals("B-2").await.len() == 1);
    world.check().await;
}
