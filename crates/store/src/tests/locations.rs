use std::os::unix::fs::PermissionsExt as _;

use camino::Utf8Path;
use patchwharf_model::{DeploymentId, LocationId};

use super::fixture::*;
use crate::{Location, OpenError};

fn open(f: &Fixture) -> Result<Location, OpenError> {
    Location::open(f.location.path(), Some(f.location.id()), f.deployment)
}

#[test]
fn a_location_is_known_again() {
    let f = Fixture::new();
    let again = open(&f).unwrap();
    assert_eq!(again.marker(), f.location.marker());
    assert!(again.space().unwrap().free_bytes > 0);
}

#[test]
fn c_22_an_empty_mount_point_is_no_location_and_says_that_nothing_is_deleted() {
    let f = Fixture::new();
    std::fs::remove_file(f.location.path().join("location.json")).unwrap();
    let error = open(&f).unwrap_err();
    assert!(matches!(error, OpenError::NoMarker { .. }));
    assert!(error.to_string().contains("NOT taken for deleted"));
}

#[test]
fn c_22_a_path_through_a_link_is_refused() {
    let f = Fixture::new();
    let link = Utf8Path::from_path(f.folder.path()).unwrap().join("link");
    std::os::unix::fs::symlink(f.location.path(), &link).unwrap();
    assert!(matches!(Location::open(&link, None, f.deployment), Err(OpenError::Link { .. })));
    let outer = Utf8Path::from_path(f.folder.path()).unwrap().join("outer");
    std::os::unix::fs::symlink(f.folder.path(), &outer).unwrap();
    assert!(matches!(Location::open(&outer.join("packages"), None, f.deployment), Err(OpenError::Link { .. })));
}

#[test]
fn c_22_a_staging_folder_that_is_a_link_is_refused() {
    let f = Fixture::new();
    std::fs::remove_dir(f.location.path().join(".staging")).unwrap();
    std::os::unix::fs::symlink("/tmp", f.location.path().join(".staging")).unwrap();
    assert!(matches!(open(&f), Err(OpenError::Link { .. })));
}

#[test]
fn another_deployments_location_is_refused_and_the_ways_in_are_named() {
    let f = Fixture::new();
    let error = Location::open(f.location.path(), None, DeploymentId::new()).unwrap_err().to_string();
    for way in ["location adopt", "store rebuild --take-over", "restore"] {
        assert!(error.contains(way), "{error}");
    }
    let other = Location::open(f.location.path(), Some(LocationId::new()), f.deployment);
    assert!(matches!(other, Err(OpenError::OtherLocation { .. })));
}

#[test]
fn a_newer_layout_is_refused() {
    let f = Fixture::new();
    std::fs::write(f.location.path().join("location.json"), r#"{"format": 2, "news": true}"#).unwrap();
    assert!(matches!(open(&f), Err(OpenError::NewerFormat { found: 2, known: 1, .. })));
    std::fs::write(f.location.path().join("location.json"), "{").unwrap();
    assert!(matches!(open(&f), Err(OpenError::BadMarker { .. })));
}

#[test]
fn c_21_a_folder_that_others_can_write_is_refused_and_chmod_is_named() {
    for folder in ["", ".staging", ".quarantine"] {
        let f = Fixture::new();
        let path = f.location.path().join(folder);
        for mode in [0o775, 0o757, 0o777] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = open(&f).unwrap_err();
            assert!(matches!(error, OpenError::Writable { .. }) && error.to_string().contains("chmod go-w"), "{error}");
        }
    }
}

#[test]
fn c_21_a_folder_of_another_user_is_refused() {
    let f = Fixture::new();
    if std::os::unix::fs::chown(f.location.path(), Some(65534), None).is_err() {
        return patchwharf_testkit::skipped("only root can give a folder away");
    }
    assert!(matches!(open(&f), Err(OpenError::Owner { owner: 65534, .. })));
}

#[test]
fn a_new_location_needs_an_empty_folder() {
    let f = Fixture::new();
    let again = Location::create(f.location.path(), f.deployment, now());
    assert!(matches!(again, Err(OpenError::NotEmpty { .. })));
    let relative = Location::create(Utf8Path::new("packages"), f.deployment, now());
    assert!(matches!(relative, Err(OpenError::Relative { .. })));
}

#[test]
fn opening_leaves_no_trace() {
    let f = Fixture::new();
    open(&f).unwrap();
    assert_eq!(names(f.location.path()), [".quarantine", ".staging", "location.json"]);
    assert!(names(&f.location.path().join(".staging")).is_empty());
}

#[test]
fn c_16_a_staging_folder_on_another_file_system_is_refused() {
    let f = Fixture::new();
    let staging = f.location.path().join(".staging");
    let mount =
        |args: &[&str]| std::process::Command::new(args[0]).args(&args[1..]).output().is_ok_and(|o| o.status.success());
    if !mount(&["mount", "-t", "tmpfs", "-o", "mode=0755", "none", staging.as_str()]) {
        return patchwharf_testkit::skipped("mounting is not allowed here");
    }
    let result = open(&f);
    assert!(mount(&["umount", staging.as_str()]));
    assert!(matches!(result, Err(OpenError::OtherFileSystem { .. })), "{result:?}");
}
