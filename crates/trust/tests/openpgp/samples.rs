//! Debian's own files, where they are at hand.

use std::{fs, path::PathBuf};

use patchwharf_model::Timestamp;
use patchwharf_trust::{Keyring, openpgp::verify_cleartext};

fn samples() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let named = std::env::var_os("PATCHWHARF_SAMPLES").map(PathBuf::from);
    let found = named
        .into_iter()
        .chain([root.join("../shared/samples"), root.join("../../shared/samples")])
        .find(|folder| folder.join("linux/apt").is_dir());
    if found.is_none() {
        patchwharf_testkit::skipped("the samples are not here; PATCHWHARF_SAMPLES names their folder");
    }
    found.map(|folder| folder.join("linux/apt"))
}

#[test]
fn debians_own_inrelease_is_good_by_its_keys_and_only_by_them() {
    let Some(folder) = samples() else { return };
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let message = read("debian-security-bookworm.InRelease");
    let security = Keyring::read(&read("debian-archive-bookworm-security-automatic.gpg")).unwrap();
    let verified = verify_cleartext(&security, &message, now).unwrap();
    assert_eq!(verified.signed_by, ["05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0"]);
    assert!(verified.text.starts_with(b"Origin: Debian\n"));
    let text = String::from_utf8(message.clone()).unwrap();
    let changed = text.replacen("Suite: oldstable-security", "Suite: stable-security", 1);
    let error = verify_cleartext(&security, changed.as_bytes(), now).unwrap_err();
    assert_eq!(error.code(), "signature-wrong");
    let other = crate::forge::Key::new().certificate();
    let error = verify_cleartext(&Keyring::read(&other).unwrap(), &message, now).unwrap_err();
    assert_eq!(error.code(), "key-unknown");
}

#[test]
fn every_keyring_of_this_machine_can_be_read() {
    let Ok(folder) = fs::read_dir("/usr/share/keyrings") else {
        return patchwharf_testkit::skipped("there is no /usr/share/keyrings here");
    };
    for file in folder {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "gpg" || extension == "asc" || extension == "pgp") {
            let keyring = Keyring::read(&fs::read(&path).unwrap());
            assert!(keyring.is_ok(), "{}: {keyring:?}", path.display());
        }
    }
}
