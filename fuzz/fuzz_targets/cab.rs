//! Any bytes as a cabinet: every member is read or the cabinet is refused.
#![no_main]

use std::io;

use libfuzzer_sys::fuzz_target;
use patchwharf_feeds::{Limits, cab::Cabinet};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { unpacked_bytes: 16 << 20, ..Limits::default() };
    let Ok(mut cabinet) = Cabinet::open("fuzz", bytes, &limits) else { return };
    while let Ok(Some(mut member)) = cabinet.next_member() {
        let size_bytes = member.entry().size_bytes;
        if let Ok(read) = io::copy(&mut member, &mut io::sink()) {
            assert_eq!(read, size_bytes);
        }
    }
});
