use patchwharf_model::PackageId;

use super::fixture::*;
use crate::{Content, NewVersion, UnlinkError, Unlinked};

#[test]
fn a_version_goes_with_its_folder_and_doing_it_again_is_no_error() {
    let f = Fixture::new();
    let package = PackageId::new();
    let one = f.placed(package, 1, &[("file", b"content one")]);
    let two = f.placed(package, 2, &[("file", b"content two")]);
    for _ in 0..2 {
        assert!(f.location.unlink(&[to_unlink(&one)], now()).pop().unwrap().is_ok());
        assert_eq!(names(&f.location.path().join(package.to_string())), ["2"]);
    }
    let done = f.location.unlink(&[to_unlink(&two)], now()).pop().unwrap().unwrap();
    assert_eq!((done.files, done.restamped.len()), (2, 0));
    assert!(!f.location.path().join(package.to_string()).exists());
}

#[test]
fn d_09_a_folder_removed_by_hand_is_no_error() {
    let f = Fixture::new();
    let placed = f.placed(PackageId::new(), 1, &[("file", b"content")]);
    std::fs::remove_dir_all(f.location.path().join(placed.package.to_string())).unwrap();
    assert_eq!(f.location.unlink(&[to_unlink(&placed)], now()).pop().unwrap().unwrap(), Unlinked::default());
}

#[test]
fn d_07_shared_content_stays_and_its_new_stamp_is_told() {
    let f = Fixture::new();
    let package = PackageId::new();
    let content = bytes(1, 100_000);
    let one = f.placed(package, 1, &[("file", &content)]);
    let version = NewVersion {
        manifest: manifest(package, 2, &[("file", &content)]),
        content: vec![Content::Existing(existing(&one, 0))],
    };
    let two = f.location.place(vec![version], &f.key).pop().unwrap().unwrap();
    // The row of the old version still has the stamp from before the link.
    let done = f.location.unlink(&[to_unlink(&one)], now()).pop().unwrap().unwrap();
    let (_, stamp) = f.location.open_file(package, 2, &name("file")).unwrap();
    assert_eq!(done.restamped, [(one.files[0].stamp, stamp)]);
    assert!(f.location.stamps().stands(&two.files[0].stamp, &stamp));
    assert!(done.freed_bytes < 100_000, "only the manifest went");
    assert_eq!(digest_of(&f.path_of(package, 2, "file")), patchwharf_trust::sha256(&content));
}

#[test]
fn names_of_one_inode_that_go_on_several_threads_all_tell_the_stamp_that_holds_in_the_end() {
    let f = Fixture::new();
    let content = bytes(1, 100_000);
    let first = f.placed(PackageId::new(), 1, &[("file", &content)]);
    let mut others = Vec::new();
    for _ in 0..60 {
        let version = NewVersion {
            manifest: manifest(PackageId::new(), 1, &[("file", &content)]),
            content: vec![Content::Existing(existing(others.last().unwrap_or(&first), 0))],
        };
        others.push(f.location.place(vec![version], &f.key).pop().unwrap().unwrap());
    }
    let stays = others.pop().unwrap();
    let versions: Vec<_> = others.iter().map(to_unlink).collect();
    let done: Vec<Unlinked> = f.location.unlink(&versions, now()).into_iter().map(Result::unwrap).collect();
    let (_, stamp) = f.location.open_file(stays.package, 1, &name("file")).unwrap();
    let told: Vec<_> = done.iter().flat_map(|done| &done.restamped).collect();
    assert!(told.len() == 59 && told.iter().all(|(_, after)| *after == stamp), "{told:?}, and now {stamp:?}");
    assert!(f.location.stamps().stands(&stays.files[0].stamp, &stamp));
}

#[test]
fn a_stamp_that_somebody_else_changed_is_not_renewed_by_an_unlink() {
    let f = Fixture::new();
    let package = PackageId::new();
    let content = bytes(1, 100_000);
    let one = f.placed(package, 1, &[("file", &content)]);
    let version = NewVersion {
        manifest: manifest(package, 2, &[("file", &content)]),
        content: vec![Content::Existing(existing(&one, 0))],
    };
    f.location.place(vec![version], &f.key).pop().unwrap().unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(f.path_of(package, 2, "file")).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, b"!", 5).unwrap();
    let done = f.location.unlink(&[to_unlink(&one)], now()).pop().unwrap().unwrap();
    assert!(done.restamped.iter().all(|(before, _)| *before != one.files[0].stamp), "{done:?}");
}

#[test]
fn d_05_a_link_inside_goes_and_its_target_stays() {
    let f = Fixture::new();
    let placed = f.placed(PackageId::new(), 1, &[("file", b"content")]);
    let target = f.folder.path().join("precious");
    std::fs::write(&target, "precious").unwrap();
    let path = f.path_of(placed.package, 1, "file");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&target, &path).unwrap();
    std::os::unix::fs::symlink(f.folder.path(), f.path_of(placed.package, 1, "other")).unwrap();
    let done = f.location.unlink(&[to_unlink(&placed)], now()).pop().unwrap().unwrap();
    assert_eq!(done.quarantined.len(), 1, "the link that nobody named");
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious");
    let item = f.location.quarantined().unwrap().pop().unwrap();
    f.location.drop_quarantined(&item).unwrap();
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious");
}

