//! Any bytes as a signed text, as a detached signature and as a keyring: nothing is believed, nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use patchwharf_model::Timestamp;
use patchwharf_trust::{
    Keyring,
    openpgp::{verify_cleartext, verify_detached},
};

fuzz_target!(|bytes: &[u8]| {
    let pinned = Keyring::read(include_bytes!("inrelease.asc")).expect("our own key");
    let now = Timestamp::from_second(1_795_305_600).expect("a time");
    assert!(verify_cleartext(&pinned, bytes, now).is_err(), "nobody has this key's secret half");
    assert!(verify_detached(&pinned, b"text", bytes, now).is_err(), "nobody has this key's secret half");
    if let Ok(keyring) = Keyring::read(bytes) {
        assert!(!keyring.fingerprints().is_empty());
        let _ = verify_cleartext(&keyring, bytes, now);
    }
});
