//! GnuPG's own verifier as a second opinion.

use std::{fs, process::Command};

use crate::{
    check,
    forge::{Key, message},
};

#[test]
fn gpgv_agrees_on_good_and_changed_texts() {
    if Command::new("gpgv").arg("--version").output().is_err() {
        return patchwharf_testkit::skipped("gpgv is not installed (apt-get install gpgv)");
    }
    let folder = tempfile::tempdir().unwrap();
    let text = "Origin: Example\n- dashes -- \t\n\nFrom here\n";
    let key = Key::new();
    let (keyring, signed) = (folder.path().join("keyring.gpg"), folder.path().join("InRelease"));
    fs::write(&keyring, key.certificate()).unwrap();
    let gpgv = |message: &str| {
        fs::write(&signed, message).unwrap();
        // Our keys' times are around the tests' fixed clock, which may lie ahead of the machine's.
        let mut gpgv = Command::new("gpgv");
        gpgv.arg("--ignore-time-conflict").arg("--keyring").arg(&keyring).arg("--output").arg("-").arg(&signed);
        let output = gpgv.output().unwrap();
        output.status.success().then_some(output.stdout)
    };
    for signature in [key.sign(text), key.sign_by_subkey(text)] {
        let good = message(text, &[signature]);
        let ours = check(&key.certificate(), good.as_bytes()).unwrap().text;
        let theirs = gpgv(&good).expect("gpgv refuses what we accept");
        assert_eq!(String::from_utf8_lossy(&theirs).trim_end(), String::from_utf8_lossy(&ours).trim_end());
        assert!(gpgv(&good.replace("Example", "Changed")).is_none());
    }
}
