//! Looking closely: wrong reads, failing reads, stamps, access.

use std::{
    os::unix::fs::PermissionsExt as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use patchwharf_model::PackageId;
use rustix::io::Errno;

use super::fixture::*;
use crate::{Access, Closeness, Finding, Freely, Hashed, Meter, disk::faulty::Faulty};

fn bytes_of<'a>(hashed: Option<&'a Hashed>, meter: &'a dyn Meter) -> Closeness<'a> {
    Closeness::Bytes { believed: None, wrong: None, past_cache: false, hashed, meter }
}

fn faulty(content: &[u8]) -> (Fixture, Arc<Faulty>, PackageId) {
    let disk = Arc::new(Faulty::new(0, Errno::IO, false));
    let f = Fixture::on(Arc::clone(&disk) as Arc<dyn crate::disk::Disk>);
    let package = PackageId::new();
    f.placed(package, 1, &[("file", content)]);
    (f, disk, package)
}

#[test]
fn g_10_a_wrong_read_that_passes_is_no_damage_and_two_that_agree_are() {
    let content = bytes(1, 1000);
    let (f, disk, package) = faulty(&content);
    disk.read_wrong(1);
    let finding = f.location.verify_file(package, 1, &to_verify("file", &content));
    assert!(matches!(finding, Finding::Good { .. }), "{finding:?}");
    disk.read_wrong(2);
    let finding = f.location.verify_file(package, 1, &to_verify("file", &content));
    assert!(matches!(finding, Finding::Changed { .. }), "{finding:?}");
}

#[test]
fn g_09_a_disk_that_cannot_read_is_said() {
    let content = bytes(1, 1000);
    let (f, disk, package) = faulty(&content);
    disk.fail_reads(1);
    let finding = f.location.verify_file(package, 1, &to_verify("file", &content));
    assert!(matches!(&finding, Finding::Unreadable(error) if error.errno() == Some(Errno::IO)), "{finding:?}");
}

#[test]
fn a_stamp_that_stands_is_enough_for_a_light_look_and_another_one_proves_nothing() {
    let f = Fixture::new();
    let package = PackageId::new();
    let placed = f.placed(package, 1, &[("file", b"content")]);
    let (file, stamp) = (to_verify("file", b"content"), placed.files[0].stamp);
    let look = |closeness: Closeness<'_>| f.location.open_version(package, 1).unwrap().file(&file, &closeness).unwrap();
    let before = f.location.counts().reads;
    assert!(matches!(look(Closeness::Stamp(Some(&stamp))).finding, Finding::Good { .. }));
    assert!(matches!(look(Closeness::Stamp(None)).finding, Finding::Unproved { .. }));
    let mut other = stamp;
    other.mtime_ns -= 1;
    assert!(matches!(look(Closeness::Stamp(Some(&other))).finding, Finding::Unproved { .. }));
    assert_eq!(f.location.counts().reads, before, "nothing is read");
    let believed =
        Closeness::Bytes { believed: Some(&stamp), wrong: None, past_cache: true, hashed: None, meter: &Freely };
    let seen = look(believed);
    assert!(matches!(seen.finding, Finding::Good { .. }) && !seen.hashed && seen.read_bytes == 0, "{seen:?}");
    let found = patchwharf_trust::sha256(b"another");
    let wrong = Closeness::Bytes {
        believed: None,
        wrong: Some((&stamp, found)),
        past_cache: false,
        hashed: None,
        meter: &Freely,
    };
    let seen = look(wrong);
    assert!(matches!(seen.finding, Finding::Changed { found: it, .. } if it == found), "{seen:?}");
    assert_eq!(f.location.counts().reads, before, "what was found under the same stamp is believed");
}

#[test]
fn the_same_inode_is_read_once() {
    let f = Fixture::new();
    let (one, two) = (PackageId::new(), PackageId::new());
    let first = f.placed(one, 1, &[("file", b"content")]);
    let next = crate::NewVersion {
        manifest: manifest(two, 1, &[("file", b"content")]),
        content: vec![crate::Content::Existing(existing(&first, 0))],
    };
    f.location.place(vec![next], &f.key).pop().unwrap().unwrap();
    let hashed = Hashed::default();
    let before = f.location.counts().reads;
    for package in [one, two] {
        let open = f.location.open_version(package, 1).unwrap();
        let look = open.file(&to_verify("file", b"content"), &bytes_of(Some(&hashed), &Freely)).unwrap();
        assert!(look.shared && look.hashed && matches!(look.finding, Finding::Good { .. }), "{look:?}");
    }
    assert_eq!(f.location.counts().reads - before, 1);
}

/// Lets so many pieces pass.
struct Pieces(AtomicU64);

impl Meter for Pieces {
    fn pass(&self, _bytes: u64) -> bool {
        self.0.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

#[test]
fn reading_can_be_broken_off_between_two_pieces() {
    let f = Fixture::new();
    let package = PackageId::new();
    let content = bytes(1, 700_000);
    f.placed(package, 1, &[("file", &content)]);
    let open = f.location.open_version(package, 1).unwrap();
    let meter = Pieces(AtomicU64::new(2));
    assert!(open.file(&to_verify("file", &content), &bytes_of(None, &meter)).is_none());
    let meter = Pieces(AtomicU64::new(3));
    assert!(open.file(&to_verify("file", &content), &bytes_of(None, &meter)).is_some());
}

#[test]
fn g_04_folders_that_others_can_change_are_named_and_closed() {
    let f = Fixture::new();
    let package = PackageId::new();
    f.placed(package, 1, &[("file", b"content")]);
    assert!(f.location.own_access().unwrap().is_empty());
    let chmod = |path: &camino::Utf8Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let above = f.location.path().join(package.to_string());
    chmod(&above, 0o777);
    chmod(&above.join("1"), 0o720);
    chmod(&f.location.path().join(".staging"), 0o1777);
    let open = f.location.open_version(package, 1).unwrap();
    let found: Vec<_> = open.access().iter().map(|one| one.path.clone()).collect();
    assert_eq!(found, [camino::Utf8PathBuf::from(package.to_string()), format!("{package}/1").into()]);
    assert!(matches!(open.access()[0].access, Access::Open { mode: 0o777, .. }), "{:?}", open.access());
    let own = f.location.own_access().unwrap();
    assert_eq!(own.len(), 1);
    for one in open.access().iter().chain(&own) {
        f.location.tighten_folder(&one.path).unwrap();
    }
    assert!(f.location.open_version(package, 1).unwrap().access().is_empty());
    assert!(f.location.own_access().unwrap().is_empty());
}

#[test]
fn a_manifest_of_a_server_that_shares_the_database_is_believed() {
    let f = Fixture::new();
    let package = PackageId::new();
    f.placed(package, 1, &[("file", b"content")]);
    let other = patchwharf_trust::ManifestKey::open_or_make(&f.folder.path().join("other.key")).unwrap();
    let alone = crate::KnownKeys::new(other.public(), Vec::new());
    assert!(matches!(f.location.manifest(package, 1, &alone), Err(crate::ManifestError::OtherKey { .. })));
    let together = crate::KnownKeys::new(other.public(), vec![f.key.public()]);
    assert!(f.location.manifest(package, 1, &together).is_ok());
}

#[test]
fn what_is_left_in_staging_is_named_as_it_would_be_cleared() {
    let f = Fixture::new();
    let staging = f.location.path().join(".staging");
    std::fs::create_dir_all(staging.join("0".repeat(64))).unwrap();
    std::fs::create_dir_all(staging.join("1".repeat(64))).unwrap();
    std::fs::create_dir_all(staging.join("build-x")).unwrap();
    std::fs::write(staging.join("notes.txt"), "mine").unwrap();
    let in_use = crate::Partial::open(&f.location, expected(&bytes(3, 100))).unwrap();
    let wanted = |name: &str| name.starts_with('1');
    let mut left: Vec<_> = f.location.leftovers(&wanted).unwrap().into_iter().map(|one| one.name).collect();
    left.sort();
    assert_eq!(left, ["0".repeat(64), "build-x".to_owned(), "notes.txt".to_owned()]);
    let mut gone = f.location.clear_staging(&wanted).unwrap();
    gone.sort();
    assert_eq!(gone, left[..2]);
    drop(in_use);
}

#[test]
fn a_survey_names_what_a_walk_names() {
    let f = Fixture::new();
    for _ in 0..200 {
        f.placed(PackageId::new(), 1, &[("file", b"content")]);
    }
    let (whole, empty) = (PackageId::new(), PackageId::new());
    f.placed(whole, 7, &[("file", b"content")]);
    std::fs::create_dir(f.location.path().join(empty.to_string())).unwrap();
    std::fs::write(f.location.path().join("holiday.jpg"), "mine").unwrap();
    let mut walked = Vec::new();
    f.location
        .scan(&mut |found| {
            walked.push(format!("{found:?}"));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    let mut surveyed: Vec<String> = f.location.survey().unwrap().iter().map(|found| format!("{found:?}")).collect();
    walked.sort();
    surveyed.sort();
    assert_eq!(surveyed, walked);
    assert_eq!(f.location.folders_of(whole).len(), 1);
    assert!(f.location.folders_of(PackageId::new()).is_empty());
}
