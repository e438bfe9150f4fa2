//! Cabinets that lie (rows V-10, V-11, V-14).

use std::io::Write;

use patchwharf_feeds::{FeedError, Limits};

use super::{refusal, unpack};
use crate::raw_cabinet::{RawCabinet, block, file, folder};

fn assert_refused(bytes: &[u8], code: &str, reason: &str) {
    let error = refusal(bytes);
    assert_eq!(error.code(), code, "{error}");
    assert!(error.to_string().contains(reason), "{error}");
}

#[test]
fn a_well_made_raw_cabinet_is_read() {
    let good = RawCabinet::of(b"onetwo", vec![file("b", 3, 3), file("a", 0, 3)]);
    let members = unpack(&good.bytes(), &Limits::default()).unwrap();
    assert_eq!(members, [("a".to_owned(), b"one".to_vec()), ("b".to_owned(), b"two".to_vec())]);
}

#[test]
fn v_14_ambiguous_cabinets_are_refused() {
    let overlapping = RawCabinet::of(b"onetwo", vec![file("a", 0, 4), file("b", 3, 3)]);
    assert_refused(&overlapping.bytes(), "malformed", "overlap");
    let twice = RawCabinet::of(b"onetwo", vec![file("a.xml", 0, 3), file("A.XML", 3, 3)]);
    assert_refused(&twice.bytes(), "malformed", "two members named");

    let mut shared = RawCabinet::of(b"onetwo", vec![file("a", 0, 6)]);
    shared.folders.push(shared.folders[0].clone());
    shared.files.push(crate::raw_cabinet::File { folder: 1, ..file("b", 0, 6) });
    shared.folders[1].offset = Some(36 + 16 + 2 * 18);
    assert_refused(&shared.bytes(), "malformed", "overlaps");
}

#[test]
fn v_10_offsets_that_lead_back_or_out_are_refused() {
    let mut back = RawCabinet::of(b"one", vec![file("a", 0, 3)]);
    back.files_offset = Some(4);
    assert_refused(&back.bytes(), "malformed", "overlaps");
    let mut to_start = RawCabinet::of(b"one", vec![file("a", 0, 3)]);
    to_start.folders[0].offset = Some(0);
    assert_refused(&to_start.bytes(), "malformed", "overlaps");
    let mut out = RawCabinet::of(b"one", vec![file("a", 0, 3)]);
    out.folders[0].offset = Some(u32::MAX);
    assert_refused(&out.bytes(), "malformed", "past the length");
    let nowhere = RawCabinet::of(b"one", vec![crate::raw_cabinet::File { folder: 7, ..file("a", 0, 3) }]);
    assert_refused(&nowhere.bytes(), "malformed", "folder 7");
}

#[test]
fn v_10_sizes_and_counts_beyond_the_data_are_refused() {
    let large = RawCabinet::of(b"one", vec![file("a", 0, u32::MAX)]);
    assert_refused(&large.bytes(), "malformed", "larger than its folder");
    let past = RawCabinet::of(b"one", vec![file("a", 2, 2)]);
    assert_refused(&past.bytes(), "malformed", "past the end of its folder");
    let mut many = RawCabinet::of(b"one", vec![file("a", 0, 3)]);
    many.file_count = Some(u16::MAX);
    assert!(unpack(&many.bytes(), &Limits::default()).is_err());
    let mut blocks = RawCabinet::of(b"one", vec![file("a", 0, 3)]);
    blocks.folders[0].blocks = u16::MAX;
    assert!(unpack(&blocks.bytes(), &Limits::default()).is_err());
    let empty =
        RawCabinet { folders: vec![folder(block(b"", 0), 1)], files: vec![file("a", 0, 1)], ..RawCabinet::default() };
    assert_refused(&empty.bytes(), "malformed", "block of 0 bytes");
}

#[test]
fn v_10_the_most_folders_and_members_are_read_in_linear_time() {
    let count = 65_000_u16;
    let members = RawCabinet::of(b"x", (0..count).map(|index| file(&format!("{index}"), 0, 0)).collect());
    assert_eq!(unpack(&members.bytes(), &Limits::default()).unwrap().len(), usize::from(count));
    let folders = RawCabinet {
        folders: (0..count).map(|_| crate::raw_cabinet::Folder { kind: 0x1503, ..folder(block(b"x", 1), 1) }).collect(),
        files: vec![file("a", 0, 1)],
        ..RawCabinet::default()
    };
    assert_refused(&folders.bytes(), "malformed", "does not unpack");
}

