//! Any bytes as `Release` and as an index in each packing: whatever comes out goes through a frame unchanged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use patchwharf_feeds::apt::{Catalogue, Compression, Release};
use patchwharf_fuzz::limits;
use patchwharf_model::{Timestamp, catalogue::Frame};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(release) = Release::read("fuzz", bytes, limits()) {
        let _ = release.believe(Timestamp::from_second(1_795_305_600).expect("a time"), None);
        let _ = (release.indexes("main", "amd64"), release.must_be("stable"), release.name());
    }
    for compression in Compression::ALL {
        let Ok(mut catalogue) = Catalogue::new(&Release::default(), "https://fuzz.example", limits()) else { return };
        if catalogue.read_index("fuzz", bytes, compression).is_err() {
            continue;
        }
        let written = catalogue.write(None, &[], &mut |frame| {
            let text = serde_json::to_string(&frame).expect("every frame can be written");
            assert_eq!(serde_json::from_str::<Frame>(&text).expect("and read"), frame);
            Ok(())
        });
        written.expect("nobody stops it");
    }
});
