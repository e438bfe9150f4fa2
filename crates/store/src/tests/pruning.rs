use std::{fs, sync::Arc};

use camino::Utf8PathBuf;
use patchwharf_model::PackageId;
use patchwharf_trust::ManifestKey;
use rustix::io::Errno;

use super::fixture::*;
use crate::{Content, Location, NewVersion, Placed, Pruned, ToPrune, UnlinkError, disk::faulty::Faulty};

fn to_prune(placed: &Placed, files: &[(&str, &[u8])]) -> ToPrune {
    let files = files.iter().map(|(file, content)| to_verify(file, content)).collect();
    ToPrune { package: placed.package, version: placed.version, files }
}

fn prune(f: &Fixture, one: ToPrune) -> Result<Pruned, UnlinkError> {
    f.location.prune(&[one], &f.key.public()).pop().unwrap()
}

#[test]
fn l_16_an_original_goes_with_its_folder_and_doing_it_again_is_no_error() {
    let f = Fixture::new();
    let content = bytes(1, 5000);
    let files: [(&str, &[u8]); 2] = [("a", b"a"), ("x", &content)];
    let one = f.placed(PackageId::new(), 1, &files);
    let neighbour = NewVersion {
        manifest: manifest(PackageId::new(), 1, &files),
        content: (0..2).map(|n| Content::Existing(existing(&one, n))).collect(),
    };
    let two = f.location.place(vec![neighbour], &f.key).pop().unwrap().unwrap();
    let done = prune(&f, to_prune(&one, &files)).unwrap();
    assert_eq!((done.files, done.left.len()), (3, 0));
    assert_eq!(done.restamped.len(), 2, "both files live on in the other package: {done:?}");
    assert!(!f.location.path().join(one.package.to_string()).exists());
    assert_eq!(prune(&f, to_prune(&one, &files)).unwrap(), Pruned::default());
    let (before, after) = done.restamped[0];
    assert!(two.files.iter().any(|file| file.stamp == before));
    let (_, now) = f.location.open_file(two.package, 1, &name("a")).unwrap();
    assert!([after, done.restamped[1].1].contains(&now));
}

#[test]
fn d_11_only_what_this_server_put_there_goes() {
    let f = Fixture::new();
    let content = bytes(1, 5000);
    let files: [(&str, &[u8]); 2] = [("a", b"a"), ("x", &content)];
    let placed = f.placed(PackageId::new(), 1, &files);
    let at = |file: &str| f.path_of(placed.package, 1, file);
    fs::write(at("notes.txt"), "theirs").unwrap();
    fs::create_dir(at("folder")).unwrap();
    let outside = Utf8PathBuf::from_path_buf(f.folder.path().join("outside")).unwrap();
    fs::write(&outside, "never touched").unwrap();
    std::os::unix::fs::symlink(&outside, at("link")).unwrap();
    let mut left = prune(&f, to_prune(&placed, &files)).unwrap().left;
    left.sort();
    assert_eq!(left, ["folder", "link", "notes.txt"]);
    assert_eq!(names(&at("")), ["folder", "link", "notes.txt"]);
    assert_eq!(fs::read(&outside).unwrap(), b"never touched");
}

#[test]
fn d_11_where_a_file_is_not_what_it_was_nothing_of_the_original_goes() {
    let content = bytes(1, 5000);
    let files: [(&str, &[u8]); 2] = [("a", b"a"), ("x", &content)];
    for wrong in ["shorter", "link", "folder"] {
        let f = Fixture::new();
        let placed = f.placed(PackageId::new(), 1, &files);
        let at = |file: &str| f.path_of(placed.package, 1, file);
        fs::remove_file(at("x")).unwrap();
        match wrong {
            "shorter" => fs::write(at("x"), "somebody's own, shorter").unwrap(),
            "link" => std::os::unix::fs::symlink(at("a"), at("x")).unwrap(),
            _ => fs::create_dir(at("x")).unwrap(),
        }
        let refused = prune(&f, to_prune(&placed, &files));
        assert!(matches!(&refused, Err(UnlinkError::Changed { path }) if *path == at("x")), "{wrong}: {refused:?}");
        assert_eq!(names(&at("")), ["a", "package.json", "x"], "{wrong}");
    }
}

