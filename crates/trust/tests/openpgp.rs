//! OpenPGP checks, attack by attack, with keys made on the spot.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

#[path = "openpgp/forge.rs"]
mod forge;
#[path = "openpgp/framing.rs"]
mod framing;
#[path = "openpgp/gpgv.rs"]
mod gpgv;
#[path = "openpgp/keys.rs"]
mod keys;
#[path = "openpgp/mutation.rs"]
mod mutation;
#[path = "openpgp/samples.rs"]
mod samples;

use patchwharf_trust::{Keyring, SignatureError, Verified, openpgp::verify_cleartext};

pub(crate) fn check(keyring: &[u8], message: &[u8]) -> Result<Verified, SignatureError> {
    verify_cleartext(&Keyring::read(keyring).expect("keyring"), message, forge::now())
}

#[track_caller]
pub(crate) fn refused(keyring: &[u8], message: &[u8], code: &str) {
    let error = check(keyring, message).expect_err("it was accepted");
    assert_eq!(error.code(), code, "{error}");
}
