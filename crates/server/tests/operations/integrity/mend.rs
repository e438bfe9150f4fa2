//! `--repair`: what is mended, what stays and why, and what a dry run says.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    time::Duration,
};

use patchwharf_model::{
    finding::{DoneBy, FindingKind as Kind, Outcome},
    job::IntegrityCheck,
    package::VersionState,
};
use patchwharf_testkit::Payload;

use super::{check, chmod, full, light, many, repair, rot};
use crate::world::World;

#[tokio::test]
async fn damaged_packages_are_mended_by_the_next_version_and_only_what_is_bad_is_fetched() {
    let mut world = World::start().await;
    let names = many(&world, 8).await;
    let folder = |name: &String| {
        let (world, name) = (&world, name.clone());
        async move { world.folder(&name).await }
    };
    rot(&folder(&names[0]).await.join(&names[0]));
    fs::File::options().write(true).open(folder(&names[1]).await.join(&names[1])).unwrap().set_len(9).unwrap();
    fs::remove_file(folder(&names[2]).await.join(&names[2])).unwrap();
    fs::remove_dir_all(folder(&names[3]).await).unwrap();
    fs::remove_file(folder(&names[4]).await.join(&names[4])).unwrap();
    symlink("/etc/hostname", folder(&names[4]).await.join(&names[4])).unwrap();
    let moved = world.home.path().join("moved");
    fs::rename(folder(&names[5]).await, &moved).unwrap();
    symlink(&moved, folder(&names[5]).await).unwrap();
    fs::write(folder(&names[6]).await.join("version.dll"), "planted").unwrap();
    let checked = check(&world, repair()).await.clean();
    assert_eq!(checked.findings.len(), 7, "{checked:#?}");
    assert_eq!(checked.outcome(Kind::FileExtra), Outcome::SetAside);
    for finding in checked.findings.iter().filter(|f| f.kind != Kind::FileExtra) {
        assert_eq!(finding.outcome, Outcome::Mended, "{finding:#?}");
        let kept = if finding.kind == Kind::FolderIsNoFolder { "; what lay there is kept in .quarantine/" } else { "" };
        assert!(finding.became.starts_with(&format!("version 2 took its place{kept}")), "{finding:#?}");
    }
    assert!(checked.ended.report.summary.contains("6 mended"), "{}", checked.ended.report.summary);
    assert_eq!(world.vendor.requests().len(), 6, "only what is bad");
    for name in &names {
        world.assert_staged(name, &[&Payload::random(name.clone(), 2_000)]).await;
    }
    assert!(fs::read_dir(&moved).unwrap().count() == 2, "what a link points at is never touched");
    assert!(check(&world, full()).await.clean().kinds().is_empty());
    world.check().await;
}

#[tokio::test]
async fn r_02_with_the_vendor_down_nothing_is_changed_and_the_finding_says_when_it_is_tried_again() {
    let mut world = World::start().await;
    let names = many(&world, 2).await;
    let path = world.folder(&names[0]).await.join(&names[0]);
    rot(&path);
    let rotten = fs::read(&path).unwrap();
    world.vendor.go_down();
    let checked = check(&world, repair()).await.troubled();
    let finding = checked.one(Kind::FileChanged);
    assert_eq!((finding.outcome, finding.by), (Outcome::Stays, DoneBy::Clock));
    assert!(!finding.became.contains("SHA-256"), "expected and found stand for themselves: {finding:#?}");
    assert!(finding.became.contains("not mended") && finding.remedy.contains("tried again at"), "{finding:#?}");
    assert_eq!(fs::read(&path).unwrap(), rotten, "the bad copy is neither deleted nor moved");
    let update = world.update(&names[0]).await;
    assert_eq!((update.state, update.current_version), (Some(VersionState::Corrupt), Some(1)));
    world.vendor.come_up();
    check(&world, repair()).await.clean();
    world.assert_staged(&names[0], &[&Payload::random(names[0].clone(), 2_000)]).await;
    world.check().await;
}

