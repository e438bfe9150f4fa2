use std::os::unix::fs::MetadataExt as _;

use patchwharf_model::PackageId;

use super::fixture::*;
use crate::{Content, Finding, NewVersion, PlaceError, disk::faulty::Faulty};

const BIG: usize = 200_000;

#[test]
fn a_placed_version_is_whole_and_says_what_it_is() {
    let f = Fixture::new();
    let package = PackageId::new();
    let (small, big) = (bytes(1, 4096), bytes(2, BIG));
    let placed = f.placed(package, 1, &[("a.deb", &small), ("b.exe", &big)]);
    assert_eq!(names(&f.location.path().join(package.to_string()).join("1")), ["a.deb", "b.exe", "package.json"]);
    assert!(names(&f.location.path().join(".staging")).is_empty());
    let files = [to_verify("a.deb", &small), to_verify("b.exe", &big)];
    let check = f.location.verify_version(package, 1, &files, &f.key.public());
    assert!(check.is_good(), "{check:?}");
    for (file, check) in placed.files.iter().zip(&check.files) {
        assert!(matches!(check.finding, Finding::Good { stamp } if stamp == file.stamp), "{check:?}");
    }
}

#[test]
fn the_next_version_links_what_is_good_and_both_live() {
    let f = Fixture::new();
    let package = PackageId::new();
    let (kept, old, new) = (bytes(1, BIG), bytes(2, BIG), bytes(3, BIG));
    let first = f.placed(package, 1, &[("kept", &kept), ("other", &old)]);
    let content = vec![Content::Existing(existing(&first, 0)), Content::Fetched(f.fetched(&new))];
    let version = NewVersion { manifest: manifest(package, 2, &[("kept", &kept), ("other", &new)]), content };
    let second = f.location.place(vec![version], &f.key).pop().unwrap().unwrap();
    assert!(second.files[0].same_data && !second.files[1].same_data);
    assert_eq!(second.files[0].stamp.inode, first.files[0].stamp.inode);
    assert_ne!(second.files[0].stamp, first.files[0].stamp, "a link changes the ctime");
    // Whoever still has the old stamp is told that the change was ours.
    assert!(f.location.stamps().stands(&first.files[0].stamp, &second.files[0].stamp));
    assert_eq!(digest_of(&f.path_of(package, 1, "other")), patchwharf_trust::sha256(&old));
    assert_eq!(digest_of(&f.path_of(package, 2, "other")), patchwharf_trust::sha256(&new));
}

#[test]
fn s_16_same_bytes_in_many_packages_are_stored_once() {
    let f = Fixture::new();
    for length in [4096, BIG] {
        let content = bytes(length as u8, length);
        let verified = f.fetched(&content);
        let packages: Vec<_> = (0..50).map(|_| PackageId::new()).collect();
        let versions = packages.iter().map(|id| NewVersion {
            manifest: manifest(*id, 1, &[("file", &content)]),
            content: vec![Content::Fetched(verified.clone())],
        });
        let placed: Vec<_> = f.location.place(versions.collect(), &f.key).into_iter().map(|p| p.unwrap()).collect();
        let inode = placed[0].files[0].stamp.inode;
        assert!(placed.iter().all(|p| p.files[0].stamp.inode == inode));
        assert_eq!(placed.iter().filter(|p| !p.files[0].same_data).count(), 1);
        assert_eq!(std::fs::metadata(f.path_of(packages[7], 1, "file")).unwrap().nlink(), 50);
    }
}

#[test]
fn s_16_a_version_that_exists_is_never_overwritten() {
    let f = Fixture::new();
    let package = PackageId::new();
    f.placed(package, 1, &[("file", b"old")]);
    let again = f.new_version(package, 1, &[("file", b"new")]);
    let other = f.new_version(PackageId::new(), 1, &[("file", b"other")]);
    let mut results = f.location.place(vec![again, other], &f.key);
    assert!(results.pop().unwrap().is_ok(), "the rest of the batch is placed");
    assert!(matches!(results.pop().unwrap(), Err(PlaceError::Occupied { .. })));
    assert_eq!(std::fs::read(f.path_of(package, 1, "file")).unwrap(), b"old");
    assert!(names(&f.location.path().join(".staging")).is_empty());
}

#[test]
fn two_versions_of_a_new_package_in_one_batch_find_each_other() {
    let f = Fixture::new();
    let package = PackageId::new();
    let versions = vec![f.new_version(package, 1, &[("file", b"one")]), f.new_version(package, 2, &[("file", b"two")])];
    assert!(f.location.place(versions, &f.key).iter().all(Result::is_ok));
    assert_eq!(names(&f.location.path().join(package.to_string())), ["1", "2"]);
}

