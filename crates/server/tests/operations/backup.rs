//! Backup of a server at work, and restore on a new host.

mod again;
mod kept;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_db::{
    packages,
    policies::{self, OnRevision},
};
use patchwharf_model::{job::JobRequest, package::VersionState};
use patchwharf_testkit::Payload;

use crate::world::{Ended, World, fsck, relocation};

const PASSPHRASE: &str = "correct horse battery staple";

fn folder(world: &World) -> Utf8PathBuf {
    Utf8PathBuf::from_path_buf(world.home.path().canonicalize().unwrap()).unwrap().join("backups")
}

fn passphrase_file(world: &World) -> Utf8PathBuf {
    let path = folder(world).with_file_name("passphrase");
    fs::write(&path, PASSPHRASE).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn request(world: &World, sealed: bool, keep: Option<u32>) -> JobRequest {
    JobRequest::Backup {
        folder: folder(world).into_string(),
        passphrase_file: sealed.then(|| passphrase_file(world).into_string()),
        keep,
        quick: false,
    }
}

async fn back_up(world: &World, sealed: bool) -> Ended {
    world.run(request(world, sealed, None)).await
}

/// How a command ended: exit code and everything that it said.
struct Run {
    code: Option<i32>,
    said: String,
}

fn patchwharf(data: &Utf8Path, arguments: &[&str]) -> Run {
    patchwharf_in(data, arguments, &[])
}

/// The same, in an environment.
fn patchwharf_in(data: &Utf8Path, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_patchwharf"))
        .args(["--data", data.as_str()])
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Run { code: output.status.code(), said }
}

/// Restores into a new data folder, with these further arguments.
fn restore(world: &World, name: &str, more: &[&str]) -> (Utf8PathBuf, Run) {
    let data = folder(world).with_file_name(name);
    let from = folder(world);
    let arguments: Vec<&str> = ["restore", from.as_str()].into_iter().chain(more.iter().copied()).collect();
    let run = patchwharf(&data, &arguments);
    (data, run)
}

/// Names and bytes below a folder of packages, manifests included, without what is on its way.
fn tree(root: &Path) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
    let mut found = std::collections::BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if entry.file_type().unwrap().is_dir() {
                if !name.starts_with('.') {
                    open.push(entry.path());
                }
            } else if name != "location.json" {
                found.insert(entry.path().strip_prefix(root).unwrap().to_owned(), fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

fn points(world: &World) -> Vec<PathBuf> {
    let mut found: Vec<_> =
        fs::read_dir(folder(world).join("points")).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// Three bulletins, two of them with the same file, staged; and a policy over them.
async fn stocked() -> (World, Vec<Payload>) {
    let world = World::start().await;
    let files: Vec<_> = (0..3).map(|n| Payload::random(format!("f{n}.exe"), 100_000 + n)).collect();
    let described: Vec<_> = files.iter().map(|file| world.publish(file)).collect();
    world
        .catalogue(&[
            ("B-1", vec![described[0].clone()]),
            ("B-2", vec![described[0].clone(), described[1].clone()]),
            ("B-3", vec![described[2].clone()]),
        ])
        .await;
    world.stage(&["B-1", "B-2", "B-3"]).await.done();
    let updates = [world.update("B-1").await.update_id, world.update("B-3").await.update_id];
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    policies::create(&mut w, "workstations", true, OnRevision::Automatic, &updates).await.unwrap();
    w.commit().await.unwrap();
    (world, files)
}

#[tokio::test]
async fn x_07_a_backup_is_restored_on_a_new_host_byte_for_byte() {
    let (mut world, files) = stocked().await;
    let done = back_up(&world, true).await.done();
    assert_eq!(done.report.counts["files-copied"], 3, "the same content once: {done:#?}");
    assert_eq!(done.report.counts["versions"], 3);
    let before = tree(&world.packages());
    let key = world.app().signing_key.public();
    let token = world.app().admin_token.reveal();
    world.stop_server().await;

    let passphrase = passphrase_file(&world);
    let elsewhere = folder(&world).with_file_name("new-packages");
    let more = ["--passphrase-file", passphrase.as_str(), "--package-location", elsewhere.as_str()];
    let (data, run) = restore(&world, "new-data", &more);
    assert_eq!(run.code, Some(0), "{}", run.said);
    assert!(run.said.contains("restored 3 package versions in ") && run.said.contains("from a backup that was"));
    assert_eq!(tree(elsewhere.as_std_path()), before, "the same ids, versions, files and manifests");
    assert_eq!(fsck(&data), "", "clean before its first start");

    let old = world.data();
    fs::rename(&old, old.with_file_name("old-host")).unwrap();
    fs::rename(&data, &old).unwrap();
    world.run_server().await;
    assert_eq!((world.app().signing_key.public(), world.app().admin_token.reveal()), (key, token));
    for bulletin in ["B-1", "B-2", "B-3"] {
        assert_eq!(world.update(bulletin).await.state, Some(VersionState::Staged));
    }
    let policy = policies::list(&world.app().db).await.unwrap().remove(0);
    assert_eq!((policy.name.as_str(), policy.updates), ("workstations", 2));
    let locations = patchwharf_db::locations::list(&world.app().db).await.unwrap();
    assert_eq!(locations.iter().map(|l| l.path.as_path()).collect::<Vec<_>>(), [elsewhere.as_path()]);
    // What is staged next has a number that the old host never gave out.
    let revised = Payload::random("f2.exe", 120_000);
    world.catalogue(&[("B-3", vec![world.publish(&revised)])]).await;
    world.stage(&["B-3"]).await.done();
    assert!(world.update("B-3").await.current_version.unwrap() > 1_000);
    assert_eq!(world.app().jobs.running_count(), 0);
    drop(files);
    world.stop_server().await;
    assert_eq!(fsck(&old), "");
}

#[tokio::test]
async fn a_second_backup_copies_only_what_is_new_and_old_ones_go_with_what_only_they_need() {
    let (world, _files) = stocked().await;
    back_up(&world, false).await.done();
    let again = back_up(&world, false).await.done();
    assert_eq!((again.report.counts["files-copied"], again.report.counts["files-already-there"]), (0, 3));
    let package = world.update("B-3").await.package_id.unwrap();
    world.run(JobRequest::Delete { packages: vec![package], although_needed: true }).await.done();
    let more = Payload::random("more.exe", 50_000);
    world.catalogue(&[("B-4", vec![world.publish(&more)])]).await;
    world.stage(&["B-4"]).await.done();
    let third = world.run(request(&world, false, Some(1))).await.done();
    assert_eq!(third.report.counts["files-copied"], 1);
    assert_eq!(points(&world).len(), 1, "two old ones went");
    assert!(third.report.summary.contains("2 old backups and 1 file of them removed"), "{}", third.report.summary);
    let contents = tree(folder(&world).join("files").as_std_path());
    assert_eq!(contents.len(), 3, "what only the old ones needed went: {:?}", contents.keys());
    let (_, run) = restore(&world, "drill", &["--dry-run"]);
    assert_eq!(run.code, Some(0), "{}", run.said);
    assert!(!folder(&world).with_file_name("drill").exists(), "a drill writes nothing");
    let (_, run) = restore(&world, "data", &["--dry-run"]);
    assert_eq!(run.code, Some(0), "the drill on the server that made it: {}", run.said);
    assert!(run.said.contains("verified: ") && run.said.contains("here it could not be restored"), "{}", run.said);
}

#[tokio::test]
async fn i_12_with_a_passphrase_neither_keys_nor_database_can_be_read_and_without_one_nobody_else_can() {
    let (world, _files) = stocked().await;
    back_up(&world, true).await.done();
    back_up(&world, false).await.done();
    let secrets = [
        fs::read(world.data().join("manifest.key")).unwrap(),
        world.app().admin_token.reveal().into_bytes(),
        b"SQLite format 3".to_vec(),
        b"workstations".to_vec(),
    ];
    let has = |path: &Path, needle: &[u8]| {
        let needle = String::from_utf8_lossy(needle).trim().as_bytes().to_vec();
        fs::read(path).unwrap().windows(needle.len()).any(|window| window == needle)
    };
    let (sealed, plain) = (points(&world).remove(0), points(&world).remove(1));
    for part in fs::read_dir(&sealed).unwrap().map(|entry| entry.unwrap().path()) {
        for secret in &secrets {
            assert!(!has(&part, secret), "{} holds {:?}", part.display(), String::from_utf8_lossy(secret));
        }
    }
    assert!(has(&plain.join("database.sqlite"), b"workstations"));
    for path in [folder(&world).into_std_path_buf(), sealed.clone(), plain.clone()] {
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700, "{}", path.display());
        for part in fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
            assert_eq!(fs::metadata(&part).unwrap().mode() & 0o077, 0, "{}", part.display());
        }
    }
    assert!(fs::read_dir(world.data().join("backups")).unwrap().next().is_none(), "the open copy is gone");
}

#[tokio::test]
async fn a_damaged_package_is_left_out_and_named_and_the_rest_is_backed_up() {
    let (world, files) = stocked().await;
    let bad = world.folder("B-3").await.join("f2.exe");
    fs::write(&bad, files[2].damaged().bytes).unwrap();
    let ended = back_up(&world, false).await.failed();
    let item = ended.item(&world.update("B-3").await.package_id.unwrap().to_string());
    assert_eq!(item.outcome, "left-out");
    assert!(item.reason.contains("expected 100002 bytes with SHA-256"), "{}", item.reason);
    let (data, run) = restore(&world, "new-data", &[]);
    assert_eq!(run.code, Some(1), "something is missing: {}", run.said);
    assert!(run.said.contains("1 package version missing now"), "{}", run.said);
    assert_eq!(fsck(&data), "", "missing is said, and nothing else is wrong");
}

#[tokio::test]
async fn damage_in_a_backup_is_found_before_anything_is_written_and_mended_by_the_next_backup() {
    let (world, files) = stocked().await;
    back_up(&world, false).await.done();
    let digest = files[1].sha256().to_string();
    let content = folder(&world).join(format!("files/{}/{digest}", &digest[..2]));
    fs::write(&content, files[1].damaged().bytes).unwrap();
    let (data, run) = restore(&world, "new-data", &[]);
    assert_eq!(run.code, Some(2));
    assert!(run.said.contains(&digest) && run.said.contains("--skip-damaged"), "{}", run.said);
    assert!(!data.exists(), "nothing was written");
    let (data, run) = restore(&world, "without-it", &["--skip-damaged"]);
    assert_eq!(run.code, Some(1), "{}", run.said);
    assert_eq!(fsck(&data), "");

    let mended = back_up(&world, false).await.done();
    assert_eq!(mended.item(&digest).outcome, "mended");
    let (data, run) = restore(&world, "whole", &[]);
    assert_eq!(run.code, Some(0), "{}", run.said);
    assert_eq!(fsck(&data), "");
}

#[tokio::test]
async fn a_restore_refuses_what_it_must_not_write_over_and_what_it_cannot_believe() {
    let (world, _files) = stocked().await;
    back_up(&world, true).await.done();
    let passphrase = passphrase_file(&world);
    let sealed = ["--passphrase-file", passphrase.as_str()];
    let refused = |name: &str, more: &[&str], words: &[&str]| {
        let (_, run) = restore(&world, name, more);
        assert_eq!(run.code, Some(2), "{}", run.said);
        for word in words {
            assert!(run.said.contains(word), "{word}: {}", run.said);
        }
    };
    // The data folder of the server itself, and a package location that is in use.
    refused("data", &sealed, &["is not empty", "--data", "mv "]);
    let packages = world.data().join("packages");
    let occupied = [&sealed[..], &["--package-location", packages.as_str()]].concat();
    refused("new", &occupied, &["is not empty", "--package-location", "store rebuild"]);
    refused("new", &[], &["--passphrase-file"]);
    let lost = patchwharf(&folder(&world), &["restore", "/nowhere/backups"]);
    assert!(lost.code == Some(2) && lost.said.contains("chown -R patchwharf: /nowhere/backups"), "{}", lost.said);
    let wrong = folder(&world).with_file_name("wrong");
    fs::write(&wrong, "another passphrase altogether").unwrap();
    fs::set_permissions(&wrong, fs::Permissions::from_mode(0o600)).unwrap();
    refused("new", &["--passphrase-file", wrong.as_str()], &["the passphrase is another one"]);
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o644)).unwrap();
    refused("new", &sealed, &["could have been read by others"]);
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
    let other = "ab".repeat(32);
    refused("new", &[&sealed[..], &["--key", other.as_str()]].concat(), &["signed by the key", "forged"]);
    let url = "postgres://127.0.0.1:1/none";
    refused("new", &[&sealed[..], &["--database", url]].concat(), &["cannot be put into PostgreSQL"]);
    let sealed_point = points(&world).remove(0);
    // Somebody who can write there leaves a backup of their own making.
    back_up(&world, false).await.done();
    let plain = points(&world).into_iter().find(|point| *point != sealed_point).unwrap();
    refused("new", &sealed, &["is not sealed", "--at", "--key"]);
    fs::remove_dir_all(plain).unwrap();
    let point = sealed_point;
    for part in ["packages.jsonl", "files.sha256", "secrets.json.sealed", "database.sqlite.sealed"] {
        let path = point.join(part);
        let whole = fs::read(&path).unwrap();
        let mut changed = whole.clone();
        *changed.last_mut().unwrap() ^= 1;
        fs::write(&path, &changed).unwrap();
        refused("new", &sealed, &[part, "is not what was backed up"]);
        fs::write(&path, whole).unwrap();
    }
    fs::rename(point.join("backup.json"), point.join("backup.json.aside")).unwrap();
    refused("new", &sealed, &["its making broke off"]);
    let listed = patchwharf(&world.data(), &["restore", folder(&world).as_str(), "--list"]);
    assert_eq!(listed.code, Some(1), "a backup that is none is a problem: {}", listed.said);
    assert!(!folder(&world).with_file_name("new").exists(), "nothing was ever written");
}

