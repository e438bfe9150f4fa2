use std::{fs, os::unix::fs::MetadataExt as _, sync::Arc};

use camino::Utf8PathBuf;
use patchwharf_model::PackageId;
use rustix::io::Errno;

use super::fixture::*;
use crate::{
    Content, Existing, Finding, Incoming, IncomingFile, Location, NewVersion, PlaceError, Placed, Sharing, Watch, Way,
    disk::{Native, faulty::Faulty},
    layout,
};

const BIG: usize = 3_000_000;

fn watch() -> Watch<'static> {
    Watch { stopped: &|| false, bytes: &|_| {} }
}

fn incoming(placed: &Placed, files: &[(&str, &[u8])]) -> Incoming {
    let files = files.iter().zip(&placed.files).map(|((file, content), placed)| {
        assert_eq!(placed.name.as_str(), *file);
        IncomingFile { file: to_verify(file, content), proof: Some(placed.stamp), known: None }
    });
    Incoming { package: placed.package, version: placed.version, files: files.collect() }
}

fn bring(f: &Fixture, to: &Location, one: Incoming, way: Way) -> Result<Placed, PlaceError> {
    to.bring(&f.location, vec![one], way, &f.key.public(), watch()).pop().unwrap()
}

fn path(location: &Location, placed: &Placed, file: &str) -> Utf8PathBuf {
    location.path().join(layout::version_path(placed.package, placed.version)).join(file)
}

fn is_whole(location: &Location, f: &Fixture, placed: &Placed, files: &[(&str, &[u8])]) -> bool {
    let wanted: Vec<_> = files.iter().map(|(file, content)| to_verify(file, content)).collect();
    location.verify_version(placed.package, placed.version, &wanted, &f.key.public()).is_good()
}

fn nothing_left(location: &Location) -> bool {
    names(location.path()) == [".quarantine", ".staging", "location.json"]
        && names(&location.path().join(".staging")).is_empty()
}

#[test]
fn a_version_is_copied_with_its_manifest_and_its_original_stays_as_it_was() {
    let f = Fixture::new();
    let (small, big) = (bytes(1, 1000), bytes(2, BIG));
    let files: [(&str, &[u8]); 3] = [("a", &small), ("b", &big), ("c", b"")];
    let placed = f.placed(PackageId::new(), 7, &files);
    let before = fs::metadata(path(&f.location, &placed, "b")).unwrap();
    let to = f.other();
    let brought = bring(&f, &to, incoming(&placed, &files), Way::Copy).unwrap();
    assert!(is_whole(&to, &f, &placed, &files) && is_whole(&f.location, &f, &placed, &files));
    let manifest = |at: &Location| fs::read(path(at, &placed, "package.json")).unwrap();
    assert_eq!(manifest(&to), manifest(&f.location), "content and signature are kept");
    for file in &brought.files {
        assert!(!file.same_data);
        assert_ne!(fs::metadata(path(&to, &placed, file.name.as_str())).unwrap().ino(), before.ino());
    }
    assert_eq!(fs::metadata(path(&f.location, &placed, "b")).unwrap().ctime_nsec(), before.ctime_nsec());
    assert!(names(&to.path().join(".staging")).is_empty());
}

#[test]
fn the_same_content_is_stored_once_at_the_new_place_too() {
    let f = Fixture::new();
    let shared = bytes(3, 200_000);
    let placed: Vec<Placed> = (0..3).map(|_| f.placed(PackageId::new(), 1, &[("x", &shared)])).collect();
    let to = f.other();
    let all = placed[..2].iter().map(|one| incoming(one, &[("x", &shared)])).collect();
    let brought: Vec<Placed> =
        to.bring(&f.location, all, Way::Copy, &f.key.public(), watch()).into_iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(brought[0].files[0].stamp.inode, brought[1].files[0].stamp.inode);
    // A later batch links to what is known to be there.
    let mut third = incoming(&placed[2], &[("x", &shared)]);
    third.files[0].known = Some(existing(&brought[1], 0));
    let third = bring(&f, &to, third, Way::Copy).unwrap();
    assert_eq!(third.files[0].stamp.inode, brought[0].files[0].stamp.inode);
    assert_eq!(fs::metadata(path(&to, &placed[2], "x")).unwrap().nlink(), 3);
}

#[test]
fn what_was_known_and_has_changed_since_is_copied_instead() {
    let f = Fixture::new();
    let content = bytes(4, 100_000);
    let placed = f.placed(PackageId::new(), 1, &[("x", &content)]);
    let to = f.other();
    let mut one = incoming(&placed, &[("x", &content)]);
    let gone = Existing { package: PackageId::new(), ..existing(&placed, 0) };
    one.files[0].known = Some(gone);
    bring(&f, &to, one, Way::Copy).unwrap();
    assert!(is_whole(&to, &f, &placed, &[("x", &content)]));
}

