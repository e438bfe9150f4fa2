//! Any bytes as a list of advisories or an OSV archive, matched against an archive.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use patchwharf_feeds::{advisories::Advisories, apt::ReleaseName};
use patchwharf_fuzz::limits;

fuzz_target!(|bytes: &[u8]| {
    let release = ReleaseName { codename: "bookworm".into(), ecosystem: "Debian:12".into() };
    let Ok(advisories) = Advisories::read("fuzz", Cursor::new(bytes), &release, limits()) else { return };
    let mut matching = advisories.matching();
    for advisory in advisories.all() {
        for (source, version) in &advisory.fixed {
            let found = matching.find(source, version).expect("an advisory contains its own fix");
            assert!(found.fixed.iter().any(|(name, fixed)| name == source && fixed <= version));
        }
    }
    assert!(matching.bulletins().count() <= advisories.all().len());
});
