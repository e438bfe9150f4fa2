//! Any bytes as a signed text, as a detached signature and as a keyring. Nothing is believed by a key of which nobody
//! has the secret half; and what is believed by a keyring that the input brings itself is named by one of its keys.
//!
//! The input is a length (two bytes, big-endian), a keyring of that length, and a message; as a whole it is each of
//! these too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use patchwharf_model::Timestamp;
use patchwharf_trust::{
    Keyring,
    openpgp::{Verified, verify_cleartext, verify_detached},
};

/// What the detached signatures of the seeds are over.
const TEXT: &[u8] = b"Origin: Example\nSuite: stable\n";

fuzz_target!(|bytes: &[u8]| {
    let now = Timestamp::from_second(1_795_305_600).expect("a time");
    let pinned = Keyring::read(include_bytes!("inrelease.asc")).expect("our own key");
    assert!(verify_cleartext(&pinned, bytes, now).is_err(), "nobody has this key's secret half");
    assert!(verify_detached(&pinned, TEXT, bytes, now).is_err(), "nobody has this key's secret half");
    let _ = Keyring::read(bytes);

    let Some((length, rest)) = bytes.split_first_chunk() else { return };
    let (keyring, message) = rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len()));
    let Ok(keyring) = Keyring::read(keyring) else { return };
    if let Ok(verified) = verify_cleartext(&keyring, message, now) {
        believed(&keyring, &verified);
        assert!(!verified.text.contains(&b'\r'));
    }
    if let Ok(verified) = verify_detached(&keyring, TEXT, message, now) {
        believed(&keyring, &verified);
        assert_eq!(verified.text, TEXT);
    }
});

fn believed(keyring: &Keyring, verified: &Verified) {
    let keys = keyring.fingerprints();
    assert!(!verified.signed_by.is_empty());
    assert!(verified.signed_by.iter().all(|signer| keys.contains(signer)), "a key that is not in the keyring");
}
