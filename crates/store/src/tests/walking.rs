use std::ops::ControlFlow;

use patchwharf_model::PackageId;

use super::fixture::*;
use crate::{Found, Partial, StagingKind};

fn all(f: &Fixture) -> Vec<String> {
    let mut found = Vec::new();
    f.location
        .scan(&mut |thing| {
            found.push(format!("{thing:?}"));
            ControlFlow::Continue(())
        })
        .unwrap();
    found.sort();
    found
}

#[test]
fn r_05_a_walk_names_versions_empty_folders_left_overs_and_foreign_things() {
    let f = Fixture::new();
    let (whole, empty) = (PackageId::new(), PackageId::new());
    f.placed(whole, 1, &[("file", b"content")]);
    let root = f.location.path();
    std::fs::create_dir(root.join(empty.to_string())).unwrap();
    std::fs::create_dir(root.join(whole.to_string()).join("01")).unwrap();
    std::fs::create_dir(root.join(whole.to_string().to_uppercase())).unwrap();
    std::fs::write(root.join("holiday.jpg"), "mine").unwrap();
    std::fs::create_dir(root.join(".staging/build-x")).unwrap();
    std::fs::write(root.join(".staging/foreign"), "mine").unwrap();
    let mut expected = [
        format!("{:?}", Found::Version { package: whole, version: 1 }),
        format!("{:?}", Found::EmptyPackage { package: empty }),
        format!("{:?}", Found::Foreign { path: format!("{whole}/01").into() }),
        format!("{:?}", Found::Foreign { path: whole.to_string().to_uppercase().into() }),
        format!("{:?}", Found::Foreign { path: "holiday.jpg".into() }),
        format!("{:?}", Found::Staging { name: "build-x".into(), kind: StagingKind::Build, size_bytes: 0 }),
        format!("{:?}", Found::Staging { name: "foreign".into(), kind: StagingKind::Foreign, size_bytes: 4 }),
    ];
    expected.sort();
    assert_eq!(all(&f), expected);
    assert!(f.location.remove_empty_package(empty).unwrap());
    assert!(!f.location.remove_empty_package(whole).unwrap());
}

#[test]
fn a_walk_can_be_broken_off() {
    let f = Fixture::new();
    for _ in 0..10 {
        f.placed(PackageId::new(), 1, &[("file", b"content")]);
    }
    let mut seen = 0;
    f.location
        .scan(&mut |_| {
            seen += 1;
            if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!(seen, 3);
}

#[test]
fn d_13_left_overs_go_at_the_start_and_what_is_wanted_or_in_use_stays() {
    let f = Fixture::new();
    let (wanted, unwanted, used) = (bytes(1, 300_000), bytes(2, 300_000), bytes(3, 300_000));
    for content in [&wanted, &unwanted] {
        let mut partial = Partial::open(&f.location, expected(content)).unwrap();
        partial.begin(source(), 0).unwrap();
        partial.write(&content[..1000]).unwrap();
    }
    let in_use = Partial::open(&f.location, expected(&used)).unwrap();
    let build = f.location.path().join(".staging/build-x");
    std::fs::create_dir_all(build.join("0/1")).unwrap();
    std::fs::write(build.join("0/1/file"), "half").unwrap();
    let keep = crate::layout::partial_name(&expected(&wanted).digest);
    let gone = |location: &crate::Location| location.clear_staging(&|name| name == keep).unwrap();
    let mut first = gone(&f.location);
    first.sort();
    let mut expected_gone = vec![crate::layout::partial_name(&expected(&unwanted).digest), "build-x".to_owned()];
    expected_gone.sort();
    assert_eq!(first, expected_gone);
    // A second server sees by the locks what the first one has in use.
    assert!(gone(&f.restarted()).is_empty());
    drop(in_use);
    assert_eq!(gone(&f.restarted()).len(), 1);
    assert_eq!(Partial::open(&f.location, expected(&wanted)).unwrap().have_bytes(), 1000);
}
