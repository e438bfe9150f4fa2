//! What lies where it should not, and rows that nobody brings to an end.

use std::{fs, path::PathBuf};

use camino::Utf8PathBuf;
use patchwharf_db::{
    locations, packages,
    packages::{NewFile, NewVersion},
};
use patchwharf_model::{
    JobId, LocationId, PackageId,
    finding::{DoneBy, FindingKind as Kind, Outcome},
    job::JobRequest,
    package::VersionState,
};
use patchwharf_store::{Location, SignedManifest};
use patchwharf_trust::ManifestKey;

use super::{check, copy_tree, full, many, repair, rot};
use crate::world::World;

/// A second package location, open after a restart.
pub async fn second(world: &mut World) -> (LocationId, PathBuf) {
    let path = Utf8PathBuf::from_path_buf(world.home.path().canonicalize().unwrap().join("second")).unwrap();
    let id = Location::create(&path, world.app().deployment, world.clock.now()).unwrap().id();
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    locations::create(&mut w, id, &path).await.unwrap();
    w.commit().await.unwrap();
    (id, path.into())
}

/// A copy of the folder of each package at a second location: its id, and the copies.
pub async fn doubled(world: &mut World, names: &[String]) -> (LocationId, Vec<PathBuf>) {
    let (id, path) = second(world).await;
    world.stop_server().await;
    world.run_server().await;
    let mut copies = Vec::new();
    for name in names {
        let folder = world.folder(name).await;
        let copy = path.join(folder.strip_prefix(world.packages()).unwrap());
        copy_tree(&folder, &copy);
        copies.push(copy);
    }
    (id, copies)
}

#[tokio::test]
async fn folders_without_rows_are_told_apart_and_only_orphans_are_set_aside() {
    let world = World::start().await;
    let names = many(&world, 3).await;
    // Another server's folder: its own key, its own GUID.
    let update = world.update(&names[0]).await;
    let location = world.app().locations.default_location().unwrap();
    let key = world.app().signing_key.public();
    let mut manifest = location.manifest(update.package_id.unwrap(), 1, &key).unwrap();
    manifest.package = PackageId::new();
    let foreign = world.packages().join(manifest.package.to_string()).join("1");
    copy_tree(&world.folder(&names[0]).await, &foreign);
    let other = ManifestKey::open_or_make(&world.home.path().join("other.key")).unwrap();
    fs::write(foreign.join("package.json"), SignedManifest::new(&manifest, &other).unwrap().to_bytes().unwrap())
        .unwrap();
    // Nobody's: no manifest.
    let orphan = world.packages().join(PackageId::new().to_string()).join("3");
    fs::create_dir_all(&orphan).unwrap();
    fs::write(orphan.join("setup.exe"), "whose?").unwrap();
    // Empty, and not ours at all.
    let empty = world.packages().join(PackageId::new().to_string());
    fs::create_dir(&empty).unwrap();
    fs::write(world.packages().join("holiday.jpg"), "mine").unwrap();

    let checked = check(&world, full()).await.troubled();
    assert_eq!(checked.one(Kind::FolderForeign).by, DoneBy::Nobody);
    assert!(checked.one(Kind::FolderForeign).command.starts_with("mv -n "));
    assert_eq!(checked.one(Kind::FolderOrphan).by, DoneBy::Clock);
    checked.one(Kind::FolderEmpty);
    checked.one(Kind::FileForeign);
    assert_eq!(checked.kinds().len(), 4, "{checked:#?}");
    assert!(foreign.exists() && orphan.exists() && empty.exists());

    let mended = check(&world, repair()).await.troubled();
    assert_eq!(mended.outcome(Kind::FolderOrphan), Outcome::SetAside);
    assert!(mended.one(Kind::FolderOrphan).became.contains(".quarantine"), "{mended:#?}");
    assert_eq!(mended.outcome(Kind::FolderEmpty), Outcome::Cleared);
    assert_eq!(mended.outcome(Kind::FolderForeign), Outcome::Open);
    assert_eq!(mended.outcome(Kind::FileForeign), Outcome::Open);
    assert!(!orphan.parent().unwrap().exists() && !empty.exists(), "no empty folder is left for the next check");
    assert!(foreign.join(&names[0]).exists() && world.packages().join("holiday.jpg").exists(), "never touched");
    world.run(JobRequest::Reconcile { dry_run: false }).await;
    assert!(foreign.join(&names[0]).exists(), "nor by the clock");
    let kept = check(&world, full()).await;
    assert_eq!(kept.one(Kind::Quarantined).outcome, Outcome::Open);
    assert_eq!(kept.kinds().len(), 2, "what is kept in quarantine is a note");
}

