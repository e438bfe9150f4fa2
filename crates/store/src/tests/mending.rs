use std::os::unix::fs::PermissionsExt as _;

use patchwharf_model::PackageId;

use super::fixture::*;
use crate::{Finding, ManifestError};

const LENGTH: usize = 100_000;

/// One file in version 1 of a new package, after `damage` was done to it by path.
fn found_after(damage: impl FnOnce(&camino::Utf8Path)) -> (Finding, Fixture) {
    let f = Fixture::new();
    let package = PackageId::new();
    let content = bytes(1, LENGTH);
    f.placed(package, 1, &[("file", &content)]);
    damage(&f.path_of(package, 1, "file"));
    (f.location.verify_file(package, 1, &to_verify("file", &content)), f)
}

#[test]
fn g_01_one_rotten_byte_is_found_though_size_and_time_are_the_same() {
    let (finding, _) = found_after(|path| {
        let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        let time = file.metadata().unwrap().modified().unwrap();
        std::os::unix::fs::FileExt::write_at(&file, &[0xff], 77_777).unwrap();
        file.set_modified(time).unwrap();
    });
    let good = patchwharf_trust::sha256(&bytes(1, LENGTH));
    assert!(
        matches!(finding, Finding::Changed { expected, found } if expected == good && found != good),
        "{finding:?}"
    );
}

#[test]
fn g_02_truncated_zero_filled_and_missing_files_are_told_apart() {
    let (finding, _) = found_after(|path| std::fs::write(path, bytes(1, 5)).unwrap());
    assert!(
        matches!(finding, Finding::Truncated { expected: 100_000, found: 5, sha256: Some(found) } if found == patchwharf_trust::sha256(&bytes(1, 5))),
        "{finding:?}"
    );
    let (finding, _) = found_after(|path| std::fs::write(path, vec![0; LENGTH]).unwrap());
    assert!(matches!(finding, Finding::Changed { .. }), "{finding:?}");
    let (finding, _) = found_after(|path| std::fs::write(path, vec![0; LENGTH + 1]).unwrap());
    assert!(matches!(finding, Finding::TooLong { .. }), "{finding:?}");
    let (finding, _) = found_after(|path| std::fs::remove_file(path).unwrap());
    assert!(matches!(finding, Finding::Missing), "{finding:?}");
    let (finding, _) = found_after(|path| std::fs::remove_dir_all(path.parent().unwrap().parent().unwrap()).unwrap());
    assert!(matches!(finding, Finding::Missing), "{finding:?}");
}