#[tokio::test]
async fn c_13_an_older_database_out_of_a_backup_meets_a_newer_store() {
    let (mut world, _files) = stocked().await;
    back_up(&world, false).await.done();
    let newer = Payload::random("f2.exe", 90_000);
    world.catalogue(&[("B-3", vec![world.publish(&newer)])]).await;
    world.stage(&["B-3"]).await.done();
    let folder = world.folder("B-3").await;
    world.stop_server().await;
    let database = world.data().join("patchwharf.db");
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{database}{suffix}"));
    }
    fs::copy(points(&world).remove(0).join("database.sqlite"), &database).unwrap();
    world.run_server().await;
    assert_eq!(world.update("B-3").await.current_version, Some(2), "what the backup does not know is taken back");
    assert_eq!(world.folder("B-3").await, folder);
    assert_eq!(world.content("B-3").await, [(newer.name.clone(), newer.bytes.to_vec())].into());
    world.check().await;
}

#[tokio::test]
async fn a_server_that_does_not_run_is_backed_up_by_the_command_itself() {
    let (mut world, _files) = stocked().await;
    let to = folder(&world);
    world.stop_server().await;
    let run = patchwharf(&world.data(), &["backup", to.as_str(), "--plain"]);
    assert_eq!(run.code, Some(0), "{}", run.said);
    assert!(
        run.said.contains("the backup is made without one") && run.said.contains("3 package versions"),
        "{}",
        run.said
    );
    let (data, run) = restore(&world, "new-data", &[]);
    assert_eq!(run.code, Some(0), "{}", run.said);
    assert_eq!(fsck(&data), "");
    // The database elsewhere, as the environment tells `serve` too.
    let elsewhere = folder(&world).with_file_name("elsewhere.db");
    fs::rename(world.data().join("patchwharf.db"), &elsewhere).unwrap();
    let lost = patchwharf(&world.data(), &["backup", to.as_str(), "--plain"]);
    assert_eq!(lost.code, Some(2), "{}", lost.said);
    assert!(lost.said.contains("no database is there") && lost.said.contains("PATCHWHARF_DATABASE"), "{}", lost.said);
    assert!(!world.data().join("patchwharf.db").exists(), "none is made");
    let configuration = folder(&world).with_file_name("elsewhere.toml");
    fs::write(&configuration, format!("database = 'sqlite://{elsewhere}'")).unwrap();
    let url = format!("sqlite://{elsewhere}");
    for known in [("PATCHWHARF_DATABASE", url.as_str()), ("PATCHWHARF_CONFIG", configuration.as_str())] {
        let run = patchwharf_in(&world.data(), &["backup", to.as_str(), "--plain"], &[known]);
        assert!(run.code == Some(0) && run.said.contains("3 package versions"), "{known:?}: {}", run.said);
    }
    fs::rename(&elsewhere, world.data().join("patchwharf.db")).unwrap();
    world.run_server().await;
    // It holds the folder and has no listener; at port 1 nobody has one.
    fs::write(world.data().join("patchwharf.toml"), "listen = '127.0.0.1:1'").unwrap();
    let busy = patchwharf(&world.data(), &["backup", to.as_str(), "--plain"]);
    assert_eq!(busy.code, Some(2), "{}", busy.said);
    assert!(busy.said.contains("127.0.0.1:1") && points(&world).len() == 3, "{}", busy.said);
}

