//! Any bytes as a catalogue: whatever comes out goes through a frame unchanged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use patchwharf_feeds::{Limits, sdp};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { unpacked_bytes: 16 << 20, ..Limits::default() };
    let _ = sdp::read("fuzz", bytes, &limits, &mut |frame| {
        let text = serde_json::to_string(&frame).expect("every frame can be written");
        let back = serde_json::from_str::<patchwharf_model::catalogue::Frame>(&text).expect("and read");
        assert_eq!(back, frame);
        Ok(())
    });
});