#[test]
fn g_03_links_pipes_and_folders_in_a_files_place_are_found_and_never_followed() {
    let (finding, _) = found_after(|path| {
        std::fs::rename(path, path.with_extension("moved")).unwrap();
        std::os::unix::fs::symlink(path.with_extension("moved"), path).unwrap();
    });
    assert!(matches!(finding, Finding::Link), "{finding:?}");
    let (finding, _) = found_after(|path| {
        std::fs::remove_file(path).unwrap();
        std::fs::create_dir(path).unwrap();
    });
    assert!(matches!(finding, Finding::NotAFile), "{finding:?}");
    let (finding, _) = found_after(|path| {
        std::fs::remove_file(path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    });
    assert!(matches!(finding, Finding::NotAFile), "{finding:?}");
    let (finding, _) = found_after(|path| {
        let folder = path.parent().unwrap();
        let moved = folder.with_extension("moved");
        std::fs::rename(folder, &moved).unwrap();
        std::os::unix::fs::symlink(&moved, folder).unwrap();
    });
    assert!(matches!(finding, Finding::Link), "{finding:?}");
}

#[test]
fn g_03_extra_and_swapped_files_are_found_and_extra_ones_set_aside() {
    let f = Fixture::new();
    let (one, two) = (PackageId::new(), PackageId::new());
    f.placed(one, 1, &[("file", b"first")]);
    f.placed(two, 1, &[("file", b"other")]);
    std::fs::write(f.path_of(one, 1, "evil.dll"), b"evil").unwrap();
    let check = f.location.verify_version(one, 1, &[to_verify("file", b"first")], &f.key.public());
    assert_eq!(check.extra, ["evil.dll"]);
    let aside = f.location.quarantine_entry(one, 1, "evil.dll", now()).unwrap();
    assert_eq!(std::fs::read(f.location.path().join(&aside)).unwrap(), b"evil");
    assert!(f.location.verify_version(one, 1, &[to_verify("file", b"first")], &f.key.public()).is_good());

    let (a, b) = (f.path_of(one, 1, "file"), f.path_of(two, 1, "file"));
    rustix::fs::renameat_with(
        rustix::fs::CWD,
        a.as_str(),
        rustix::fs::CWD,
        b.as_str(),
        rustix::fs::RenameFlags::EXCHANGE,
    )
    .unwrap();
    for (package, content) in [(one, b"first"), (two, b"other")] {
        let finding = f.location.verify_file(package, 1, &to_verify("file", content));
        assert!(matches!(finding, Finding::Changed { .. }), "{finding:?}");
    }
}

#[test]
fn g_04_an_opened_mode_is_found_and_closed() {
    let f = Fixture::new();
    let package = PackageId::new();
    f.placed(package, 1, &[("file", b"content")]);
    std::fs::set_permissions(f.path_of(package, 1, "file"), std::fs::Permissions::from_mode(0o777)).unwrap();
    let file = to_verify("file", b"content");
    let Finding::Open { stamp, mode: 0o777, .. } = f.location.verify_file(package, 1, &file) else {
        panic!("the mode was not found")
    };
    let after = f.location.tighten(package, 1, "file", &stamp).unwrap().unwrap();
    assert!(matches!(f.location.verify_file(package, 1, &file), Finding::Good { stamp } if stamp == after));
}

#[test]
fn g_05_a_manifest_signed_by_another_key_or_changed_by_hand_is_not_believed() {
    let f = Fixture::new();
    let package = PackageId::new();
    f.placed(package, 1, &[("file", b"content")]);
    let path = f.path_of(package, 1, "package.json");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(f.location.manifest(package, 1, &f.key.public()).is_ok());

    let other = patchwharf_trust::ManifestKey::open_or_make(&f.folder.path().join("other.key")).unwrap();
    let result = f.location.manifest(package, 1, &other.public());
    assert!(matches!(result, Err(ManifestError::OtherKey { found, .. }) if found == f.key.public().id()));

    std::fs::write(&path, text.replace("update_key\\\":\\\"update", "update_key\\\":\\\"forged")).unwrap();
    let result = f.location.manifest(package, 1, &f.key.public());
    assert!(matches!(result, Err(ManifestError::BadSignature { .. })), "{result:?}");

    // File and row changed together: the manifest still tells.
    std::fs::write(&path, &text).unwrap();
    std::fs::write(f.path_of(package, 1, "file"), b"evil!!!").unwrap();
    let check = f.location.verify_version(package, 1, &[to_verify("file", b"evil!!!")], &f.key.public());
    assert!(matches!(check.manifest, Err(ManifestError::Disagrees { .. })), "{check:?}");
}

#[test]
fn a_manifest_of_another_version_is_not_believed() {
    let f = Fixture::new();
    let package = PackageId::new();
    f.placed(package, 1, &[("file", b"content")]);
    f.placed(package, 2, &[("file", b"content two")]);
    std::fs::copy(f.path_of(package, 1, "package.json"), f.path_of(package, 2, "package.json")).unwrap();
    let result = f.location.manifest(package, 2, &f.key.public());
    assert!(matches!(result, Err(ManifestError::OtherVersion { version: 1, .. })));
}

#[test]
fn what_is_in_quarantine_is_listed_and_goes_when_it_is_told() {
    let f = Fixture::new();
    let package = PackageId::new();
    f.placed(package, 1, &[("file", b"bad")]);
    f.placed(package, 2, &[("file", b"good")]);
    let (mut open, _) = f.location.open_file(package, 1, &name("file")).unwrap();
    f.location.quarantine_version(package, 1, now()).unwrap();
    assert_eq!(names(&f.location.path().join(package.to_string())), ["2"]);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut open, &mut text).unwrap();
    assert_eq!(text, "bad", "a running download goes on");

    let items = f.location.quarantined().unwrap();
    assert_eq!(items.len(), 1);
    assert_eq!((items[0].since, items[0].package), (now(), Some(package)));
    f.location.drop_quarantined(&items[0]).unwrap();
    f.location.drop_quarantined(&items[0]).unwrap();
    assert!(f.location.quarantined().unwrap().is_empty());
    assert!(names(&f.location.path().join(".quarantine")).is_empty());
}
