//! Cabinets in each packing, of one block and of several.

use patchwharf_testkit::cab::{Method, cabinet, without_checksums};

use crate::{Seed, seed};

pub(crate) fn seeds() -> Vec<Seed> {
    let text = "some text that repeats itself; ".repeat(700);
    let mut seeds = Vec::new();
    for (name, method) in [("stored", Method::Stored), ("mszip", Method::Mszip), ("lzx", Method::Lzx)] {
        let small = cabinet(method, &[("a.txt", b"one"), ("b/\u{e9}.txt", b"two"), ("empty", b"")]);
        seeds.push(seed(name, without_checksums(small.clone())));
        seeds.push(seed(&format!("{name}-with-checksum"), small));
        let long = cabinet(method, &[("a.txt", text.as_bytes()), ("b.txt", text.as_bytes())]);
        seeds.push(seed(&format!("{name}-blocks"), without_checksums(long)));
    }
    seeds
}
