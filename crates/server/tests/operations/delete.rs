use std::fs;

use patchwharf_db::policies::{self, OnRevision};
use patchwharf_model::job::JobRequest;
use patchwharf_testkit::Payload;

use crate::world::World;

async fn staged(world: &World) -> Payload {
    let one = Payload::random("one.exe", 30_000);
    world.catalogue(&[("B-1", vec![world.publish(&one)])]).await;
    world.stage(&["B-1"]).await.done();
    one
}

async fn delete(world: &World, bulletin: &str, although_needed: bool) -> crate::world::Ended {
    let packages = vec![world.update(bulletin).await.package_id.unwrap()];
    world.run(JobRequest::Delete { packages, although_needed }).await
}

async fn policy(world: &World, bulletin: &str) -> patchwharf_model::PolicyId {
    let update = world.update(bulletin).await.update_id;
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    let id = policies::create(&mut w, "servers", true, OnRevision::Automatic, &[update]).await.unwrap();
    w.commit().await.unwrap();
    id
}

#[tokio::test]
async fn a_deleted_package_leaves_neither_row_nor_folder() {
    let mut world = World::start().await;
    staged(&world).await;
    let folder = world.folder("B-1").await;
    delete(&world, "B-1", false).await.done();
    assert!(!folder.exists() && !folder.parent().unwrap().exists());
    assert_eq!(world.update("B-1").await.package_id, None);
    world.check().await;
}

#[tokio::test]
async fn d_02_what_a_policy_needs_is_refused_and_with_although_needed_the_switch_stays_on() {
    let mut world = World::start().await;
    let one = staged(&world).await;
    let policy = policy(&world, "B-1").await;
    let refused = delete(&world, "B-1", false).await.failed();
    let line = refused.item("package");
    assert!(line.outcome == "refused" && line.reason.contains("servers") && line.reason.contains("--although-needed"));
    world.assert_staged("B-1", &[&one]).await;
    delete(&world, "B-1", true).await.done();
    let switch = policies::switches(&world.app().db, policy).await.unwrap().remove(0);
    assert!(switch.enabled && switch.package_id.is_none(), "on, and \"package missing\"");
    world.stage(&["B-1"]).await.done();
    let switch = policies::switches(&world.app().db, policy).await.unwrap().remove(0);
    assert_eq!(switch.package_id, world.update("B-1").await.package_id, "it works again");
    world.check().await;
}

#[tokio::test]
async fn d_07_content_that_another_bulletin_shares_stays() {
    let mut world = World::start().await;
    let one = Payload::random("one.exe", 30_000);
    let file = world.publish(&one);
    world.catalogue(&[("B-1", vec![file.clone()]), ("B-2", vec![file])]).await;
    world.stage(&["B-1", "B-2"]).await.done();
    delete(&world, "B-1", false).await.done();
    world.assert_staged("B-2", &[&one]).await;
    // Our own unlink changed the inode's ctime: its proof still stands.
    assert_eq!(world.stage(&["B-2"]).await.done().item("B-2").outcome, "already-staged");
    world.check().await;
}

#[tokio::test]
async fn d_09_a_folder_that_was_removed_by_hand_is_no_obstacle() {
    let mut world = World::start().await;
    staged(&world).await;
    fs::remove_dir_all(world.folder("B-1").await.parent().unwrap()).unwrap();
    delete(&world, "B-1", false).await.done();
    assert_eq!(world.update("B-1").await.package_id, None);
    world.check().await;
}

#[tokio::test]
async fn d_05_a_link_in_a_package_folder_goes_and_its_target_stays() {
    let mut world = World::start().await;
    staged(&world).await;
    let outside = world.home.path().join("outside.txt");
    fs::write(&outside, "mine").unwrap();
    let folder = world.folder("B-1").await;
    fs::remove_file(folder.join("one.exe")).unwrap();
    std::os::unix::fs::symlink(&outside, folder.join("one.exe")).unwrap();
    delete(&world, "B-1", false).await.done();
    assert_eq!(fs::read_to_string(&outside).unwrap(), "mine");
    assert!(!folder.exists());
    world.check().await;
}

