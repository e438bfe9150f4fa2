//! Cabinets that others wrote.

use std::{io::Write, process::Command};

use patchwharf_feeds::{FeedError, Limits, cab::Cabinet};

use super::{refusal, unpack};
use crate::samples;

/// Text that packs well but not to nothing.
fn text(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let words = ["package", "bulletin", "<sdp:PackageID>", "update", "0000-4850", "\n", "superseded by", "language"];
    let mut out = Vec::with_capacity(length + 16);
    while out.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        out.extend(words[(state >> 33) as usize % words.len()].as_bytes());
        out.extend((state >> 40).to_string().as_bytes());
    }
    out.truncate(length);
    out
}

fn written_by_the_cab_crate(method: cab::CompressionType) -> (Vec<(String, Vec<u8>)>, Vec<u8>) {
    let members: Vec<(String, Vec<u8>)> = [0, 1, 32_767, 32_768, 32_769, 200_000]
        .into_iter()
        .enumerate()
        .map(|(index, length)| (format!("Ordner\\{index}.sdp"), text(index as u64, length)))
        .collect();
    let mut builder = cab::CabinetBuilder::new();
    for pair in members.chunks(2) {
        let folder = builder.add_folder(method);
        for (name, _) in pair {
            folder.add_file(name.clone());
        }
    }
    let mut writer = builder.build(std::io::Cursor::new(Vec::new())).unwrap();
    let mut contents = members.iter();
    while let Some(mut file) = writer.next_file().unwrap() {
        file.write_all(&contents.next().unwrap().1).unwrap();
    }
    (members, writer.finish().unwrap().into_inner())
}

#[test]
fn stored_and_mszip_cabinets_are_read_as_they_were_written() {
    for method in [cab::CompressionType::None, cab::CompressionType::MsZip] {
        let (members, bytes) = written_by_the_cab_crate(method);
        assert_eq!(unpack(&bytes, &Limits::default()).unwrap(), members, "{method:?}");
    }
}

#[test]
fn members_that_are_not_read_are_passed_over() {
    let (members, bytes) = written_by_the_cab_crate(cab::CompressionType::MsZip);
    let mut cabinet = Cabinet::open("test.cab", &bytes[..], &Limits::default()).unwrap();
    let mut names = Vec::new();
    while let Some(member) = cabinet.next_member().unwrap() {
        names.push(member.entry().name.clone());
    }
    assert_eq!(names, members.into_iter().map(|(name, _)| name).collect::<Vec<_>>());
}

#[test]
fn cabinets_of_gcab_are_read_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let content = text(9, 300_000);
    std::fs::write(folder.path().join("one.xml"), &content).unwrap();
    std::fs::write(folder.path().join("two.xml"), &content[..70_000]).unwrap();
    let run = Command::new("gcab")
        .args(["-c", "-z", "-n", "out.cab", "one.xml", "two.xml"])
        .current_dir(folder.path())
        .output();
    let Ok(run) = run else {
        return patchwharf_testkit::skipped("gcab is not installed");
    };
    assert!(run.status.success(), "{run:?}");
    let members = unpack(&std::fs::read(folder.path().join("out.cab")).unwrap(), &Limits::default()).unwrap();
    assert_eq!(members.len(), 2);
    assert!(members[0].1 == content && members[1].1 == content[..70_000]);
}

#[test]
fn real_cabinets_unpack_to_what_cabextract_makes_of_them() {
    for name in [
        "wsusss-wusp/wsusss-update-blob-lzx.cab",
        "authenticode/signed-sha256.cab",
        "authenticode/signed-sha1.cab",
        "authenticode/unsigned.cab",
        "sdp/generated/HpCatalogForSms.mszip.cab",
        "sdp/generated/HpCatalog-V2-sample.mszip.cab",
        "wsusscn2/vuls-fixture-wsusscn2.cab",
    ] {
        let Some(path) = samples::sample(name) else { continue };
        let members = unpack(&std::fs::read(&path).unwrap(), &Limits::default()).unwrap();
        assert!(!members.is_empty(), "{name}");
        let Ok(oracle) = Command::new("cabextract").args(["-q", "-p"]).arg(&path).output() else {
            return patchwharf_testkit::skipped("cabextract is not installed");
        };
        assert!(oracle.status.success(), "{oracle:?}");
        let ours: Vec<u8> = members.into_iter().flat_map(|(_, content)| content).collect();
        assert!(ours == oracle.stdout, "{name}: {} bytes against {}", ours.len(), oracle.stdout.len());
    }
}

#[test]
fn s_20_a_cabinet_cut_at_any_thousandth_byte_says_where_it_ends() {
    let (_, bytes) = written_by_the_cab_crate(cab::CompressionType::MsZip);
    for length in (0..bytes.len()).step_by(1000) {
        match refusal(&bytes[..length]) {
            FeedError::Truncated { offset, .. } => assert_eq!(offset, length as u64),
            other => panic!("cut at {length}: {other}"),
        }
    }
}

#[test]
fn a_changed_byte_of_a_block_is_found_by_its_checksum() {
    let (_, mut bytes) = written_by_the_cab_crate(cab::CompressionType::MsZip);
    let place = bytes.len() - 500;
    bytes[place] ^= 4;
    let error = refusal(&bytes);
    assert_eq!(error.code(), "damaged", "{error}");
}