#[test]
fn v_17_a_file_exchanged_after_its_check_is_not_placed() {
    let f = Fixture::new();
    let content = bytes(1, BIG);
    let new = f.new_version(PackageId::new(), 1, &[("file", &content)]);
    let name = crate::layout::partial_name(&expected(&content).digest);
    let data = f.location.path().join(".staging").join(name).join("data");
    std::fs::remove_file(&data).unwrap();
    std::fs::write(&data, &content).unwrap();
    assert!(matches!(f.location.place(vec![new], &f.key).pop().unwrap(), Err(PlaceError::Exchanged { .. })));
}

#[test]
fn v_17_a_file_written_to_after_its_check_is_not_placed() {
    let f = Fixture::new();
    let content = bytes(1, BIG);
    let package = PackageId::new();
    let new = f.new_version(package, 1, &[("file", &content)]);
    let name = crate::layout::partial_name(&expected(&content).digest);
    let data = f.location.path().join(".staging").join(name).join("data");
    let file = std::fs::OpenOptions::new().write(true).open(&data).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, b"!", 5).unwrap();
    file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(1)).unwrap();
    assert!(matches!(f.location.place(vec![new], &f.key).pop().unwrap(), Err(PlaceError::Exchanged { .. })));
    assert!(!f.location.path().join(package.to_string()).exists());
}

#[test]
fn a_file_that_changed_since_its_proof_is_not_linked() {
    let f = Fixture::new();
    let package = PackageId::new();
    let content = bytes(1, BIG);
    let first = f.placed(package, 1, &[("file", &content)]);
    let path = f.path_of(package, 1, "file");
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, b"!", 5).unwrap();
    file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(1)).unwrap();
    let version = NewVersion {
        manifest: manifest(package, 2, &[("file", &content)]),
        content: vec![Content::Existing(existing(&first, 0))],
    };
    assert!(matches!(f.location.place(vec![version], &f.key).pop().unwrap(), Err(PlaceError::Unproved { .. })));
    assert_eq!(names(&f.location.path().join(package.to_string())), ["1"]);
}

#[test]
fn a_manifest_that_tells_of_other_bytes_is_refused() {
    let f = Fixture::new();
    let package = PackageId::new();
    let version = NewVersion {
        manifest: manifest(package, 1, &[("file", b"these")]),
        content: vec![Content::Fetched(f.fetched(b"those"))],
    };
    assert!(matches!(f.location.place(vec![version], &f.key).pop().unwrap(), Err(PlaceError::Disagrees { .. })));
    assert!(!f.location.path().join(package.to_string()).exists());
}

#[test]
fn a_package_of_one_small_file_costs_four_fsyncs_and_a_batch_one_more() {
    let f = Fixture::new();
    let versions: Vec<_> =
        (0..500u32).map(|n| f.new_version(PackageId::new(), 1, &[("file", &n.to_le_bytes())])).collect();
    let before = f.location.counts();
    assert!(f.location.place(versions, &f.key).iter().all(Result::is_ok));
    let after = f.location.counts();
    assert_eq!(after.fsyncs - before.fsyncs, 500 * 4 + 1, "file, manifest, version, package; once the location");
    assert_eq!(after.renames - before.renames, 500);
    assert_eq!(after.creates - before.creates, 500 * 2);
    assert_eq!(after.unlinks - before.unlinks, 1, "the building place");
}

#[test]
fn a_file_that_can_have_no_further_name_is_copied() {
    let disk = std::sync::Arc::new(Faulty::new(0, rustix::io::Errno::MLINK, false));
    let f = Fixture::in_memory(disk.clone());
    let content = bytes(1, BIG);
    let first = f.placed(PackageId::new(), 1, &[("file", &content)]);
    for call in 1.. {
        let package = PackageId::new();
        let version = NewVersion {
            manifest: manifest(package, 1, &[("file", &content)]),
            content: vec![Content::Existing(existing(&first, 0))],
        };
        let (_, stamp) = f.location.open_file(first.package, 1, &name("file")).unwrap();
        disk.arm(call);
        let result = f.location.place(vec![version], &f.key).pop().unwrap();
        disk.arm(0);
        // Of all calls only the link has another way; every other error is an error.
        let Ok(copy) = result else { continue };
        assert!(!copy.files[0].same_data && copy.files[0].stamp.inode != stamp.inode);
        assert_eq!(digest_of(&f.path_of(package, 1, "file")), patchwharf_trust::sha256(&content));
        return;
    }
}

#[test]
fn a_download_whose_placing_failed_can_be_placed_elsewhere() {
    let f = Fixture::new();
    let package = PackageId::new();
    f.placed(package, 1, &[("file", b"old")]);
    let content = bytes(1, BIG);
    let verified = f.fetched(&content);
    let version = |version| NewVersion {
        manifest: manifest(package, version, &[("file", &content)]),
        content: vec![Content::Fetched(verified.clone())],
    };
    assert!(matches!(f.location.place(vec![version(1)], &f.key).pop().unwrap(), Err(PlaceError::Occupied { .. })));
    assert!(f.location.place(vec![version(2)], &f.key).pop().unwrap().is_ok());
    assert_eq!(digest_of(&f.path_of(package, 2, "file")), patchwharf_trust::sha256(&content));
}
