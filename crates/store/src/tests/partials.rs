use patchwharf_model::Sha256;

use super::fixture::*;
use crate::{Partial, PartialError, partial::SMALL_BYTES};

const BIG: usize = 600_000;

#[test]
fn s_04_truncated_body_is_never_committed_and_goes_on_where_it_stopped() {
    let f = Fixture::new();
    let content = bytes(1, BIG);
    let mut partial = Partial::open(&f.location, expected(&content)).unwrap();
    partial.begin(source(), 0).unwrap();
    partial.write(&content[..400_001]).unwrap();
    assert!(matches!(partial.finish(), Err(PartialError::TooShort { found: 400_001, .. })));
    let wanted = expected(&content);
    let held = f.location.on_its_way_bytes([(&wanted.digest, BIG as u64)].into_iter());
    assert!((400_001..=BIG as u64).contains(&held), "the room that it needs no more: {held}");

    let mut partial = Partial::open(&f.restarted(), expected(&content)).unwrap();
    assert_eq!(partial.have_bytes(), 400_001);
    assert_eq!(partial.source(), Some(&source()));
    partial.begin(source(), 400_001).unwrap();
    partial.write(&content[400_001..]).unwrap();
    assert!(partial.finish().is_ok());
}

#[test]
fn a_killed_server_resumes_at_the_byte() {
    let f = Fixture::new();
    let content = bytes(1, BIG);
    let mut partial = Partial::open(&f.location, expected(&content)).unwrap();
    partial.begin(source(), 0).unwrap();
    partial.write(&content[..300_000]).unwrap();
    partial.write(&content[300_000..300_007]).unwrap();
    // As a kill: nothing is written on the way out. (The lock goes with the process; here it is a copy that is read.)
    let copy = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp").arg("-a").arg(f.location.path()).arg(copy.path()).status().unwrap();
    assert!(copied.success());
    let path = camino::Utf8Path::from_path(copy.path()).unwrap().join("packages");
    let after = std::sync::Arc::new(crate::Location::open(&path, None, f.deployment).unwrap());
    assert_eq!(Partial::open(&after, expected(&content)).unwrap().have_bytes(), 300_007);
}

#[test]
fn s_06_longer_than_pinned_stops_at_the_first_byte_too_many() {
    for length in [100, BIG] {
        let f = Fixture::new();
        let content = bytes(1, length);
        let mut partial = Partial::open(&f.location, expected(&content)).unwrap();
        partial.begin(source(), 0).unwrap();
        partial.write(&content).unwrap();
        assert!(matches!(partial.write(b"x"), Err(PartialError::TooLong { .. })));
        assert!(matches!(partial.write(b"x"), Err(PartialError::TooLong { .. } | PartialError::Spent)));
        drop(partial);
        assert!(names(&f.location.path().join(".staging")).is_empty());
    }
}

#[test]
fn s_08_one_wrong_bit_is_thrown_away_and_both_digests_are_named() {
    for length in [100, BIG] {
        let f = Fixture::new();
        let content = bytes(1, length);
        let mut wrong = content.clone();
        wrong[length / 2] ^= 1;
        let mut partial = Partial::open(&f.location, expected(&content)).unwrap();
        partial.begin(source(), 0).unwrap();
        partial.write(&wrong).unwrap();
        let error = partial.finish().unwrap_err();
        let text = error.to_string();
        let [want, got]: [Sha256; 2] = [patchwharf_trust::sha256(&content), patchwharf_trust::sha256(&wrong)];
        assert!(text.contains(&want.to_string()) && text.contains(&got.to_string()), "{text}");
        assert!(names(&f.location.path().join(".staging")).is_empty());
    }
}