#[test]
fn d_06_a_folder_swapped_for_a_link_is_refused() {
    for version_too in [false, true] {
        let f = Fixture::new();
        let placed = f.placed(PackageId::new(), 1, &[("file", b"content")]);
        let mut folder = f.location.path().join(placed.package.to_string());
        if version_too {
            folder.push("1");
        }
        let moved = f.location.path().join("elsewhere");
        std::fs::rename(&folder, &moved).unwrap();
        std::os::unix::fs::symlink(&moved, &folder).unwrap();
        let result = f.location.unlink(&[to_unlink(&placed)], now()).pop().unwrap();
        assert!(matches!(result, Err(UnlinkError::NotOurs { .. })), "{result:?}");
        assert!(!names(&moved).is_empty());
    }
}

#[test]
fn d_05_a_mount_point_inside_is_not_crossed() {
    let f = Fixture::new();
    let placed = f.placed(PackageId::new(), 1, &[("file", b"content")]);
    let inside = f.path_of(placed.package, 1, "mounted");
    std::fs::create_dir(&inside).unwrap();
    let run =
        |args: &[&str]| std::process::Command::new(args[0]).args(&args[1..]).output().is_ok_and(|o| o.status.success());
    if !run(&["mount", "-t", "tmpfs", "none", inside.as_str()]) {
        return patchwharf_testkit::skipped("mounting is not allowed here");
    }
    std::fs::write(inside.join("precious"), "precious").unwrap();
    let result = f.location.unlink(&[to_unlink(&placed)], now()).pop().unwrap();
    let precious = std::fs::read_to_string(inside.join("precious"));
    assert!(run(&["umount", inside.as_str()]));
    assert_eq!(precious.unwrap(), "precious");
    assert!(matches!(result, Err(UnlinkError::Disk(_))), "stays deleting: {result:?}");
    assert!(f.location.unlink(&[to_unlink(&placed)], now()).pop().unwrap().is_ok(), "and is tried again");
}

#[test]
fn d_04_what_cannot_be_removed_blocks_nothing_else() {
    let f = Fixture::new();
    let stuck = f.placed(PackageId::new(), 1, &[("file", b"stuck")]);
    let other = f.placed(PackageId::new(), 1, &[("file", b"other")]);
    let path = f.path_of(stuck.package, 1, "file");
    let chattr = |flag: &str| {
        std::process::Command::new("chattr").args([flag, path.as_str()]).output().is_ok_and(|o| o.status.success())
    };
    if !chattr("+i") {
        return patchwharf_testkit::skipped("chattr +i is not allowed here");
    }
    let mut results = f.location.unlink(&[to_unlink(&stuck), to_unlink(&other)], now());
    assert!(chattr("-i"));
    assert!(results.pop().unwrap().is_ok());
    let error = results.pop().unwrap().unwrap_err().to_string();
    assert!(error.contains("file") && error.contains("chattr"), "{error}");
    assert!(f.location.unlink(&[to_unlink(&stuck)], now()).pop().unwrap().is_ok());
}

#[test]
fn d_11_foreign_files_are_not_touched() {
    let f = Fixture::new();
    let placed = f.placed(PackageId::new(), 1, &[("file", b"content")]);
    let folder = f.location.path().join(placed.package.to_string());
    std::fs::write(f.location.path().join("holiday.jpg"), "mine").unwrap();
    std::fs::write(folder.join("notes.txt"), "mine").unwrap();
    std::fs::create_dir_all(folder.join("7/deep")).unwrap();
    std::fs::write(folder.join("7/deep/notes.txt"), "mine").unwrap();
    std::fs::write(folder.join("1/notes.txt"), "mine").unwrap();
    let done = f.location.unlink(&[to_unlink(&placed)], now()).pop().unwrap().unwrap();
    assert_eq!(names(&folder), ["7", "notes.txt"]);
    assert_eq!(done.quarantined.len(), 1);
    assert_eq!(std::fs::read_to_string(f.location.path().join(&done.quarantined[0])).unwrap(), "mine");
    assert!(folder.join("7/deep/notes.txt").exists() && f.location.path().join("holiday.jpg").exists());
}

#[test]
fn c_22_without_the_marker_nothing_is_deleted() {
    let f = Fixture::new();
    let placed = f.placed(PackageId::new(), 1, &[("file", b"content")]);
    std::fs::remove_file(f.location.path().join("location.json")).unwrap();
    let result = f.location.unlink(&[to_unlink(&placed)], now()).pop().unwrap();
    assert!(matches!(result, Err(UnlinkError::Location(_))), "{result:?}");
    assert!(f.path_of(placed.package, 1, "file").exists());
}

#[test]
fn many_versions_go_with_one_fsync_of_the_location() {
    let f = Fixture::new();
    let versions = (0..200u32).map(|n| f.new_version(PackageId::new(), 1, &[("file", &n.to_le_bytes())])).collect();
    let placed: Vec<_> = f.location.place(versions, &f.key).into_iter().map(|p| to_unlink(&p.unwrap())).collect();
    let before = f.location.counts();
    assert!(f.location.unlink(&placed, now()).iter().all(Result::is_ok));
    assert_eq!(f.location.counts().fsyncs - before.fsyncs, 1);
    assert_eq!(names(f.location.path()), [".quarantine", ".staging", "location.json"]);
}
