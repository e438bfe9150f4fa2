//! What a report says is what was seen: nothing is called mended, right or gone that was not looked at.

use std::{fs, time::Duration};

use patchwharf_model::{
    finding::{FindingKind as Kind, Outcome},
    job::{IntegrityCheck, JobRequest},
    package::VersionState,
};
use patchwharf_testkit::{Payload, tamper};

use super::{
    check, copy_tree, full, light, many,
    places::{doubled, revise, second},
    repair, rot,
};
use crate::world::World;

#[tokio::test]
async fn what_no_refresh_has_touched_is_not_called_mended() {
    let world = World::start().await;
    let names = many(&world, 2).await;
    let manifest = world.folder(&names[0]).await.join("package.json");
    fs::write(&manifest, "{}").unwrap();
    // The vendor names no files any more: a refresh has nothing that it could fetch.
    let other = world.describe(&Payload::random(names[1].clone(), 2_000));
    world.catalogue(&[(&names[0], Vec::new()), (&names[1], vec![other])]).await;
    let checked = check(&world, repair()).await.troubled();
    let finding = checked.one(Kind::ManifestUnreadable);
    assert_eq!(finding.outcome, Outcome::Stays, "{finding:#?}");
    assert!(finding.became.contains("nothing to mend"), "{finding:#?}");
    assert_eq!(fs::read_to_string(&manifest).unwrap(), "{}");
    assert_eq!(check(&world, full()).await.troubled().kinds(), [Kind::ManifestUnreadable]);
}

#[tokio::test]
async fn g_05_a_version_whose_files_were_struck_from_the_database_is_not_passed_over() {
    let world = World::start().await;
    let names = many(&world, 2).await;
    check(&world, light()).await.clean();
    tamper(world.data().join("patchwharf.db").as_std_path(), "DELETE FROM package_file").await;
    let checked = check(&world, full()).await.troubled();
    assert_eq!(checked.kinds(), [Kind::ManifestDisagrees; 2], "{checked:#?}");
    assert_eq!(world.update(&names[0]).await.state, Some(VersionState::Corrupt), "withdrawn");
}

#[tokio::test]
async fn the_only_good_copy_is_not_set_aside_unless_the_other_one_was_read_and_is_whole() {
    let mut world = World::start().await;
    let names = many(&world, 2).await;
    let (id, copies) = doubled(&mut world, &names).await;
    rot(&world.folder(&names[0]).await.join(&names[0]));
    world.vendor.go_down();
    // Its own location is not looked at.
    let there = IntegrityCheck { location: Some(id), ..repair() };
    let checked = check(&world, there).await.troubled();
    assert!(
        checked.findings.iter().all(|f| f.kind == Kind::FolderTwice && f.outcome == Outcome::Stays),
        "{checked:#?}"
    );
    // It is, but not its bytes.
    let checked = check(&world, IntegrityCheck { light: true, ..repair() }).await.troubled();
    let twice = checked.findings.iter().filter(|f| f.kind == Kind::FolderTwice);
    assert!(twice.clone().count() == 2 && twice.clone().all(|f| f.outcome == Outcome::Stays), "{checked:#?}");
    // Nor does the clock.
    world.run(JobRequest::Reconcile { dry_run: false }).await;
    assert!(copies[0].exists() && !copies[1].exists(), "a copy of what is whole may go");
}

#[tokio::test]
async fn a_copy_of_what_was_replaced_is_set_aside_whether_the_other_one_is_whole_or_not() {
    let mut world = World::start().await;
    let names = many(&world, 2).await;
    let (_, copies) = doubled(&mut world, &names).await;
    let replaced = world.folder(&names[0]).await;
    revise(&world, &names).await;
    rot(&replaced.join(&names[0]));
    let reconciled = world.run(JobRequest::Reconcile { dry_run: false }).await.done();
    assert_eq!(reconciled.count("quarantined"), 2, "{reconciled:#?}");
    assert!(!copies[0].exists() && !copies[1].exists());
    assert!(replaced.exists(), "its own place is the deleter's");
}

#[tokio::test]
async fn a_note_about_a_package_keeps_no_copy_of_it() {
    let mut world = World::start().await;
    let names = many(&world, 1).await;
    let (_, path) = second(&mut world).await;
    world.stop_server().await;
    world.run_server().await;
    let folder = world.folder(&names[0]).await;
    copy_tree(&folder, &path.join(folder.strip_prefix(world.packages()).unwrap()));
    let id = world.bulletin(&names[0]).await;
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    patchwharf_db::bulletins::set_enabled(&mut w, &[id], false).await.unwrap();
    w.commit().await.unwrap();
    let mended = check(&world, repair()).await.clean();
    mended.one(Kind::PackageUnused);
    assert_eq!(mended.outcome(Kind::FolderTwice), Outcome::SetAside, "{mended:#?}");
}

#[tokio::test]
async fn a_light_check_does_not_believe_the_stamp_of_a_manifest_that_a_full_one_has_doubted() {
    let world = World::start().await;
    let names = many(&world, 2).await;
    check(&world, light()).await.clean();
    // The stamp of the manifest stays: the database was changed, not the file.
    tamper(world.data().join("patchwharf.db").as_std_path(), "UPDATE package_file SET size_bytes = size_bytes - 1")
        .await;
    let checked = check(&world, full()).await.troubled();
    assert_eq!(checked.kinds(), [Kind::ManifestDisagrees; 2], "{checked:#?}");
    let checked = check(&world, light()).await.troubled();
    assert_eq!(checked.kinds(), [Kind::ManifestDisagrees; 2], "{names:?} {checked:#?}");
}

#[tokio::test]
async fn light_and_full_checks_do_not_undo_each_others_findings() {
    let world = World::start().await;
    let names = many(&world, 2).await;
    let path = world.folder(&names[0]).await.join(&names[0]);
    rot(&path);
    let first = world.clock.now();
    check(&world, full()).await.troubled();
    world.later(Duration::from_secs(3_600));
    // Touched: its bytes have to be read again before anything can be said of them.
    let later = fs::metadata(&path).unwrap().modified().unwrap() + Duration::from_secs(5);
    fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
    let checked = check(&world, light()).await;
    assert_eq!(checked.kinds(), [Kind::FileUnproved], "{checked:#?}");
    world.later(Duration::from_secs(3_600));
    assert_eq!(check(&world, full()).await.troubled().one(Kind::FileChanged).since, first);
    world.later(Duration::from_secs(3_600));
    assert_eq!(check(&world, light()).await.troubled().one(Kind::FileChanged).since, first);
}

#[tokio::test]
async fn what_was_not_looked_at_is_not_called_right() {
    let mut world = World::start().await;
    let names = many(&world, 2).await;
    rot(&world.folder(&names[0]).await.join(&names[0]));
    let first = world.clock.now();
    check(&world, full()).await.troubled();
    world.later(Duration::from_secs(3_600));
    let away = world.home.path().join("away");
    fs::rename(world.packages(), &away).unwrap();
    check(&world, full()).await.troubled().one(Kind::LocationUnreadable);
    fs::rename(&away, world.packages()).unwrap();
    world.stop_server().await;
    world.run_server().await;
    world.later(Duration::from_secs(3_600));
    let checked = check(&world, full()).await.troubled();
    assert_eq!(checked.one(Kind::FileChanged).since, first, "{checked:#?}");
    assert_eq!(checked.kinds().len(), 1, "{checked:#?}");
}