#[test]
fn s_10_a_response_from_the_wrong_place_is_refused_and_one_from_the_start_begins_anew() {
    let f = Fixture::new();
    let content = bytes(1, BIG);
    let mut partial = Partial::open(&f.location, expected(&content)).unwrap();
    partial.begin(source(), 0).unwrap();
    partial.write(&bytes(9, 300_000)).unwrap();
    assert!(matches!(partial.begin(source(), 299_999), Err(PartialError::Gap { at: 299_999, have: 300_000 })));
    partial.begin(source(), 0).unwrap();
    partial.write(&content).unwrap();
    assert_eq!(partial.finish().unwrap().digests().sha256, patchwharf_trust::sha256(&content));
}

#[test]
fn s_10_parts_of_two_files_never_make_one() {
    let f = Fixture::new();
    let content = bytes(1, BIG);
    let mut partial = Partial::open(&f.location, expected(&content)).unwrap();
    partial.begin(source(), 0).unwrap();
    partial.write(&bytes(9, 300_000)).unwrap();
    drop(partial);
    let mut partial = Partial::open(&f.location, expected(&content)).unwrap();
    partial.begin(source(), 300_000).unwrap();
    partial.write(&content[300_000..]).unwrap();
    assert!(matches!(partial.finish(), Err(PartialError::WrongSha256 { .. })));
    assert_eq!(Partial::open(&f.location, expected(&content)).unwrap().have_bytes(), 0);
}

#[test]
fn s_18_one_file_is_downloaded_once_at_a_time() {
    for length in [100, BIG] {
        let f = Fixture::new();
        let content = bytes(1, length);
        let first = Partial::open(&f.location, expected(&content)).unwrap();
        assert!(matches!(Partial::open(&f.location, expected(&content)), Err(PartialError::Busy { .. })));
        drop(first);
        assert!(Partial::open(&f.location, expected(&content)).is_ok());
    }
    // Another process of the same deployment sees it by the file's lock.
    let f = Fixture::new();
    let content = bytes(1, BIG);
    let first = Partial::open(&f.location, expected(&content)).unwrap();
    assert!(matches!(Partial::open(&f.restarted(), expected(&content)), Err(PartialError::Busy { .. })));
    drop(first);
}

#[test]
fn a_sha1_pin_needs_the_length_too_and_gives_the_sha256() {
    let f = Fixture::new();
    let content = bytes(1, 5000);
    let (mut want, _) = expected_sha1(&content);
    let mut partial = Partial::open(&f.location, want.clone()).unwrap();
    partial.write(&content).unwrap();
    assert_eq!(partial.finish().unwrap().digests().sha256, patchwharf_trust::sha256(&content));

    // Once computed, the SHA-256 is pinned: another file with the same SHA-1 is refused.
    want.pinned = Some(patchwharf_trust::sha256(b"another"));
    let mut partial = Partial::open(&f.location, want.clone()).unwrap();
    partial.write(&content).unwrap();
    assert!(matches!(partial.finish(), Err(PartialError::WrongSha256 { .. })));

    let mut partial = Partial::open(&f.location, want).unwrap();
    partial.write(&bytes(2, 5000)).unwrap();
    assert!(matches!(partial.finish(), Err(PartialError::WrongSha1 { .. })));
}

#[test]
fn many_small_files_leave_nothing_in_staging() {
    let f = Fixture::new();
    let content = bytes(1, SMALL_BYTES as usize);
    let verified = f.fetched(&content);
    assert!(names(&f.location.path().join(".staging")).is_empty());
    assert_eq!(verified.digests().size_bytes, SMALL_BYTES);
    assert_eq!(f.location.counts().fsyncs, 4, "only those of the location itself");
}

#[test]
fn a_whole_file_that_was_not_placed_is_taken_up_and_a_spoilt_one_is_not() {
    let f = Fixture::new();
    let content = bytes(1, 100_000);
    drop(f.fetched(&content));
    assert_eq!(Partial::open(&f.location, expected(&content)).unwrap().have_bytes(), 100_000);
    drop(f.fetched(&content));
    let name = crate::layout::partial_name(&expected(&content).digest);
    std::fs::write(f.location.path().join(".staging").join(name).join("data"), vec![0; 100_000]).unwrap();
    assert_eq!(Partial::open(&f.location, expected(&content)).unwrap().have_bytes(), 0);
}
