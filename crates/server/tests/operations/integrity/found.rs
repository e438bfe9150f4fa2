//! What is wrong with files and folders is found, in one pass, and nothing is changed.

use std::{
    fs,
    os::unix::fs::{FileExt as _, MetadataExt as _, symlink},
};

use patchwharf_model::{
    finding::{DoneBy, FindingKind as Kind, Outcome},
    job::Selection,
    package::VersionState,
};

use super::{check, chmod, full, many, rot};
use crate::world::World;

#[tokio::test]
async fn a_healthy_store_has_no_findings_and_every_proof_is_renewed() {
    let mut world = World::start().await;
    let names = many(&world, 30).await;
    world.later(std::time::Duration::from_secs(60));
    let checked = check(&world, full()).await.clean();
    assert!(checked.findings.is_empty(), "{checked:#?}");
    assert!(checked.ended.report.summary.contains("30 packages"), "{}", checked.ended.report.summary);
    assert_eq!((checked.ended.count("files"), checked.ended.count("bytes-read")), (30, 60_000));
    for name in names {
        assert_eq!(world.update(&name).await.proved_at, Some(world.clock.now()));
    }
    world.check().await;
}

#[tokio::test]
async fn g_01_one_rotten_byte_among_many_is_found_withdrawn_and_reported() {
    let world = World::start().await;
    let names = many(&world, 120).await;
    let path = world.folder(&names[77]).await.join(&names[77]);
    rot(&path);
    let checked = check(&world, full()).await.troubled();
    let finding = checked.one(Kind::FileChanged);
    assert_eq!(checked.kinds().len(), 1);
    assert_eq!(finding.path, path.to_str().unwrap());
    assert_eq!((finding.bulletin_name.as_str(), finding.outcome), (names[77].as_str(), Outcome::Open));
    assert!(finding.expected.contains("2000 bytes with SHA-256") && finding.found.contains("SHA-256"), "{finding:#?}");
    assert_eq!(finding.by, DoneBy::Repair);
    assert_eq!(
        finding.command,
        format!("patchwharf job run integrity-check --package {} --repair", finding.package.unwrap())
    );
    let update = world.update(&names[77]).await;
    assert_eq!((update.state, update.current_version), (Some(VersionState::Corrupt), Some(1)), "withdrawn at once");
    assert!(world.vendor.requests().is_empty(), "a check without repair mends nothing");
}

#[tokio::test]
async fn g_02_truncated_zeroed_missing_and_emptied_are_found() {
    let world = World::start().await;
    let names = many(&world, 6).await;
    let at = |n: usize| {
        let (world, name) = (&world, names[n].clone());
        async move { world.folder(&name).await.join(&name) }
    };
    fs::File::options().write(true).open(at(0).await).unwrap().set_len(700).unwrap();
    fs::write(at(1).await, vec![0; 2_000]).unwrap();
    fs::remove_file(at(2).await).unwrap();
    fs::File::options().append(true).open(at(3).await).unwrap().write_all_at(&[1], 2_000).unwrap();
    for entry in fs::read_dir(at(4).await.parent().unwrap()).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    fs::remove_dir_all(at(5).await.parent().unwrap().parent().unwrap()).unwrap();
    let checked = check(&world, full()).await.troubled();
    let mut kinds = checked.kinds();
    kinds.sort();
    let mut expected = vec![
        Kind::FileTruncated,
        Kind::FileChanged,
        Kind::FileMissing,
        Kind::FileTooLong,
        Kind::FileMissing,
        Kind::ManifestMissing,
        Kind::FolderMissing,
    ];
    expected.sort();
    assert_eq!(kinds, expected, "{checked:#?}");
    let gone = checked.one(Kind::FolderMissing);
    assert_eq!((gone.expected.as_str(), gone.found.as_str()), ("a folder with 1 file", "nothing"));
    for (n, state) in [(0, "corrupt"), (1, "corrupt"), (2, "missing"), (3, "corrupt"), (4, "missing"), (5, "missing")] {
        assert_eq!(world.update(&names[n]).await.state.unwrap().as_str(), state, "{n}");
    }
    let again = check(&world, full()).await.troubled();
    assert_eq!(again.kinds().len(), 7, "what is known already is found again: {again:#?}");
}

#[tokio::test]
async fn g_03_strangers_swapped_files_and_links_are_found() {
    let world = World::start().await;
    let names = many(&world, 5).await;
    let mut paths = Vec::new();
    for name in &names {
        paths.push(world.folder(name).await.join(name));
    }
    fs::write(paths[0].with_file_name("version.dll"), "planted").unwrap();
    let aside = world.home.path().join("swap");
    fs::rename(&paths[1], &aside).unwrap();
    fs::rename(&paths[2], &paths[1]).unwrap();
    fs::rename(&aside, &paths[2]).unwrap();
    fs::rename(&paths[3], world.home.path().join("moved")).unwrap();
    symlink(world.home.path().join("moved"), &paths[3]).unwrap();
    fs::remove_file(&paths[4]).unwrap();
    fs::create_dir(&paths[4]).unwrap();
    let checked = check(&world, full()).await.troubled();
    let extra = checked.one(Kind::FileExtra);
    assert!(extra.path.ends_with("/version.dll"), "{extra:#?}");
    assert_eq!(checked.findings.iter().filter(|f| f.kind == Kind::FileChanged).count(), 2, "{checked:#?}");
    checked.one(Kind::FileIsLink);
    checked.one(Kind::FileIsNoFile);
    assert_eq!(checked.kinds().len(), 5, "{checked:#?}");
    assert_eq!(world.update(&names[0]).await.state, Some(VersionState::Staged), "its own file is right");
}