#[test]
fn l_08_what_is_not_whole_is_named_and_nothing_of_it_is_taken() {
    type Spoil = fn(&Utf8PathBuf);
    type Fits = fn(&Finding) -> bool;
    let spoils: [(&str, Spoil, Fits); 5] = [
        ("changed", |p| fs::write(p, bytes(9, 100_000)).unwrap(), |f| matches!(f, Finding::Changed { .. })),
        ("truncated", |p| fs::write(p, b"x").unwrap(), |f| matches!(f, Finding::Truncated { .. })),
        ("longer", |p| fs::write(p, bytes(5, 100_001)).unwrap(), |f| matches!(f, Finding::TooLong { .. })),
        ("missing", |p| fs::remove_file(p).unwrap(), |f| matches!(f, Finding::Missing)),
        (
            "a link",
            |p| {
                fs::rename(p, p.with_file_name("../aside")).unwrap();
                std::os::unix::fs::symlink("../aside", p).unwrap();
            },
            |f| matches!(f, Finding::Link),
        ),
    ];
    for way in [Way::Copy, Way::SameData] {
        for (what, spoil, fits) in spoils {
            let f = Fixture::new();
            let content = bytes(5, 100_000);
            let files: [(&str, &[u8]); 2] = [("a", b"good"), ("x", &content)];
            let placed = f.placed(PackageId::new(), 1, &files);
            spoil(&path(&f.location, &placed, "x"));
            let to = f.other();
            match bring(&f, &to, incoming(&placed, &files), way) {
                Err(PlaceError::Original { bad, manifest: None, .. }) => {
                    assert_eq!(bad.len(), 1, "{what}: {bad:?}");
                    assert!(bad[0].name.as_str() == "x" && fits(&bad[0].finding), "{what}: {bad:?}");
                }
                other => panic!("{what}: {other:?}"),
            }
            assert!(nothing_left(&to), "{what}");
        }
    }
}

#[test]
fn l_07_a_folder_that_is_gone_and_a_manifest_that_lies_are_named() {
    let f = Fixture::new();
    let content = bytes(5, 1000);
    let files: [(&str, &[u8]); 1] = [("x", &content)];
    let (gone, lying) = (f.placed(PackageId::new(), 1, &files), f.placed(PackageId::new(), 1, &files));
    fs::remove_dir_all(path(&f.location, &gone, "")).unwrap();
    let of = |placed: &Placed| path(&f.location, placed, "package.json");
    let other = f.placed(PackageId::new(), 1, &files);
    fs::copy(of(&other), of(&lying)).unwrap();
    let to = f.other();
    let missing = bring(&f, &to, incoming(&gone, &files), Way::Copy).unwrap_err();
    assert!(
        matches!(&missing, PlaceError::Original { bad, .. } if matches!(bad[0].finding, Finding::Missing)),
        "{missing:?}"
    );
    let refused = bring(&f, &to, incoming(&lying, &files), Way::Copy).unwrap_err();
    assert!(matches!(&refused, PlaceError::Original { manifest: Some(_), .. }), "{refused:?}");
    // Rows that tell otherwise than the signed manifest.
    let told = bring(&f, &to, incoming(&other, &[("x", &bytes(6, 1000))]), Way::Copy).unwrap_err();
    assert!(matches!(&told, PlaceError::Original { manifest: Some(_), .. }), "{told:?}");
    assert!(nothing_left(&to));
}

#[test]
fn l_14_a_link_is_the_same_data_and_says_so() {
    let f = Fixture::new();
    let content = bytes(7, 100_000);
    let files: [(&str, &[u8]); 1] = [("x", &content)];
    let placed = f.placed(PackageId::new(), 1, &files);
    let to = f.other();
    assert_eq!(to.shares_data_with(&f.location).unwrap(), Sharing::HardLinks);
    let brought = bring(&f, &to, incoming(&placed, &files), Way::SameData).unwrap();
    let file = &brought.files[0];
    assert!(file.same_data && file.stamp.inode == placed.files[0].stamp.inode);
    assert!(is_whole(&to, &f, &placed, &files));
    // Our own link changed the inode's ctime: who has it at the old place, is served all the same.
    let (_, now) = f.location.open_file(placed.package, 1, &name("x")).unwrap();
    assert!(f.location.stamps().stands(&placed.files[0].stamp, &now));
    assert_eq!(now, file.stamp);
}