#[tokio::test]
async fn packages_that_come_and_go_during_a_backup_make_it_neither_fail_nor_lie() {
    let world = World::start().await;
    let files: Vec<_> = (0..40).map(|n| Payload::random(format!("f{n}.exe"), 200_000)).collect();
    let names: Vec<String> = (0..40).map(|n| format!("B-{n}")).collect();
    let catalogue: Vec<_> = names.iter().zip(&files).map(|(n, f)| (n.as_str(), vec![world.publish(f)])).collect();
    world.catalogue(&catalogue).await;
    let (first, second) = names.split_at(20);
    fn of(names: &[String]) -> Vec<&str> {
        names.iter().map(String::as_str).collect()
    }
    world.stage(&of(first)).await.done();
    let backup = world.order(request(&world, false, None)).await;
    let stage = world.order(JobRequest::Stage { of: world.of(&of(second)).await }).await;
    for name in &first[..10] {
        let package = world.update(name).await.package_id.unwrap();
        world.run(JobRequest::Delete { packages: vec![package], although_needed: false }).await.done();
    }
    world.ended(stage).await.done();
    let done = world.ended(backup).await.done();
    assert!((10..=40).contains(&done.report.counts["versions"]), "{done:#?}");
    let (data, run) = restore(&world, "new-data", &[]);
    assert_eq!(run.code, Some(0), "{}", run.said);
    assert_eq!(fsck(&data), "");
}