#[tokio::test]
async fn a_folder_that_a_restored_older_database_has_lost_is_taken_back() {
    let mut world = World::start().await;
    let names = many(&world, 2).await;
    world.stop_server().await;
    let (database, backup) = (world.data().join("patchwharf.db"), world.home.path().join("backup.db"));
    fs::copy(&database, &backup).unwrap();
    world.run_server().await;
    revise(&world, &names).await;
    let folder = world.folder(&names[0]).await;
    world.stop_server().await;
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{database}{suffix}"));
    }
    fs::copy(&backup, &database).unwrap();
    // Start-up takes it back by itself: hidden from it, it is found by the check.
    let aside = world.home.path().join("aside");
    fs::rename(&folder, &aside).unwrap();
    world.run_server().await;
    fs::rename(&aside, &folder).unwrap();
    let found = check(&world, full()).await.troubled();
    assert_eq!(found.one(Kind::RowLost).by, DoneBy::Clock);
    let mended = check(&world, repair()).await;
    assert_eq!(mended.outcome(Kind::RowLost), Outcome::Adopted);
    assert_eq!(world.update(&names[0]).await.current_version, Some(2));
    // The restored catalogue does not name what was staged after it.
    assert_eq!(check(&world, full()).await.kinds(), [Kind::PackageUnproved]);
}

/// The vendor revises the first bulletin: it gets a second version, and the first one is retired.
pub async fn revise(world: &World, names: &[String]) {
    let revised = patchwharf_testkit::Payload::random("revised.exe", 3_000);
    let mut all = vec![(names[0].as_str(), vec![world.publish(&revised)])];
    for name in &names[1..] {
        all.push((name, vec![world.describe(&patchwharf_testkit::Payload::random(name.clone(), 2_000))]));
    }
    world.catalogue(&all).await;
    world.stage(&[&names[0]]).await.done();
}

#[tokio::test]
async fn leftovers_in_staging_are_found_and_cleared_and_what_is_not_ours_stays() {
    let world = World::start().await;
    many(&world, 1).await;
    let staging = world.packages().join(".staging");
    fs::create_dir_all(staging.join("0".repeat(64))).unwrap();
    fs::write(staging.join("0".repeat(64)).join("data"), "half of something").unwrap();
    fs::create_dir_all(staging.join("build-left/0/1")).unwrap();
    fs::write(staging.join("notes.txt"), "mine").unwrap();
    let checked = check(&world, full()).await.troubled();
    assert_eq!(checked.findings.iter().filter(|f| f.kind == Kind::StagingLeftover).count(), 2, "{checked:#?}");
    checked.one(Kind::FileForeign);
    let mended = check(&world, repair()).await.troubled();
    assert!(
        mended.findings.iter().filter(|f| f.kind == Kind::StagingLeftover).all(|f| f.outcome == Outcome::Cleared),
        "{mended:#?}"
    );
    let left: Vec<_> = fs::read_dir(&staging).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["notes.txt"]);
}

/// A version that was begun for a bulletin, by a job that nobody knows any more.
async fn begun(world: &World, bulletin: &str, location: LocationId) -> PackageId {
    let update = world.update(bulletin).await;
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    let package = packages::ensure(&mut w, &[update.update_id]).await.unwrap()[0].package_id;
    let files = update.files.iter().map(|file| NewFile {
        name: file.name.clone(),
        size_bytes: file.size_bytes,
        sha256: None,
        vendor_digest: file.digest,
        url: file.url.clone(),
    });
    let new = NewVersion {
        package_id: package,
        location_id: location,
        state: VersionState::Staging,
        weak: false,
        size_bytes: update.size_bytes,
        files_digest: update.files_digest,
        files: files.collect(),
    };
    packages::new_versions(&mut w, JobId::new(), &[new]).await.unwrap();
    w.commit().await.unwrap();
    package
}

