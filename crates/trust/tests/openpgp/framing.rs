//! What may stand around the signed text: nothing.

use crate::{
    check,
    forge::{Key, armored, message, packets},
    refused,
};

const TEXT: &str = "Origin: Example\n- listed\n\nDate: today  \n";

#[test]
fn prepended_text_is_refused() {
    let key = Key::new();
    let signed = message(TEXT, &[key.sign(TEXT)]);
    for before in ["Origin: Evil\n", "\n", " ", "\u{feff}"] {
        refused(&key.certificate(), format!("{before}{signed}").as_bytes(), "signature-framing");
    }
}

#[test]
fn appended_text_is_refused() {
    let key = Key::new();
    let signed = message(TEXT, &[key.sign(TEXT)]);
    for after in ["Origin: Evil\n", "x", &signed] {
        refused(&key.certificate(), format!("{signed}{after}").as_bytes(), "signature-framing");
    }
    check(&key.certificate(), format!("{signed}\n \n").as_bytes()).unwrap();
}

#[test]
fn text_smuggled_into_the_headers_is_refused() {
    let key = Key::new();
    let signed = message(TEXT, &[key.sign(TEXT)]);
    for (from, to) in [
        ("Hash: SHA256\n", "Hash: SHA256\nOrigin: Evil\n"),
        ("Hash: SHA256\n\n", "Hash: SHA256\n \t\nOrigin: Evil\n\n"),
        ("Hash: SHA256\n", "Hash: SHA256\u{c}Origin: Evil\n"),
        ("Hash: SHA256\n", "NotDashEscaped: yes\n"),
        ("Hash: SHA256\n", "Hash: \n"),
    ] {
        refused(&key.certificate(), signed.replacen(from, to, 1).as_bytes(), "signature-framing");
    }
    let without = signed.replacen("Hash: SHA256\n", "", 1);
    check(&key.certificate(), without.as_bytes()).expect("RFC 9580: the header may be left out");
}

#[test]
fn a_second_message_inside_the_first_is_refused() {
    let key = Key::new();
    let signed = message(TEXT, &[key.sign(TEXT)]);
    let nested = signed.replacen("Origin: Example\n", &format!("Origin: Example\n{signed}"), 1);
    refused(&key.certificate(), nested.as_bytes(), "signature-framing");
}

#[test]
fn white_space_that_is_not_signed_is_not_handed_on() {
    let key = Key::new();
    let signed = message(TEXT, &[key.sign(TEXT)]);
    let spaced = signed.replace("Origin: Example\n", "Origin: Example \t \n");
    let verified = check(&key.certificate(), spaced.as_bytes()).unwrap();
    assert_eq!(verified.text, b"Origin: Example\n- listed\n\nDate: today\n");
}

#[test]
fn line_ends_of_windows_change_nothing() {
    let key = Key::new();
    let signed = message(TEXT, &[key.sign(TEXT)]).replace('\n', "\r\n");
    let verified = check(&key.certificate(), signed.as_bytes()).unwrap();
    assert_eq!(verified.text, b"Origin: Example\n- listed\n\nDate: today\n");
}

#[test]
fn control_bytes_that_readers_take_differently_are_refused() {
    let key = Key::new();
    let signed = message(TEXT, &[key.sign(TEXT)]);
    for strange in ["Origin:\rExample", "Origin:\0Example", "Origin: Example\r\r"] {
        refused(&key.certificate(), signed.replace("Origin: Example", strange).as_bytes(), "signature-framing");
    }
}

#[test]
fn a_message_cut_anywhere_is_refused() {
    let key = Key::new();
    let signed = message(TEXT, &[key.sign(TEXT)]);
    let whole = signed.trim_end().len();
    for cut in 0..whole {
        check(&key.certificate(), &signed.as_bytes()[..cut]).expect_err("a cut message was accepted");
    }
}

#[test]
fn signatures_in_several_blocks_are_all_heard() {
    let (one, two) = (Key::new(), Key::new());
    let signed = message(TEXT, &[one.sign(TEXT)]) + &armored("SIGNATURE", &packets(&[two.sign(TEXT)]));
    assert_eq!(check(&two.certificate(), signed.as_bytes()).unwrap().signed_by, [two.fingerprint()]);
}

#[test]
fn packets_that_are_no_signatures_are_refused() {
    let key = Key::new();
    let signed = message(TEXT, &[]);
    let body = armored("SIGNATURE", &key.certificate());
    let strange = signed.replace(&armored("SIGNATURE", &[]), &body);
    refused(&key.certificate(), strange.as_bytes(), "signature-damaged");
}

#[test]
fn a_flood_of_signatures_is_refused() {
    let key = Key::new();
    let signature = key.sign(TEXT);
    refused(&key.certificate(), message(TEXT, &vec![signature; 33]).as_bytes(), "signature-damaged");
}