#[tokio::test]
async fn a_link_in_the_place_of_a_versions_folder_is_not_followed() {
    let world = World::start().await;
    let names = many(&world, 2).await;
    let folder = world.folder(&names[0]).await;
    let aside = world.home.path().join("aside");
    fs::rename(&folder, &aside).unwrap();
    symlink(&aside, &folder).unwrap();
    let whole = world.folder(&names[1]).await.parent().unwrap().to_owned();
    let aside = world.home.path().join("aside-too");
    fs::rename(&whole, &aside).unwrap();
    symlink(&aside, &whole).unwrap();
    let checked = check(&world, full()).await.troubled();
    assert_eq!(checked.findings.iter().filter(|f| f.kind == Kind::FolderIsNoFolder).count(), 2, "{checked:#?}");
    for name in &names {
        assert_eq!(world.update(name).await.state, Some(VersionState::Corrupt));
    }
}

#[tokio::test]
async fn g_04_opened_and_closed_modes_are_found_and_left_as_they_are_without_repair() {
    let world = World::start().await;
    let names = many(&world, 4).await;
    let file = world.folder(&names[0]).await.join(&names[0]);
    chmod(&file, 0o666);
    let folder = world.folder(&names[1]).await;
    chmod(&folder, 0o777);
    let closed = world.folder(&names[2]).await.join(&names[2]);
    chmod(&closed, 0o044);
    let manifest = world.folder(&names[3]).await.join("package.json");
    chmod(&manifest, 0o664);
    let checked = check(&world, full()).await.troubled();
    assert_eq!(checked.findings.iter().filter(|f| f.kind == Kind::FileOpen).count(), 2, "{checked:#?}");
    let one = checked.findings.iter().find(|f| f.path == file.to_str().unwrap()).unwrap();
    assert!(one.found.contains("mode 0666"), "{one:#?}");
    assert_eq!(checked.one(Kind::FolderOpen).path, folder.to_str().unwrap());
    // Root reads it all the same; the finding says that nobody else could.
    let kind = if rustix_is_root() { Kind::FileClosed } else { Kind::FileUnreadable };
    assert!(checked.findings.iter().any(|f| f.kind == kind && f.path == closed.to_str().unwrap()), "{checked:#?}");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o666, "a check changes nothing");
}

fn rustix_is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[tokio::test]
async fn the_same_data_under_several_names_is_read_once() {
    let world = World::start().await;
    let shared = patchwharf_testkit::Payload::random("shared.bin", 50_000);
    let file = world.publish(&shared);
    world.catalogue(&[("B-1", vec![file.clone()]), ("B-2", vec![file])]).await;
    world.stage(&["B-1"]).await.done();
    world.stage(&["B-2"]).await.done();
    let inode = |folder: std::path::PathBuf| fs::metadata(folder.join("shared.bin")).unwrap().ino();
    assert_eq!(inode(world.folder("B-1").await), inode(world.folder("B-2").await), "it is a hard link");
    world.later(std::time::Duration::from_secs(60));
    let checked = check(&world, full()).await.clean();
    assert_eq!(checked.ended.count("bytes-read"), 50_000);
    for name in ["B-1", "B-2"] {
        assert_eq!(world.update(name).await.proved_at, Some(world.clock.now()), "{name}");
    }
    rot(&world.folder("B-2").await.join("shared.bin"));
    let checked = check(&world, full()).await.troubled();
    assert_eq!(checked.findings.iter().filter(|f| f.kind == Kind::FileChanged).count(), 2, "both names are bad");
}

#[tokio::test]
async fn a_check_of_one_bulletin_looks_at_nothing_else() {
    let world = World::start().await;
    let names = many(&world, 3).await;
    for name in &names {
        rot(&world.folder(name).await.join(name));
    }
    fs::write(world.packages().join("holiday.jpg"), "mine").unwrap();
    let of = world.of(&[&names[1]]).await;
    let checked = check(&world, patchwharf_model::job::IntegrityCheck::full(of)).await.troubled();
    assert_eq!(checked.one(Kind::FileChanged).bulletin_name, names[1]);
    assert_eq!(checked.findings.len(), 1, "{checked:#?}");
    let nothing =
        check(&world, patchwharf_model::job::IntegrityCheck::full(Selection::Packages(Vec::new()))).await.clean();
    assert!(nothing.ended.report.summary.starts_with("nothing was checked"), "{}", nothing.ended.report.summary);
    let elsewhere =
        patchwharf_model::job::IntegrityCheck { location: Some(patchwharf_model::LocationId::new()), ..full() };
    assert!(check(&world, elsewhere).await.clean().findings.is_empty(), "nothing lies at another location");
}

#[tokio::test]
async fn the_policies_that_a_finding_hits_are_named() {
    let world = World::start().await;
    let names = many(&world, 2).await;
    let update = world.update(&names[0]).await.update_id;
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    let on_revision = patchwharf_db::policies::OnRevision::Automatic;
    patchwharf_db::policies::create(&mut w, "servers", true, on_revision, &[update]).await.unwrap();
    w.commit().await.unwrap();
    rot(&world.folder(&names[0]).await.join(&names[0]));
    let checked = check(&world, full()).await.troubled();
    let finding = checked.one(Kind::FileChanged);
    assert_eq!(finding.policies, ["servers"]);
    assert!(finding.package_servers.is_empty());
}