#[tokio::test]
async fn rows_that_nobody_brings_to_an_end_are_found_and_set_right() {
    let mut world = World::start().await;
    let names = many(&world, 2).await;
    // A retired version whose folder was removed by hand.
    let old = world.folder(&names[0]).await;
    revise(&world, &names).await;
    fs::remove_dir_all(&old).unwrap();
    let here = world.app().locations.default_location().unwrap().id();
    let package = begun(&world, &names[1], here).await;
    let checked = check(&world, full()).await.troubled();
    assert_eq!(checked.findings.iter().filter(|f| f.kind == Kind::RowAbandoned).count(), 2, "{checked:#?}");
    let mended = check(&world, repair()).await.clean();
    assert!(mended.findings.iter().all(|f| f.outcome == Outcome::Cleared), "{mended:#?}");
    let versions = packages::versions(&world.app().db, &[package]).await.unwrap();
    assert_eq!(versions.last().unwrap().state, VersionState::Wanted);
    world.check().await;
}

#[tokio::test]
async fn a_deletion_that_is_stuck_says_why() {
    let world = World::start().await;
    let names = many(&world, 2).await;
    let package = world.update(&names[0]).await.package_id.unwrap();
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    let job = JobId::new();
    packages::lock(&mut w, &[package], job, world.clock.now()).await.unwrap();
    let token = packages::versions(&world.app().db, &[package]).await.unwrap()[0].token + 1;
    assert!(packages::mark_packages_deleting(&mut w, job, &[(package, token)], |_| None).await.unwrap().is_empty());
    packages::unlock(&mut w, job, None).await.unwrap();
    w.commit().await.unwrap();
    let version = packages::versions(&world.app().db, &[package]).await.unwrap().remove(0);
    let held = packages::Held { package_id: package, version: 1, token: version.token };
    let change = packages::StateChange {
        held,
        state: VersionState::Deleting,
        reason: "cannot remove it: Operation not permitted".into(),
        next_try_at: None,
    };
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    assert!(packages::set_states(&mut w, None, &[change]).await.unwrap().is_empty());
    w.commit().await.unwrap();
    let checked = check(&world, full()).await.troubled();
    let finding = checked.one(Kind::DeletionUnfinished);
    assert_eq!((finding.found.as_str(), finding.by), ("cannot remove it: Operation not permitted", DoneBy::Clock));
}

#[tokio::test]
async fn a_version_at_two_places_keeps_the_one_that_the_database_has() {
    let mut world = World::start().await;
    let names = many(&world, 2).await;
    let (id, copies) = doubled(&mut world, &names).await;
    let checked = check(&world, full()).await.troubled();
    assert_eq!(checked.findings.iter().filter(|f| f.kind == Kind::FolderTwice && f.location == Some(id)).count(), 2);
    // The first one's own file is damaged and the vendor is away: its copy may be all that there is.
    rot(&world.folder(&names[0]).await.join(&names[0]));
    world.vendor.go_down();
    let mended = check(&world, repair()).await.troubled();
    let outcome = |name: &str| {
        mended.findings.iter().find(|f| f.kind == Kind::FolderTwice && f.bulletin_name == name).unwrap().outcome
    };
    assert_eq!((outcome(&names[0]), outcome(&names[1])), (Outcome::Stays, Outcome::SetAside), "{mended:#?}");
    assert!(copies[0].exists() && !copies[1].exists());

    // Another job is at the package: perhaps it is about to serve this copy.
    copy_tree(&world.folder(&names[1]).await, &copies[1]);
    let package = copies[1].parent().unwrap().file_name().unwrap().to_str().unwrap().parse().unwrap();
    let (now, other) = (world.clock.now(), patchwharf_model::JobId::new());
    let mut w = world.app().db.write("test", "test", now).await.unwrap();
    packages::lock(&mut w, &[package], other, now + std::time::Duration::from_secs(3_600)).await.unwrap();
    w.commit().await.unwrap();
    let _ = check(&world, repair()).await;
    assert!(copies[1].exists());
    let mut w = world.app().db.write("test", "test", now).await.unwrap();
    packages::unlock(&mut w, other, Some(&[package])).await.unwrap();
    w.commit().await.unwrap();
    let _ = check(&world, repair()).await;
    assert!(!copies[1].exists());
}

