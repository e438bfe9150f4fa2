//! Seeded mutations of everything that this reader takes: no panic, no endless work.

use std::io::Cursor;

use patchwharf_feeds::{
    Limits,
    advisories::Advisories,
    apt::{Compression, Release, ReleaseName},
};

use crate::{compressed::pack, read_as, stanza};

/// xorshift64*: small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let place = self.below(bytes.len());
            match self.below(6) {
                0 => bytes[place] ^= 1 << self.below(8),
                1 => bytes[place] = self.below(256) as u8,
                2 => bytes.insert(place, b"\n\r\t :#-.{}[\"\\\0\xff"[self.below(15)]),
                3 => bytes.truncate(place.max(1)),
                4 => {
                    let end = (place + self.below(60)).min(bytes.len());
                    bytes.drain(place..end);
                    if bytes.is_empty() {
                        bytes.push(0);
                    }
                }
                _ => {
                    let end = (place + self.below(60)).min(bytes.len());
                    let piece = bytes[place..end].to_vec();
                    bytes.splice(place..place, piece);
                }
            }
        }
    }
}

fn every_mutant(honest: &[u8], count: u64, test: impl Fn(&[u8])) {
    for seed in 1..=count {
        let mut bytes = honest.to_vec();
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)).mutate(&mut bytes);
        test(&bytes);
    }
}

fn limits() -> Limits {
    Limits { unpacked_bytes: 16 << 20, ..Limits::default() }
}

#[test]
fn v_16_mutated_indexes_never_panic() {
    let plain: String = (0..5).map(|n| stanza(&format!("p{n}"), "1:2.3~4-5", "Source: s (1.2)\n")).collect();
    for compression in Compression::ALL {
        let packed = pack(plain.as_bytes(), compression);
        every_mutant(&packed, 1_500, |bytes| {
            let _ = read_as(bytes, compression, &limits(), None);
        });
    }
}

#[test]
fn v_16_mutated_releases_never_panic() {
    let text = format!(
        "Origin: Debian\nSuite: stable\nCodename: bookworm\nDate: Fri, 20 Nov 2026 00:12:41 UTC\n\
         Valid-Until: Fri, 27 Nov 2026 00:12:41 UTC\nSHA256:\n {} 12 main/binary-amd64/Packages.xz\n",
        crate::DIGEST
    );
    every_mutant(text.as_bytes(), 5_000, |bytes| {
        if let Ok(release) = Release::read("mutant", bytes, &limits()) {
            let _ = release.believe("2026-11-22T00:00:00Z".parse().unwrap(), None);
            let _ = (release.indexes("main", "amd64"), release.name(), release.must_be("stable"));
        }
    });
}

#[test]
fn v_16_mutated_advisories_never_panic() {
    let list = b"[29 Mar 2026] DSA-5380-1 a - security update\n\t{CVE-2023-1393}\n\t[bookworm] - a 2:21.1.7-2\n";
    let document = br#"{"id": "DSA-1-1", "published": "2026-03-01T10:00:00Z", "upstream": ["CVE-2026-1"],
        "affected": [{"package": {"ecosystem": "Debian:12", "name": "a"}, "ranges": [{"events": [{"fixed": "1.0"}]}]}]}"#;
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("DSA-1-1.json", zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut writer, document).unwrap();
    let archive = writer.finish().unwrap().into_inner();
    let release = ReleaseName { codename: "bookworm".into(), ecosystem: "Debian:12".into() };
    let packages = stanza("a", "2:22", "");
    for honest in [&list[..], &archive] {
        every_mutant(honest, 3_000, |bytes| {
            if let Ok(advisories) = Advisories::read("mutant", Cursor::new(bytes), &release, &limits()) {
                let _ = read_as(packages.as_bytes(), Compression::None, &limits(), Some(&advisories)).unwrap();
            }
        });
    }
}