#[tokio::test]
async fn retired_versions_that_a_policy_still_holds_are_part_of_a_backup() {
    let world = World::start().await;
    let one = Payload::random("a.exe", 60_000);
    world.catalogue(&[("B-1", vec![world.publish(&one)])]).await;
    world.stage(&["B-1"]).await.done();
    let update = world.update("B-1").await.update_id;
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    policies::create(&mut w, "ask first", true, OnRevision::Ask, &[update]).await.unwrap();
    w.commit().await.unwrap();
    let two = Payload::random("a.exe", 61_000);
    world.catalogue(&[("B-1", vec![world.publish(&two)])]).await;
    world.stage(&["B-1"]).await.done();
    let done = back_up(&world, false).await.done();
    assert_eq!(done.report.counts["versions"], 2, "the policy waits for its administrator: {done:#?}");
    let package = world.update("B-1").await.package_id.unwrap();
    let versions = packages::versions(&world.app().db, &[package]).await.unwrap();
    assert_eq!(versions.len(), 2);
    let (data, run) = restore(&world, "new-data", &[]);
    assert_eq!(run.code, Some(0), "{}", run.said);
    assert_eq!(fsck(&data), "");
    assert!(data.join(format!("packages/{package}/1/a.exe")).exists());
}

#[tokio::test]
async fn two_locations_and_the_originals_of_a_move_become_one_location_without_them() {
    let [one, two] = [Payload::random("one.exe", 30_000), Payload::random("two.exe", 40_000)];
    let (world, old, new) = World::with_two_places(&[&one, &two]).await;
    world.run(relocation(old, new)).await.done();
    let three = Payload::random("three.exe", 50_000);
    let described = [&one, &two, &three].map(|payload| world.publish(payload));
    let [first, second, third] = described;
    world.catalogue(&[("B-1", vec![first]), ("B-2", vec![second]), ("B-3", vec![third])]).await;
    world.stage(&["B-3"]).await.done();
    let done = back_up(&world, false).await.done();
    assert_eq!(done.report.counts["versions"], 3, "an original is no version of its own: {done:#?}");
    let (data, run) = restore(&world, "new-data", &[]);
    assert_eq!(run.code, Some(0), "{}", run.said);
    assert!(run.said.contains("restored 3 package versions"), "{}", run.said);
    assert_eq!(fsck(&data), "");
}
