//! Folders that are not ours.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _, fs::PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::{PackageId, package::ProofStamp};
use patchwharf_trust::sha256;

use super::fixture::*;
use crate::{
    Content, ForeignError, ForeignFolder, Given, Hashing, Met, NewVersion, NotEntered, PlaceError, Placed, TakeAs,
    Taken, place::Watch,
};

const BIG: usize = 200_000;
const WATCH: Watch<'static> = Watch { stopped: &|| false, bytes: &|_| {} };

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(home.path().canonicalize().unwrap().join("usb")).unwrap();
    fs::create_dir(&path).unwrap();
    (home, path)
}

fn open(path: &Utf8Path) -> Arc<ForeignFolder> {
    Arc::new(ForeignFolder::open(path).unwrap())
}

fn walked(folder: &ForeignFolder) -> (BTreeMap<PathBuf, ProofStamp>, Vec<(PathBuf, NotEntered)>) {
    let (mut files, mut rest) = (BTreeMap::new(), Vec::new());
    folder
        .walk(&mut |met| {
            match met {
                Met::File { below, stamp } => drop(files.insert(below, stamp)),
                Met::NotEntered { below, why } => rest.push((below, why)),
            }
            true
        })
        .unwrap();
    (files, rest)
}

fn given(folder: &Arc<ForeignFolder>, below: &str, wish: TakeAs) -> Arc<Given> {
    match folder.hash(Path::new(below), false, WATCH) {
        Hashing::Done { digests, stamp } => Arc::new(Given::new(folder, Path::new(below), stamp, digests, wish)),
        other => panic!("{other:?}"),
    }
}

fn place(f: &Fixture, package: PackageId, content: &[u8], given: &Arc<Given>) -> Result<Placed, PlaceError> {
    let version = NewVersion {
        manifest: manifest(package, 1, &[("file", content)]),
        content: vec![Content::Given(Arc::clone(given))],
    };
    f.location.place(vec![version], &f.key).pop().unwrap()
}

#[test]
fn only_a_folder_that_is_named_by_its_real_path_is_opened() {
    let (_home, path) = folder();
    fs::write(path.join("file"), "x").unwrap();
    std::os::unix::fs::symlink(&path, path.parent().unwrap().join("link")).unwrap();
    let refused = |path: &str| ForeignFolder::open(path.into()).unwrap_err();
    assert!(matches!(refused("usb"), ForeignError::NotAbsolute { .. }));
    assert!(matches!(refused(&format!("{path}/../usb")), ForeignError::NotAbsolute { .. }));
    assert!(matches!(refused(&format!("{path}/file")), ForeignError::NotAFolder { .. }));
    assert!(matches!(refused(&format!("{path}/nothing")), ForeignError::NotAFolder { .. }));
    assert!(matches!(refused(path.parent().unwrap().join("link").as_str()), ForeignError::Link { .. }));
    assert_eq!(open(&Utf8PathBuf::from(format!("{path}//."))).path(), path);
}

#[test]
fn a_walk_meets_every_file_follows_nothing_and_waits_for_nothing() {
    let (home, path) = folder();
    fs::create_dir_all(path.join("a/b")).unwrap();
    fs::write(home.path().join("secret"), "s").unwrap();
    let odd = path.as_std_path().join(std::ffi::OsStr::from_bytes(b"a/\xff.exe"));
    for file in [&path.join("one").into_std_path_buf(), &path.join("a/b/two").into_std_path_buf(), &odd] {
        fs::write(file, "x").unwrap();
    }
    std::os::unix::fs::symlink("../secret", path.join("out")).unwrap();
    std::os::unix::fs::symlink("..", path.join("a/loop")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, path.join("a/pipe").as_std_path(), rustix::fs::Mode::RWXU).unwrap();
    let mut deep = path.clone();
    for _ in 0..70 {
        deep.push("d");
    }
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("buried"), "x").unwrap();
    let folder = open(&path);
    let (files, rest) = walked(&folder);
    let names: Vec<String> = files.keys().map(|below| crate::foreign::shown(below)).collect();
    assert_eq!(names, ["a/b/two", "a/\\xff.exe", "one"]);
    let links = rest.iter().filter(|(_, why)| matches!(why, NotEntered::Link)).count();
    let pipes = rest.iter().filter(|(_, why)| matches!(why, NotEntered::NotAFile)).count();
    let deep = rest.iter().filter(|(_, why)| matches!(why, NotEntered::TooDeep)).count();
    assert_eq!((links, pipes, deep, rest.len()), (2, 1, 1, 4), "{rest:?}");
    // What a walk has met is read by the same rules when something else lies there now.
    fs::remove_file(path.join("one")).unwrap();
    std::os::unix::fs::symlink("../secret", path.join("one")).unwrap();
    assert!(matches!(folder.hash(Path::new("one"), false, WATCH), Hashing::Unreadable(_)));
    assert!(matches!(folder.hash(Path::new("a/pipe"), false, WATCH), Hashing::Gone));
    assert!(matches!(folder.hash(Path::new("nothing"), false, WATCH), Hashing::Gone));
}