#[tokio::test]
async fn d_11_foreign_files_are_not_deleted() {
    let world = World::start().await;
    staged(&world).await;
    fs::write(world.packages().join("notes.txt"), "mine").unwrap();
    fs::write(world.folder("B-1").await.join("foreign.txt"), "mine too").unwrap();
    delete(&world, "B-1", false).await.done();
    assert_eq!(fs::read_to_string(world.packages().join("notes.txt")).unwrap(), "mine");
    let kept = std::process::Command::new("find")
        .arg(world.packages().join(".quarantine"))
        .args(["-name", "foreign.txt"])
        .output()
        .unwrap();
    assert!(!kept.stdout.is_empty(), "it is kept in quarantine");
}

#[tokio::test]
async fn d_01_a_download_that_runs_while_its_package_is_deleted_ends_whole() {
    use std::io::Read as _;
    let world = World::start().await;
    let one = staged(&world).await;
    let mut open = fs::File::open(world.folder("B-1").await.join("one.exe")).unwrap();
    delete(&world, "B-1", false).await.done();
    let mut bytes = Vec::new();
    open.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, one.bytes);
}

/// A file that cannot be unlinked, not even by root, until it is dropped.
struct Immutable(std::path::PathBuf);

impl Immutable {
    fn make(path: std::path::PathBuf) -> Option<Self> {
        chattr("+i", &path).then_some(Self(path))
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        chattr("-i", &self.0);
    }
}

fn chattr(flag: &str, path: &std::path::Path) -> bool {
    let ran = std::process::Command::new("chattr").arg(flag).arg(path).stderr(std::process::Stdio::null()).status();
    ran.is_ok_and(|status| status.success())
}

#[tokio::test]
async fn d_04_what_cannot_be_unlinked_stays_deleting_visible_and_is_retried_and_blocks_nothing() {
    let mut world = World::start().await;
    let (one, two) = (Payload::random("one.exe", 30_000), Payload::random("two.exe", 30_000));
    world.catalogue(&[("B-1", vec![world.publish(&one)]), ("B-2", vec![world.publish(&two)])]).await;
    world.stage(&["B-1", "B-2"]).await.done();
    let stuck = world.folder("B-1").await;
    let package = world.update("B-1").await.package_id.unwrap();
    let Some(immutable) = Immutable::make(stuck.join("one.exe")) else {
        return patchwharf_testkit::skipped("D-04: this file system has no immutable files, or this is not root");
    };
    let ended = delete(&world, "B-1", false).await.failed();
    let line = ended.report.items.iter().find(|item| item.outcome == "deleting").expect("it is named");
    assert!(line.failed && line.reason.contains("one.exe"), "{line:?}");
    let version = patchwharf_db::packages::versions(&world.app().db, &[package]).await.unwrap().remove(0);
    assert_eq!(version.state, patchwharf_model::package::VersionState::Deleting, "it stays visible");
    delete(&world, "B-2", false).await;
    assert_eq!(world.update("B-2").await.package_id, None, "nothing else waits for it");
    world.stage(&["B-1"]).await.done();
    world.assert_staged("B-1", &[&one]).await;

    drop(immutable);
    world.run(JobRequest::Reconcile { dry_run: false }).await;
    assert!(!stuck.exists(), "the next sweep finishes it");
    assert!(patchwharf_db::packages::versions(&world.app().db, &[package]).await.unwrap().is_empty());
    world.check().await;
}

#[tokio::test]
async fn d_06_a_package_folder_that_was_swapped_for_a_link_is_not_followed() {
    let mut world = World::start().await;
    let one = staged(&world).await;
    let package = world.folder("B-1").await.parent().unwrap().to_owned();
    let outside = world.home.path().join("outside");
    fs::rename(&package, &outside).unwrap();
    std::os::unix::fs::symlink(&outside, &package).unwrap();
    let ended = delete(&world, "B-1", false).await;
    let kept: Vec<_> = fs::read_dir(outside.join("1")).unwrap().flatten().collect();
    assert_eq!(kept.len(), 2, "file and manifest behind the link are as they were: {ended:#?}");
    assert_eq!(fs::read(outside.join("1/one.exe")).unwrap(), one.bytes);

    let _ = fs::remove_file(&package);
    world.run(JobRequest::Reconcile { dry_run: false }).await;
    assert_eq!(world.update("B-1").await.package_id, None);
    world.check().await;
}
