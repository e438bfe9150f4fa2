//! Signed texts with the keyring that proves them in front, in the frame that the target reads; and each by itself.

use patchwharf_testkit::apt::{Deb, Key, KeyKind, Repository};

use crate::{Seed, seed};

/// What the target's detached signatures are over.
const TEXT: &[u8] = b"Origin: Example\nSuite: stable\n";

pub(crate) fn seeds() -> Vec<Seed> {
    let release = Repository::new([Deb::with_bytes("a", "1", "amd64", "bytes")]).release();
    let mut seeds = Vec::new();
    for (name, kind) in [("ed25519", KeyKind::Ed25519), ("rsa", KeyKind::Rsa), ("subkey", KeyKind::Subkey)] {
        let key = Key::generate(kind);
        let (keyring, armored) = (key.keyring(), key.armored());
        for (form, message) in [
            ("inrelease", key.clearsign(&release)),
            ("dashes", key.clearsign("- dash\n\n-----BEGIN \nend  \n")),
            ("detached", key.sign_detached(TEXT)),
        ] {
            seeds.push(seed(&format!("{name}-{form}"), framed(&keyring, &message)));
            seeds.push(seed(&format!("{name}-{form}-armored"), framed(armored.as_bytes(), &message)));
            seeds.push(seed(&format!("{name}-{form}-alone"), message));
        }
        seeds.push(seed(&format!("{name}-keyring"), keyring));
        seeds.push(seed(&format!("{name}-keyring-armored"), armored));
    }
    let (one, other) = (Key::generate(KeyKind::Ed25519), Key::generate(KeyKind::Subkey));
    let both = [one.keyring(), other.keyring()].concat();
    seeds.push(seed("two-signers", framed(&both, &Key::clearsign_all(&release, &[&one, &other]))));
    seeds
}

fn framed(keyring: &[u8], message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(keyring.len()).expect("a small keyring");
    [&length.to_be_bytes()[..], keyring, message].concat()
}
