//! Compressed indexes: good ones, cut ones, bombs.

use std::io::Write as _;

use patchwharf_feeds::{Limits, apt::Compression};

use crate::{read_as, stanza};

pub(crate) fn pack(bytes: &[u8], compression: Compression) -> Vec<u8> {
    match compression {
        Compression::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Zstd => zstd::encode_all(bytes, 1).unwrap(),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::None => bytes.to_vec(),
    }
}

fn packages() -> String {
    (0..200).map(|n| stanza(&format!("package{n}"), &format!("1.{n}"), "")).collect()
}

#[test]
fn every_compression_gives_the_same_updates() {
    let plain = packages();
    for compression in Compression::ALL {
        let packed = pack(plain.as_bytes(), compression);
        let read = read_as(&packed, compression, &Limits::default(), None).unwrap();
        assert_eq!(read.updates.len(), 200, "{compression:?}");
    }
}

#[test]
fn s_20_an_index_cut_anywhere_is_refused_and_never_half_read() {
    let plain = packages();
    for compression in [Compression::Xz, Compression::Zstd, Compression::Gzip] {
        let packed = pack(plain.as_bytes(), compression);
        for cut in (1..packed.len()).step_by(packed.len() / 60) {
            let error = read_as(&packed[..cut], compression, &Limits::default(), None).expect_err("it was accepted");
            assert!(["truncated", "damaged"].contains(&error.code()), "{compression:?} cut at {cut}: {error}");
        }
    }
}

#[test]
fn a_flipped_bit_in_a_compressed_index_is_damage_or_a_rejected_entry() {
    let plain = packages();
    for compression in [Compression::Xz, Compression::Gzip] {
        let packed = pack(plain.as_bytes(), compression);
        for place in (30..packed.len()).step_by(packed.len() / 40) {
            let mut broken = packed.clone();
            broken[place] ^= 0x10;
            // Both formats carry check sums: nothing that was changed is taken for whole.
            let _ = read_as(&broken, compression, &Limits::default(), None).expect_err("it was accepted");
        }
    }
}

#[test]
fn v_12_a_bomb_stops_at_the_limit() {
    let limits = Limits { ratio_floor_bytes: 1 << 20, expansion_ratio: 20, ..Limits::default() };
    // A comment line is read and thrown away: nothing but the limits stands in its way.
    let line = format!("#{}\n", "x".repeat(1000));
    let plain = line.repeat(60_000);
    for compression in [Compression::Xz, Compression::Zstd, Compression::Gzip] {
        let packed = pack(plain.as_bytes(), compression);
        assert!(packed.len() < plain.len() / 20);
        let error = read_as(&packed, compression, &limits, None).unwrap_err();
        assert_eq!(error.code(), "limit", "{compression:?}: {error}");
        let whole = Limits { unpacked_bytes: 1 << 20, ..Limits::default() };
        assert_eq!(read_as(&packed, compression, &whole, None).unwrap_err().code(), "limit");
    }
}

#[test]
fn an_xz_stream_that_asks_for_gigabytes_of_memory_is_refused() {
    // The preset 9 with a dictionary of 1.5 GiB: only the header says so, the file is tiny.
    let mut options = liblzma::stream::LzmaOptions::new_preset(0).unwrap();
    options.dict_size(1536 << 20);
    let mut filters = liblzma::stream::Filters::new();
    filters.lzma2(&options);
    let Ok(stream) = liblzma::stream::Stream::new_stream_encoder(&filters, liblzma::stream::Check::Crc32) else {
        return patchwharf_testkit::skipped("this machine has not the memory to make such a stream");
    };
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(b"Package: a\n").unwrap();
    let packed = encoder.finish().unwrap();
    let error = read_as(&packed, Compression::Xz, &Limits::default(), None).unwrap_err();
    assert_eq!(error.code(), "damaged");
}