#[tokio::test]
async fn g_08_what_cannot_be_had_any_more_is_set_aside_not_offered_and_shown() {
    let mut world = World::start().await;
    let names = many(&world, 2).await;
    let path = world.folder(&names[0]).await.join(&names[0]);
    rot(&path);
    let rotten = fs::read(&path).unwrap();
    // The vendor has put another file in its place.
    world.vendor.publish(&format!("/{}", names[0]), &Payload::random("another", 2_000));
    let checked = check(&world, repair()).await.troubled();
    let finding = checked.one(Kind::FileChanged);
    assert_eq!((finding.outcome, finding.by), (Outcome::Stays, DoneBy::Nobody), "{finding:#?}");
    assert!(finding.command.starts_with("patchwharf package supply "), "{finding:#?}");
    let kept = finding.became.rsplit(' ').next().unwrap();
    assert_eq!(fs::read(world.packages().join(kept)).unwrap(), rotten, "kept in quarantine: {}", finding.became);
    assert!(!path.exists(), "nobody can take it for the file");
    let update = world.update(&names[0]).await;
    assert_ne!(update.state, Some(VersionState::Staged));
    let id = world.bulletin(&names[0]).await;
    let bulletin = patchwharf_db::bulletins::show(&world.app().db, id).await.unwrap();
    assert_eq!((bulletin.packages, bulletin.bad_packages), (0, 1), "the bulletin shows it");
    let again = check(&world, full()).await.troubled();
    assert_eq!(again.kinds(), [Kind::FileMissing], "{again:#?}");
    // It is to be had again after all.
    world.vendor.publish(&format!("/{}", names[0]), &Payload::random(names[0].clone(), 2_000));
    check(&world, repair()).await.clean();
    world.check().await;
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_done_and_changes_nothing_on_disk() {
    let world = World::start().await;
    let names = many(&world, 3).await;
    let bad = world.folder(&names[0]).await.join(&names[0]);
    rot(&bad);
    let open = world.folder(&names[1]).await.join(&names[1]);
    chmod(&open, 0o666);
    let orphan = world.packages().join(patchwharf_model::PackageId::new().to_string()).join("1");
    fs::create_dir_all(&orphan).unwrap();
    fs::write(world.packages().join("holiday.jpg"), "mine").unwrap();
    let checked = check(&world, IntegrityCheck { dry_run: true, ..repair() }).await.found();
    for kind in [Kind::FileChanged, Kind::FileOpen, Kind::FolderOrphan] {
        let finding = checked.one(kind);
        assert_eq!((finding.outcome, finding.became.is_empty()), (Outcome::Planned, false), "{finding:#?}");
    }
    let orphaned = checked.one(Kind::FolderOrphan);
    assert!(!orphaned.became.contains("within the hour"), "a repair does it at once: {orphaned:#?}");
    assert_eq!(checked.outcome(Kind::FileForeign), Outcome::Open, "nobody will do anything about it");
    assert!(checked.ended.report.summary.contains("dry run"), "{}", checked.ended.report.summary);
    assert!(bad.exists() && orphan.exists() && fs::metadata(&open).unwrap().mode() & 0o7777 == 0o666);
    assert_eq!(world.update(&names[0]).await.current_version, Some(1));
    assert!(world.vendor.requests().is_empty());
}

#[tokio::test]
async fn g_04_owners_and_modes_are_set_right_and_the_proofs_stand() {
    let mut world = World::start().await;
    let names = many(&world, 4).await;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let file = world.folder(&names[0]).await.join(&names[0]);
    chmod(&file, 0o777);
    let folder = world.folder(&names[1]).await;
    chmod(&folder, 0o777);
    let above = world.folder(&names[2]).await.parent().unwrap().to_owned();
    chmod(&above, 0o775);
    let manifest = world.folder(&names[3]).await.join("package.json");
    chmod(&manifest, 0o600 | 0o020);
    let staging = world.packages().join(".staging");
    chmod(&staging, 0o777);
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        std::os::unix::fs::chown(&file, Some(65_534), Some(65_534)).unwrap();
    }
    let checked = check(&world, repair()).await.clean();
    assert_eq!(checked.findings.len(), 5, "{checked:#?}");
    assert!(checked.findings.iter().all(|f| f.outcome == Outcome::Mended), "{checked:#?}");
    assert_eq!([mode(&file), mode(&manifest)], [0o644, 0o600], "no right is given that was not there");
    assert_eq!([mode(&folder), mode(&above), mode(&staging)], [0o755; 3]);
    assert_eq!(fs::metadata(&file).unwrap().uid(), fs::metadata("/proc/self").unwrap().uid());
    let after = check(&world, light()).await.clean();
    assert!(after.findings.is_empty(), "our own doing changed the stamps, and the proofs followed: {after:#?}");
    assert!(world.vendor.requests().is_empty());
    world.check().await;
}

#[tokio::test]
async fn a_package_that_another_job_holds_is_mended_when_that_one_has_ended() {
    let world = World::start().await;
    let names = many(&world, 1).await;
    rot(&world.folder(&names[0]).await.join(&names[0]));
    let package = world.update(&names[0]).await.package_id.unwrap();
    let other = patchwharf_model::JobId::new();
    let until = world.clock.now().checked_add(Duration::from_secs(60)).unwrap();
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    patchwharf_db::packages::lock(&mut w, &[package], other, until).await.unwrap();
    w.commit().await.unwrap();
    let job = world.order(patchwharf_model::job::JobRequest::IntegrityCheck(repair())).await;
    let waits = patchwharf_testkit::eventually_async("it waits", crate::world::DEADLINE, || async {
        let row = patchwharf_db::jobs::show(&world.app().db, job).await.unwrap();
        (!row.waiting_for.is_empty()).then_some(row.waiting_for)
    })
    .await;
    assert!(waits.contains(&package.to_string()) && waits.contains(&other.to_string()), "{waits}");
    world.later(Duration::from_secs(120));
    world.app().jobs.wake();
    world.ended(job).await.done();
    assert_eq!(super::found_by(&world, job).await[0].outcome, Outcome::Mended);
}

#[tokio::test]
async fn what_lies_in_the_place_of_a_version_stays_until_the_next_one_has_come() {
    let world = World::start().await;
    let names = many(&world, 2).await;
    let places = [world.folder(&names[0]).await, world.folder(&names[1]).await.parent().unwrap().to_owned()];
    for (at, place) in places.iter().enumerate() {
        let moved = world.home.path().join(format!("moved-{at}"));
        fs::rename(place, &moved).unwrap();
        symlink(&moved, place).unwrap();
    }
    world.vendor.go_down();
    let checked = check(&world, repair()).await.troubled();
    assert_eq!(checked.kinds(), [Kind::FolderIsNoFolder; 2], "{checked:#?}");
    assert!(checked.findings.iter().all(|f| f.outcome == Outcome::Stays), "{checked:#?}");
    assert!(places.iter().all(|place| place.is_symlink()), "nothing was moved for nothing");
    world.vendor.come_up();
    let mended = check(&world, repair()).await.clean();
    for finding in mended.findings.iter().filter(|f| f.kind == Kind::FolderIsNoFolder) {
        assert_eq!(finding.outcome, Outcome::Mended, "{finding:#?}");
        let kept = finding.became.rsplit(' ').next().unwrap();
        assert!(world.packages().join(kept).is_symlink(), "where it says: {finding:#?}");
    }
    assert!(check(&world, full()).await.clean().kinds().is_empty());
}