#[test]
fn l_14_a_copy_is_no_link_of_its_original_by_a_neighbour_that_was_linked_before() {
    let f = Fixture::new();
    let content = bytes(7, 100_000);
    let files: [(&str, &[u8]); 1] = [("x", &content)];
    let neighbour = f.placed(PackageId::new(), 1, &files);
    // At the old place both have one inode.
    let existing = |one: &Placed| Existing {
        package: one.package,
        version: 1,
        name: name("x"),
        stamp: one.files[0].stamp,
        sha256: one.files[0].sha256,
    };
    let new = NewVersion {
        content: vec![Content::Existing(existing(&neighbour))],
        ..f.new_version(PackageId::new(), 1, &files)
    };
    let placed = f.location.place(vec![new], &f.key).pop().unwrap().unwrap();
    assert_eq!(placed.files[0].stamp.inode, neighbour.files[0].stamp.inode);
    let to = f.other();
    let linked = bring(&f, &to, incoming(&neighbour, &files), Way::SameData).unwrap();
    let mut one = incoming(&placed, &files);
    one.files[0].known = Some(existing(&linked));
    let copied = bring(&f, &to, one, Way::Copy).unwrap();
    assert!(!copied.files[0].same_data && copied.files[0].stamp.inode != placed.files[0].stamp.inode);
    assert!(is_whole(&to, &f, &placed, &files));
}

#[test]
fn l_14_no_link_reaches_to_another_file_system_or_over_a_bind_mount() {
    let f = Fixture::new();
    let Ok(memory) = tempfile::tempdir_in("/dev/shm") else { return };
    let memory = Utf8PathBuf::from_path_buf(memory.path().join("packages")).unwrap();
    let to = f.beside(&memory, Arc::new(Native::default()));
    assert_eq!(to.shares_data_with(&f.location).unwrap(), Sharing::No);
    let content = bytes(7, 1000);
    let placed = f.placed(PackageId::new(), 1, &[("x", &content)]);
    let refused = bring(&f, &to, incoming(&placed, &[("x", &content)]), Way::SameData).unwrap_err();
    assert!(matches!(refused, PlaceError::CannotLink { .. }), "{refused:?}");
    assert!(nothing_left(&to));
    bring(&f, &to, incoming(&placed, &[("x", &content)]), Way::Copy).unwrap();
    assert!(is_whole(&to, &f, &placed, &[("x", &content)]));
}

#[test]
fn l_15_what_rots_on_its_way_to_the_disk_is_found_before_it_has_a_name() {
    let f = Fixture::new();
    let content = bytes(8, 100_000);
    let files: [(&str, &[u8]); 1] = [("x", &content)];
    let placed = f.placed(PackageId::new(), 1, &files);
    let disk = Arc::new(Faulty::new(0, Errno::IO, false));
    let to = f.beside(&Utf8PathBuf::from_path_buf(f.folder.path().join("rotting")).unwrap(), disk.clone());
    disk.read_wrong(u64::MAX);
    match bring(&f, &to, incoming(&placed, &files), Way::Copy) {
        Err(PlaceError::ReadBack { path, expected, found }) => {
            assert!(path.ends_with("x") && expected == placed.files[0].sha256 && found != expected);
        }
        other => panic!("{other:?}"),
    }
    assert!(nothing_left(&to));
    // What cannot be read back is not believed either.
    disk.read_wrong(0);
    disk.fail_reads(u64::MAX);
    let unreadable = bring(&f, &to, incoming(&placed, &files), Way::Copy).unwrap_err();
    assert!(matches!(unreadable, PlaceError::Disk(_)), "{unreadable:?}");
    assert!(nothing_left(&to) && is_whole(&f.location, &f, &placed, &files));
    // One wrong read is no rot.
    disk.fail_reads(0);
    disk.read_wrong(1);
    bring(&f, &to, incoming(&placed, &files), Way::Copy).unwrap();
    assert!(is_whole(&to, &f, &placed, &files));
}

#[test]
fn l_08_an_original_that_is_read_wrong_once_is_read_again() {
    let disk = Arc::new(Faulty::new(0, Errno::IO, false));
    let f = Fixture::on(disk.clone());
    let content = bytes(8, 100_000);
    let files: [(&str, &[u8]); 1] = [("x", &content)];
    let placed = f.placed(PackageId::new(), 1, &files);
    let to = f.other();
    disk.read_wrong(1);
    bring(&f, &to, incoming(&placed, &files), Way::Copy).unwrap();
    assert!(is_whole(&to, &f, &placed, &files));
}

