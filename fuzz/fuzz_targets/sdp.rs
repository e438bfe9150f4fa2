//! Any bytes as a catalogue: whatever comes out goes through a frame unchanged, and the counts at the end are true.
#![no_main]

use libfuzzer_sys::fuzz_target;
use patchwharf_feeds::sdp;
use patchwharf_fuzz::{let_lzx_panic, limits};
use patchwharf_model::catalogue::Frame;

fuzz_target!(|bytes: &[u8]| {
    let_lzx_panic();
    let (mut found, mut refused, mut ended) = (0, 0, false);
    let read = sdp::read("fuzz", bytes, limits(), &mut |frame| {
        assert!(!ended, "a frame after the end");
        let text = serde_json::to_string(&frame).expect("every frame can be written");
        assert_eq!(serde_json::from_str::<Frame>(&text).expect("and read"), frame);
        match frame {
            Frame::Update(_) => found += 1,
            Frame::Rejected(_) => refused += 1,
            Frame::End { updates, rejected } => {
                assert_eq!((updates, rejected), (found, refused));
                ended = true;
            }
            _ => {}
        }
        Ok(())
    });
    assert_eq!(read.is_ok(), ended);
});