#[test]
fn a_file_that_changes_while_it_is_read_is_not_believed() {
    let (_home, path) = folder();
    fs::write(path.join("file"), bytes(1, BIG)).unwrap();
    let folder = open(&path);
    let touch = |_| fs::write(path.join("file"), bytes(2, BIG)).unwrap();
    let found = folder.hash(Path::new("file"), true, Watch { stopped: &|| false, bytes: &touch });
    assert!(matches!(found, Hashing::Unsteady), "{found:?}");
    let Hashing::Done { digests, .. } = folder.hash(Path::new("file"), true, WATCH) else { panic!("it is at rest") };
    assert_eq!((digests.sha256, digests.sha1), (sha256(&bytes(2, BIG)), Some(patchwharf_trust::sha1(&bytes(2, BIG)))));
    let stopped = folder.hash(Path::new("file"), false, Watch { stopped: &|| true, bytes: &|_| {} });
    assert!(matches!(stopped, Hashing::Stopped));
}

#[test]
fn a_given_file_is_copied_once_and_left_as_it_was() {
    let f = Fixture::new();
    let (_home, path) = folder();
    let content = bytes(1, BIG);
    fs::write(path.join("any name"), &content).unwrap();
    let before = fs::metadata(path.join("any name")).unwrap();
    let folder = open(&path);
    let given = given(&folder, "any name", TakeAs::Copy);
    let (one, two) = (PackageId::new(), PackageId::new());
    let first = place(&f, one, &content, &given).unwrap();
    assert_eq!((given.taken(), first.files[0].same_data), (Some(Taken::Copied), false));
    let second = place(&f, two, &content, &given).unwrap();
    assert!(second.files[0].same_data && second.files[0].stamp.inode == first.files[0].stamp.inode);
    assert_eq!(digest_of(&f.path_of(two, 1, "file")), sha256(&content));
    let after = fs::metadata(path.join("any name")).unwrap();
    let facts = |meta: &fs::Metadata| {
        (meta.ino(), meta.nlink(), meta.mode(), meta.mtime_nsec(), meta.ctime_nsec(), meta.atime_nsec())
    };
    assert_eq!(facts(&before), facts(&after), "not even the time of its last access");
}

#[test]
fn a_given_file_that_changed_after_it_was_hashed_is_not_placed() {
    let f = Fixture::new();
    let (_home, path) = folder();
    let content = bytes(1, BIG);
    for wish in [TakeAs::Share, TakeAs::Link, TakeAs::Copy] {
        fs::write(path.join("file"), &content).unwrap();
        let folder = open(&path);
        let given = given(&folder, "file", wish);
        fs::write(path.join("file"), bytes(2, BIG)).unwrap();
        let package = PackageId::new();
        let refused = place(&f, package, &content, &given).unwrap_err();
        assert!(matches!(refused, PlaceError::Exchanged { .. }), "{refused:?}");
        assert!(!f.path_of(package, 1, "file").exists());
        assert!(names(&f.location.path().join(".staging")).is_empty());
        assert_eq!(fs::read(path.join("file")).unwrap(), bytes(2, BIG), "it is theirs");
    }
}

#[test]
fn a_hard_link_is_made_only_of_a_file_that_nobody_else_can_write() {
    let f = Fixture::new();
    let path = Utf8Path::from_path(f.folder.path()).unwrap().join("usb");
    fs::create_dir(&path).unwrap();
    for (name, mode, taken) in [("ours", 0o644, Taken::Linked), ("open", 0o666, Taken::Copied)] {
        let content = bytes(mode as u8, BIG);
        fs::write(path.join(name), &content).unwrap();
        fs::set_permissions(path.join(name), fs::Permissions::from_mode(mode)).unwrap();
        let folder = open(&path);
        let given = given(&folder, name, TakeAs::Link);
        let would = f.location.would_take(&given).unwrap();
        let placed = place(&f, PackageId::new(), &content, &given).unwrap();
        let inode = fs::metadata(path.join(name)).unwrap().ino();
        if taken == Taken::Linked {
            assert_eq!((given.taken(), would), (Some(taken), taken));
        } else {
            assert!(given.taken() != Some(Taken::Linked) && would != Taken::Linked, "{name}");
        }
        assert_eq!(placed.files[0].stamp.inode == inode, taken == Taken::Linked, "{name}");
        let files = [to_verify("file", &content)];
        assert!(f.location.verify_version(placed.package, 1, &files, &f.key.public()).is_good(), "{name}");
    }
}