#[tokio::test]
async fn a_location_that_is_not_open_is_named_and_nothing_of_it_is_called_missing() {
    let mut world = World::start().await;
    let names = many(&world, 1).await;
    let payload = patchwharf_testkit::Payload::random("later.exe", 2_000);
    let known = world.describe(&patchwharf_testkit::Payload::random(names[0].clone(), 2_000));
    world.catalogue(&[(&names[0], vec![known]), ("B-LATER", vec![world.publish(&payload)])]).await;
    // Known to the database, opened by nobody.
    let (id, path) = second(&mut world).await;
    fs::rename(&path, world.home.path().join("unplugged")).unwrap();
    let package = begun(&world, "B-LATER", id).await;
    let checked = check(&world, repair()).await.troubled();
    let finding = checked.one(Kind::LocationClosed);
    assert_eq!((finding.location, finding.path.as_str()), (Some(id), path.to_str().unwrap()));
    assert!(
        finding.expected.contains("1 package version") && finding.remedy.contains("bring its disk"),
        "{finding:#?}"
    );
    assert_eq!(packages::versions(&world.app().db, &[package]).await.unwrap()[0].state, VersionState::Staging);
    assert_eq!(checked.kinds(), [Kind::LocationClosed], "{checked:#?}");
}

#[tokio::test]
async fn packages_that_nothing_uses_are_notes_and_make_no_check_fail() {
    let world = World::start().await;
    let names = many(&world, 2).await;
    let id = world.bulletin(&names[0]).await;
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    patchwharf_db::bulletins::set_enabled(&mut w, &[id], false).await.unwrap();
    w.commit().await.unwrap();
    let checked = check(&world, full()).await.clean();
    let finding = checked.one(Kind::PackageUnused);
    assert_eq!(finding.bulletin_name, names[0]);
    assert!(finding.found.contains("disabled") && finding.found.contains("2.0 KiB"), "{finding:#?}");
    assert_eq!(checked.findings.len(), 1);
}

#[tokio::test]
async fn names_that_are_no_text_are_shown_escaped_and_hide_nothing() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

    let mut world = World::start().await;
    let names = many(&world, 2).await;
    let odd = OsStr::from_bytes(b"caf\xe9.dll");
    let folder = world.folder(&names[0]).await;
    fs::write(folder.join(odd), "planted").unwrap();
    fs::write(folder.join("version.dll"), "planted").unwrap();
    fs::write(world.packages().join(odd), "mine").unwrap();
    rot(&world.folder(&names[1]).await.join(&names[1]));
    let checked = check(&world, full()).await.troubled();
    let mut kinds = checked.kinds();
    kinds.sort();
    assert_eq!(kinds, [Kind::FileChanged, Kind::FileExtra, Kind::FileExtra, Kind::FileForeign], "{checked:#?}");
    assert!(checked.one(Kind::FileForeign).path.ends_with(r"/caf\xe9.dll"), "{checked:#?}");
    let mended = check(&world, repair()).await.troubled();
    let extra = mended.findings.iter().filter(|f| f.kind == Kind::FileExtra);
    assert!(extra.clone().count() == 2 && extra.clone().all(|f| f.outcome == Outcome::SetAside), "{mended:#?}");
    assert!(!folder.join(odd).exists() && world.packages().join(odd).exists(), "what is not ours is never touched");
    assert_eq!(check(&world, full()).await.troubled().kinds(), [Kind::FileForeign]);
    fs::remove_file(world.packages().join(odd)).unwrap();
    world.check().await;
}

#[tokio::test]
async fn strangers_in_quarantine_are_named() {
    let world = World::start().await;
    many(&world, 1).await;
    let quarantine = world.packages().join(".quarantine");
    fs::create_dir_all(quarantine.join("old stuff")).unwrap();
    fs::write(quarantine.join("20261122T104519.123456Z"), "a file in the place of a folder").unwrap();
    let checked = check(&world, full()).await.troubled();
    assert_eq!(checked.kinds(), [Kind::FileForeign; 2], "{checked:#?}");
    assert!(quarantine.join("old stuff").exists());
}