#[test]
fn d_11_a_folder_without_our_manifest_is_ours_only_by_its_bytes() {
    let f = Fixture::new();
    let content = bytes(1, 5000);
    let files: [(&str, &[u8]); 2] = [("a", b"a"), ("x", &content)];
    let placed = f.placed(PackageId::new(), 1, &files);
    fs::remove_file(f.path_of(placed.package, 1, "package.json")).unwrap();
    fs::write(f.path_of(placed.package, 1, "x"), bytes(2, 5000)).unwrap();
    let refused = prune(&f, to_prune(&placed, &files));
    assert!(matches!(refused, Err(UnlinkError::Changed { .. })), "{refused:?}");
    assert_eq!(names(&f.path_of(placed.package, 1, "")), ["a", "x"]);
    fs::remove_file(f.path_of(placed.package, 1, "x")).unwrap();
    assert!(prune(&f, to_prune(&placed, &files)).unwrap().left.is_empty());
    // Another server's.
    let other = ManifestKey::open_or_make(&f.folder.path().join("other.key")).unwrap();
    let theirs = f.placed(PackageId::new(), 1, &files);
    let refused = f.location.prune(&[to_prune(&theirs, &files)], &other.public()).pop().unwrap();
    assert!(matches!(refused, Err(UnlinkError::Manifest(_))), "{refused:?}");
    assert_eq!(names(&f.path_of(theirs.package, 1, "")).len(), 3);
}

#[test]
fn c_22_without_its_marker_nothing_of_a_location_is_pruned() {
    let f = Fixture::new();
    let placed = f.placed(PackageId::new(), 1, &[("a", b"a")]);
    fs::remove_file(f.location.path().join("location.json")).unwrap();
    let refused = prune(&f, to_prune(&placed, &[("a", b"a")]));
    assert!(matches!(refused, Err(UnlinkError::Location(_))), "{refused:?}");
    assert_eq!(names(&f.path_of(placed.package, 1, "")).len(), 2);
}

#[test]
fn d_06_a_package_folder_that_was_exchanged_for_a_link_is_not_followed() {
    let f = Fixture::new();
    let placed = f.placed(PackageId::new(), 1, &[("a", b"a")]);
    let (ours, away) = (f.location.path().join(placed.package.to_string()), f.folder.path().join("away"));
    fs::rename(&ours, &away).unwrap();
    std::os::unix::fs::symlink(&away, &ours).unwrap();
    let refused = prune(&f, to_prune(&placed, &[("a", b"a")]));
    assert!(matches!(refused, Err(UnlinkError::NotOurs { .. })), "{refused:?}");
    assert!(away.join("1/a").is_file());
}

#[test]
fn l_16_a_prune_that_breaks_off_at_any_call_is_finished_by_the_next() {
    let content = bytes(1, 5000);
    let files: [(&str, &[u8]); 2] = [("a", b"a"), ("x", &content)];
    for call in 1.. {
        let disk = Arc::new(Faulty::new(0, Errno::IO, false));
        let f = Fixture::in_memory(disk.clone());
        let placed = f.placed(PackageId::new(), 1, &files);
        disk.arm(call);
        let result = prune(&f, to_prune(&placed, &files));
        let calls = disk.calls();
        if result.is_err() {
            let again: Arc<Location> = f.restarted();
            let done = again.prune(&[to_prune(&placed, &files)], &f.key.public()).pop().unwrap().unwrap();
            assert!(done.left.is_empty(), "call {call}: {done:?}");
        }
        assert!(!f.location.path().join(placed.package.to_string()).exists(), "call {call}");
        if calls < call {
            assert!(call > 5 && result.is_ok());
            return;
        }
    }
}

#[test]
fn an_original_that_is_a_link_of_what_is_served_frees_nothing() {
    let f = Fixture::new();
    let placed = f.placed(PackageId::new(), 1, &[("a", b"linked")]);
    let to = f.other();
    fs::create_dir_all(to.path().join("kept")).unwrap();
    fs::hard_link(f.path_of(placed.package, 1, "a"), to.path().join("kept/a")).unwrap();
    let done = prune(&f, to_prune(&placed, &[("a", b"linked")])).unwrap();
    assert!(done.restamped.len() == 1 && done.files == 2, "{done:?}");
    assert_eq!(fs::read(to.path().join("kept/a")).unwrap(), b"linked");
}