#[test]
fn l_10_what_lies_at_the_new_place_is_never_overwritten() {
    let f = Fixture::new();
    let content = bytes(8, 1000);
    let placed = f.placed(PackageId::new(), 1, &[("x", &content)]);
    let to = f.other();
    let foreign = path(&to, &placed, "theirs");
    fs::create_dir_all(foreign.parent().unwrap()).unwrap();
    fs::write(&foreign, "keep me").unwrap();
    let refused = bring(&f, &to, incoming(&placed, &[("x", &content)]), Way::Copy).unwrap_err();
    assert!(matches!(refused, PlaceError::Occupied { .. }), "{refused:?}");
    assert_eq!(fs::read(&foreign).unwrap(), b"keep me");
    assert!(names(&to.path().join(".staging")).is_empty());
    // Another version of the package is no obstacle.
    let next = f.placed(placed.package, 2, &[("x", &content)]);
    bring(&f, &to, incoming(&next, &[("x", &content)]), Way::Copy).unwrap();
}

#[test]
fn a_stop_leaves_what_was_not_begun_where_it_is() {
    let f = Fixture::new();
    let content = bytes(8, BIG);
    let placed = f.placed(PackageId::new(), 1, &[("x", &content)]);
    let to = f.other();
    let copied = std::sync::atomic::AtomicU64::new(0);
    let stopped = || copied.load(std::sync::atomic::Ordering::SeqCst) > 0;
    let bytes = |more| {
        copied.fetch_add(more, std::sync::atomic::Ordering::SeqCst);
    };
    let watch = Watch { stopped: &stopped, bytes: &bytes };
    let one = incoming(&placed, &[("x", &content)]);
    let result = to.bring(&f.location, vec![one], Way::Copy, &f.key.public(), watch).pop().unwrap();
    assert!(matches!(result, Err(PlaceError::Stopped { .. })), "{result:?}");
    assert!(nothing_left(&to));
}

/// Brings three versions over a disk whose n-th call fails; what was said to be placed is whole after a fresh start, the
/// originals always are.
fn sweep(error: Errno, for_ever: bool, way: Way) {
    let (small, big) = (bytes(1, 1000), bytes(2, 300_000));
    let files: [(&str, &[u8]); 2] = [("a", &small), ("b", &big)];
    for call in 1.. {
        let f = Fixture::in_memory(Arc::new(Native::default()));
        let placed: Vec<Placed> = (0..3).map(|_| f.placed(PackageId::new(), 1, &files)).collect();
        let disk = Arc::new(Faulty::new(0, error, for_ever));
        let to = f.beside(&Utf8PathBuf::from_path_buf(f.folder.path().join("other")).unwrap(), disk.clone());
        disk.arm(call);
        let all = placed.iter().map(|one| incoming(one, &files)).collect();
        let results = to.bring(&f.location, all, way, &f.key.public(), watch());
        let calls = disk.calls();
        let again = Location::open(to.path(), Some(to.id()), f.deployment).unwrap();
        again.clear_staging(&|_| false).unwrap();
        for (one, result) in placed.iter().zip(&results) {
            assert!(is_whole(&f.location, &f, one, &files), "call {call}: an original");
            match result {
                Ok(_) => assert!(is_whole(&again, &f, one, &files), "call {call}: {result:?}"),
                Err(_) if again.has_version(one.package, 1) => {
                    assert!(is_whole(&again, &f, one, &files), "call {call}: half there");
                }
                Err(_) => {}
            }
        }
        assert!(names(&again.path().join(".staging")).is_empty(), "call {call}");
        if calls < call {
            assert!(results.iter().all(Result::is_ok) && call > 15, "the sweep saw all calls");
            return;
        }
    }
}

#[test]
fn l_05_an_io_error_of_the_new_disk_at_any_call_leaves_the_old_place_whole_and_the_new_one_clean() {
    sweep(Errno::IO, false, Way::Copy);
    sweep(Errno::IO, false, Way::SameData);
}

#[test]
fn l_04_a_full_disk_at_any_call_leaves_the_old_place_whole_and_the_new_one_clean() {
    sweep(Errno::NOSPC, false, Way::Copy);
}

#[test]
fn l_05_a_new_disk_that_dies_at_any_call_leaves_the_old_place_whole() {
    sweep(Errno::IO, true, Way::Copy);
}

#[test]
fn what_the_file_system_can_do_is_tried_and_leaves_no_trace() {
    let f = Fixture::new();
    let probes = f.location.probe().unwrap();
    assert!(probes.case_sensitive && probes.keeps_names && probes.hard_links, "{probes:?}");
    f.location.measure(&bytes(1, 1 << 20)).unwrap();
    assert!(nothing_left(&f.location));
}
