//! V-10: cabinets in which anything may be wrong. Each is read or refused: nothing panics, nothing is held that the
//! cabinet does not have, and what comes out stays within its limits.
//!
//! Scale 1 is what `cargo xtask test` runs; scale 5 (`cargo xtask soak`) makes the 100,000 of the row.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::io::{self, Read};

use patchwharf_feeds::{FeedError, Limits, cab::Cabinet, sdp};
use patchwharf_testkit::{
    Chance,
    cab::{Method, cabinet, without_checksums},
    memory::peak_bytes,
    sdp::{Catalogue, Update},
    times,
};

const CABINETS: usize = 20_000;
const MOST_MEMORY_BYTES: u64 = 256 << 20;
/// A cabinet of a few KiB that becomes more is a bomb.
const MOST_UNPACKED_BYTES: u64 = 32 << 20;

/// Bytes that may be read once.
struct Once<'a> {
    left: &'a [u8],
    taken: &'a mut u64,
}

impl Read for Once<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.left.read(buffer)?;
        *self.taken += read as u64;
        Ok(read)
    }
}

/// Reads everything; the bytes that came out.
fn unpack(bytes: &[u8], limits: &Limits) -> Result<u64, FeedError> {
    let mut taken = 0;
    let mut cabinet = Cabinet::open("mutant.cab", Once { left: bytes, taken: &mut taken }, limits)?;
    let mut unpacked = 0;
    while let Some(mut member) = cabinet.next_member()? {
        let size_bytes = member.entry().size_bytes;
        let read =
            io::copy(&mut member, &mut io::sink()).map_err(|error| FeedError::from_io("mutant.cab", 0, error))?;
        assert_eq!(read, size_bytes, "a member is as long as the directory says, or refused");
        unpacked += read;
    }
    drop(cabinet);
    assert!(taken <= bytes.len() as u64);
    Ok(unpacked)
}

/// Wrong bits, wrong bytes, wrong numbers, pieces twice, pieces missing, the end missing.
fn spoil(chance: &mut Chance, bytes: &mut Vec<u8>) {
    // Most of what a cabinet says of itself stands at its front.
    let front = 120.min(bytes.len());
    for _ in 0..chance.between(1, 4) {
        let at = if chance.once_in(2) { chance.below(front) } else { chance.below(bytes.len()) }.min(bytes.len() - 1);
        let end = (at + chance.below(64)).min(bytes.len());
        match chance.below(7) {
            0 => bytes[at] ^= 1 << chance.below(8),
            1 => bytes[at] = chance.below(256) as u8,
            2 => bytes.truncate(at.max(1)),
            3 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            4 if end - at < bytes.len() => drop(bytes.drain(at..end)),
            5 => bytes[at..end].fill(0xff),
            _ => {
                let number = chance.pick(&[0, 1, 0x7fff, 0xffff, 0x8000_0000, u32::MAX]).to_le_bytes();
                let bytes_left = bytes.len() - at;
                bytes[at..at + bytes_left.min(4)].copy_from_slice(&number[..bytes_left.min(4)]);
            }
        }
    }
}

#[test]
fn v_10_a_hundred_thousand_spoilt_cabinets_are_read_or_refused_within_their_limits() {
    let mut chance = Chance::new("spoilt cabinets");
    let catalogue = Catalogue::new((1..4).map(|number| Update::new(number, "PW26-001")));
    let text = "some text that repeats itself; ".repeat(1_500);
    let files = [("a.txt", text.as_bytes()), ("b.txt", b"short"), ("empty", b"")];
    let mut seeds = Vec::new();
    for method in [Method::Stored, Method::Mszip, Method::Lzx] {
        seeds.extend([catalogue.v2_cab(method), catalogue.v1_cab(method), cabinet(method, &files)]);
    }
    let plain: Vec<Vec<u8>> = seeds.iter().cloned().map(without_checksums).collect();
    seeds.extend(plain);
    let limits = Limits { unpacked_bytes: MOST_UNPACKED_BYTES, ..Limits::default() };
    for seed in &seeds {
        unpack(seed, &limits).expect("a seed is a good cabinet");
    }
    let (mut good, mut bad) = (0, 0);
    for round in 0..times(CABINETS, 100_000) {
        let mut bytes = seeds[round % seeds.len()].clone();
        spoil(&mut chance, &mut bytes);
        match unpack(&bytes, &limits) {
            Ok(unpacked) => {
                assert!(unpacked <= MOST_UNPACKED_BYTES);
                good += 1;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                bad += 1;
            }
        }
        if round % 4 == 0 {
            let _ = sdp::read("mutant.cab", &bytes[..], &limits, &mut |_| Ok(()));
        }
    }
    let peak = peak_bytes(std::process::id()).expect("this process");
    assert!(peak < MOST_MEMORY_BYTES, "{peak} bytes of memory");
    assert!(good > CABINETS / 20 && bad > CABINETS / 20, "{good} read, {bad} refused: the edits reach little");
    eprintln!("FIGURES: spoilt cabinets: {good} read, {bad} refused, at most {} MiB of memory", peak >> 20);
}