#[test]
fn parts_of_a_set_are_refused() {
    for flags in [1, 2, 3] {
        let mut part = RawCabinet::of(b"one", vec![file("a", 0, 3)]);
        part.flags = flags;
        assert_refused(&part.bytes(), "unsupported", "set of cabinets");
    }
    let continued = RawCabinet::of(b"one", vec![crate::raw_cabinet::File { folder: 0xfffe, ..file("a", 0, 3) }]);
    assert_refused(&continued.bytes(), "unsupported", "goes on in another cabinet");
}

#[test]
fn methods_that_are_not_read_are_named() {
    for (kind, reason) in [(2, "Quantum"), (9, "method 9")] {
        let mut other = RawCabinet::of(b"one", vec![file("a", 0, 3)]);
        other.folders[0].kind = kind;
        assert_refused(&other.bytes(), "unsupported", reason);
    }
    let mut window = RawCabinet::of(b"one", vec![file("a", 0, 3)]);
    window.folders[0].kind = 0x1903;
    assert_refused(&window.bytes(), "malformed", "2^25");
}

#[test]
fn blocks_that_do_not_unpack_are_refused() {
    for (kind, packed) in [(1, &b"CK\xff\xff\xff\xff"[..]), (1, b"no mark"), (0x0f03, b"\xff\xff\xff\xff\xff\xff")] {
        let mut bad = RawCabinet::of(b"", vec![file("a", 0, 3)]);
        bad.folders = vec![crate::raw_cabinet::Folder { kind, ..folder(block(packed, 3), 1) }];
        assert_refused(&bad.bytes(), "malformed", "does not unpack");
    }
}

/// One MSZIP block of 32 KiB of zeros, as often as wanted: each packs to some 50 bytes.
fn bomb(blocks: u16) -> RawCabinet {
    let mut deflate = flate2::write::DeflateEncoder::new(b"CK".to_vec(), flate2::Compression::best());
    deflate.write_all(&[0; 32_768]).unwrap();
    let packed = block(&deflate.finish().unwrap(), 32_768);
    let data = packed.repeat(blocks.into());
    RawCabinet {
        folders: vec![crate::raw_cabinet::Folder { kind: 1, ..folder(data, blocks) }],
        files: vec![file("bomb.xml", 0, u32::from(blocks) * 32_768)],
        ..RawCabinet::default()
    }
}

#[test]
fn v_11_a_bomb_is_stopped_by_ratio_and_by_size() {
    let bytes = bomb(32_767).bytes();
    assert!(bytes.len() < 3 << 20, "{} bytes for 1 GiB", bytes.len());
    let limits = Limits::default();
    let error = read_to_sink(&bytes, &limits).unwrap_err();
    assert!(matches!(error, FeedError::Limit { limit: "expansion of packed bytes", .. }), "{error}");
    let error = read_to_sink(&bytes, &Limits { unpacked_bytes: 1 << 20, ..limits.clone() }).unwrap_err();
    assert!(matches!(error, FeedError::Limit { limit: "size of all members", allowed: 0x0010_0000, .. }), "{error}");
    assert_eq!(read_to_sink(&bomb(100).bytes(), &limits).unwrap(), 100 * 32_768, "small ones are let through");
}

fn read_to_sink(bytes: &[u8], limits: &Limits) -> Result<u64, FeedError> {
    let mut cabinet = patchwharf_feeds::cab::Cabinet::open("bomb.cab", bytes, limits)?;
    let mut total = 0;
    while let Some(mut member) = cabinet.next_member()? {
        total += std::io::copy(&mut member, &mut std::io::sink())
            .map_err(|error| FeedError::from_io("bomb.cab", 0, error))?;
    }
    Ok(total)
}

#[test]
fn names_without_an_end_are_refused() {
    let mut long = RawCabinet::of(b"one", vec![file(&"x".repeat(300), 0, 3)]);
    assert_refused(&long.bytes(), "limit", "length of a member's name");
    long.files[0].name = b"..\\..\\evil\xff.sdp".to_vec();
    assert_eq!(unpack(&long.bytes(), &Limits::default()).unwrap()[0].0, "..\\..\\evilÿ.sdp", "a name is only data");
    assert_eq!(unpack(&RawCabinet::of(b"x", vec![]).bytes(), &Limits::default()).unwrap(), []);
}
