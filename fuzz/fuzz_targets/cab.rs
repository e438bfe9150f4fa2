//! Any bytes as a cabinet: every member is read or the cabinet is refused.
#![no_main]

use std::io;

use libfuzzer_sys::fuzz_target;
use patchwharf_feeds::cab::Cabinet;
use patchwharf_fuzz::{let_lzx_panic, limits};

fuzz_target!(|bytes: &[u8]| {
    let_lzx_panic();
    let Ok(mut cabinet) = Cabinet::open("fuzz", bytes, limits()) else { return };
    while let Ok(Some(mut member)) = cabinet.next_member() {
        let size_bytes = member.entry().size_bytes;
        if let Ok(read) = io::copy(&mut member, &mut io::sink()) {
            assert_eq!(read, size_bytes);
        }
    }
});
