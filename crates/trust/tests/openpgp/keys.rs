//! Who signed, and whether that key may be believed.

use patchwharf_trust::{
    Keyring,
    openpgp::{Problem, verify_detached},
};
use pgp::{
    composed::KeyType,
    crypto::hash::HashAlgorithm,
    packet::{KeyFlags, SignatureType, SubpacketData},
};

use crate::{
    check,
    forge::{Key, Word, armored, message, now, packets, sign},
    refused,
};

const TEXT: &str = "Origin: Example\nSuite: stable\n-- dashes\n";

#[test]
fn a_text_signed_by_the_primary_key_is_good() {
    let key = Key::new();
    let verified = check(&key.certificate(), message(TEXT, &[key.sign(TEXT)]).as_bytes()).unwrap();
    assert_eq!(verified.text, TEXT.as_bytes());
    assert_eq!(verified.signed_by, [key.fingerprint()]);
    assert!(verified.others.is_empty());
}

#[test]
fn a_text_signed_by_a_bound_subkey_is_good_in_the_name_of_its_primary_key() {
    let key = Key::new();
    let verified = check(&key.certificate(), message(TEXT, &[key.sign_by_subkey(TEXT)]).as_bytes()).unwrap();
    assert_eq!(verified.signed_by, [key.fingerprint()]);
}

#[test]
fn every_common_algorithm_is_understood() {
    use pgp::crypto::ecc_curve::ECCCurve::P256;
    for kind in [KeyType::Rsa(2048), KeyType::ECDSA(P256), KeyType::Ed25519, KeyType::Ed25519Legacy] {
        let key = Key::of_type(kind);
        let signed = message(TEXT, &[key.sign(TEXT), key.sign_by_subkey(TEXT)]);
        let verified = check(&key.certificate(), signed.as_bytes()).unwrap();
        assert_eq!(verified.signed_by, [key.fingerprint()]);
        assert!(verified.others.is_empty());
    }
}

#[test]
fn v_06_an_unsigned_text_is_refused() {
    let key = Key::new();
    refused(&key.certificate(), TEXT.as_bytes(), "signature-missing");
    refused(&key.certificate(), b"", "signature-missing");
    let empty = message(TEXT, &[]);
    refused(&key.certificate(), empty.as_bytes(), "signature-missing");
}

#[test]
fn a_changed_text_is_refused() {
    let key = Key::new();
    let signed = message(TEXT, &[key.sign(TEXT)]).replace("Suite: stable", "Suite: evil");
    refused(&key.certificate(), signed.as_bytes(), "signature-wrong");
}

#[test]
fn a_key_outside_the_keyring_is_refused() {
    let (pinned, other) = (Key::new(), Key::new());
    refused(&pinned.certificate(), message(TEXT, &[other.sign(TEXT)]).as_bytes(), "key-unknown");
}

#[test]
fn a_signature_that_names_a_pinned_key_but_is_anothers_is_refused() {
    let (pinned, other) = (Key::new(), Key::new());
    let mut signature = other.sign(TEXT);
    // The unhashed area may be rewritten by anyone: let it name the pinned key as well.
    let id = SubpacketData::IssuerKeyId(pgp::types::KeyDetails::legacy_key_id(&pinned.primary));
    signature.unhashed_subpacket_push(pgp::packet::Subpacket::regular(id).unwrap()).unwrap();
    let issuer = SubpacketData::IssuerFingerprint(pgp::types::KeyDetails::fingerprint(&pinned.primary));
    signature.unhashed_subpacket_push(pgp::packet::Subpacket::regular(issuer).unwrap()).unwrap();
    refused(&pinned.certificate(), message(TEXT, &[signature]).as_bytes(), "signature-wrong");
}

#[test]
fn one_good_signature_among_unknown_ones_is_enough_and_the_others_are_named() {
    let (pinned, other) = (Key::new(), Key::new());
    for signatures in [[other.sign(TEXT), pinned.sign(TEXT)], [pinned.sign(TEXT), other.sign(TEXT)]] {
        let verified = check(&pinned.certificate(), message(TEXT, &signatures).as_bytes()).unwrap();
        assert_eq!(verified.signed_by, [pinned.fingerprint()]);
        assert_eq!(verified.others.len(), 1);
        assert_eq!(verified.others[0].problem, Problem::UnknownKey);
        assert_eq!(verified.others[0].key, other.fingerprint());
    }
}

#[test]
fn v_06_the_same_key_twice_counts_once() {
    let key = Key::new();
    let signed = message(TEXT, &[key.sign(TEXT), key.sign(TEXT), key.sign_by_subkey(TEXT)]);
    assert_eq!(check(&key.certificate(), signed.as_bytes()).unwrap().signed_by, [key.fingerprint()]);
}

#[test]
fn a_keyring_of_several_certificates_binary_or_armored_is_read_whole() {
    let (one, two) = (Key::new(), Key::new());
    let binary = [one.certificate(), two.certificate()].concat();
    let block = |bytes: &[u8]| armored("PUBLIC KEY BLOCK", bytes);
    let together = block(&binary);
    let apart = format!("# ours\n{}\n{}", block(&one.certificate()), block(&two.certificate()));
    for keyring in [binary, together.into_bytes(), apart.into_bytes()] {
        assert_eq!(Keyring::read(&keyring).unwrap().fingerprints(), [one.fingerprint(), two.fingerprint()]);
        let signed = message(TEXT, &[two.sign(TEXT), one.sign(TEXT)]);
        assert_eq!(check(&keyring, signed.as_bytes()).unwrap().signed_by, [two.fingerprint(), one.fingerprint()]);
    }
}

#[test]
fn a_file_that_is_no_keyring_is_refused_with_the_way_out() {
    let key = Key::new();
    let code = |bytes: &[u8]| Keyring::read(bytes).expect_err("it was accepted").code();
    assert_eq!(code(b""), "keyring-empty");
    assert_eq!(code(b"hello"), "keyring-empty");
    assert_eq!(code(b"\0\0\0\x20\x01\x01\0\x02KBXf\0\0\0\0"), "keyring-keybox");
    let certificate = key.certificate();
    assert_eq!(code(&certificate[..certificate.len() - 1]), "keyring-damaged");
    let mut secret = Vec::new();
    pgp::packet::PacketTrait::to_writer_with_header(&key.primary, &mut secret).unwrap();
    assert_eq!(code(&secret), "keyring-secret");
    assert_eq!(code(armored("PRIVATE KEY BLOCK", &secret).as_bytes()), "keyring-secret");
}

#[test]
fn an_expired_key_is_refused() {
    let key = Key::new();
    let own = key.self_signature(Word::at(-399).key_ends_after(399));
    let certificate = key.certificate_of(&[], &[own], &[key.binding(Word::at(-399), true)]);
    // Signed after the end, before the end (a stolen key can set any time back), and by the subkey.
    let late = sign(TEXT, &key.primary, &Word::at(0), SignatureType::Text);
    let early = sign(TEXT, &key.primary, &Word::at(-10), SignatureType::Text);
    for signature in [late, early, key.sign_by_subkey(TEXT)] {
        refused(&certificate, message(TEXT, &[signature]).as_bytes(), "key-expired");
    }
}

#[test]
fn an_expired_subkey_is_refused_while_its_primary_key_is_good() {
    let key = Key::new();
    let bound = key.binding(Word::at(-399).key_ends_after(399), true);
    let certificate = key.certificate_of(&[], &[key.self_signature(Word::at(-399))], &[bound]);
    refused(&certificate, message(TEXT, &[key.sign_by_subkey(TEXT)]).as_bytes(), "key-expired");
    check(&certificate, message(TEXT, &[key.sign(TEXT)]).as_bytes()).unwrap();
}

#[test]
fn a_key_whose_end_was_put_off_by_a_newer_word_is_good() {
    let key = Key::new();
    let words = [Word::at(-399).key_ends_after(30), Word::at(-300).key_ends_after(800)];
    let words = words.map(|word| key.self_signature(word));
    check(&key.certificate_of(&[], &words, &[]), message(TEXT, &[key.sign(TEXT)]).as_bytes()).unwrap();
    // And the other way round: the newer word shortens its life.
    let words = [Word::at(-399).key_ends_after(800), Word::at(-300).key_ends_after(30)];
    let words = words.map(|word| key.self_signature(word));
    refused(&key.certificate_of(&[], &words, &[]), message(TEXT, &[key.sign(TEXT)]).as_bytes(), "key-expired");
}

#[test]
fn a_revoked_key_is_refused_with_all_its_subkeys() {
    let key = Key::new();
    let own = [key.self_signature(Word::at(-399))];
    let bound = [key.binding(Word::at(-399), true)];
    for revoked_days_ago in [-300, 0] {
        let certificate = key.certificate_of(&[key.revocation(revoked_days_ago)], &own, &bound);
        refused(&certificate, message(TEXT, &[key.sign(TEXT)]).as_bytes(), "key-revoked");
        refused(&certificate, message(TEXT, &[key.sign_by_subkey(TEXT)]).as_bytes(), "key-revoked");
    }
}

#[test]
fn a_revocation_in_the_wrong_place_is_heard_all_the_same() {
    let key = Key::new();
    let own = [key.self_signature(Word::at(-399)), key.revocation(-1)];
    let certificate = key.certificate_of(&[], &own, &[key.binding(Word::at(-399), true)]);
    refused(&certificate, message(TEXT, &[key.sign(TEXT)]).as_bytes(), "key-revoked");
}

#[test]
fn a_revocation_by_another_key_changes_nothing() {
    let (key, other) = (Key::new(), Key::new());
    let own = [key.self_signature(Word::at(-399))];
    let certificate = key.certificate_of(&[other.revocation(-1)], &own, &[]);
    check(&certificate, message(TEXT, &[key.sign(TEXT)]).as_bytes()).unwrap();
}

/// Whoever hands on a keyring can put its packets into another order.
#[test]
fn v_06_a_revoked_subkey_is_refused_wherever_its_revocation_stands() {
    let key = Key::new();
    let (own, bound) = (key.self_signature(Word::at(-399)), key.binding(Word::at(-399), true));
    let revoked = || key.subkey_revocation();
    for (direct, user) in [(vec![revoked()], vec![own.clone()]), (Vec::new(), vec![own.clone(), revoked()])] {
        let certificate = key.certificate_of(&direct, &user, std::slice::from_ref(&bound));
        let signed = message(TEXT, &[key.sign_by_subkey(TEXT)]);
        assert_eq!(check(&certificate, signed.as_bytes()).unwrap_err().code(), "key-revoked");
    }
}

#[test]
fn a_revoked_subkey_is_refused_while_its_primary_key_is_good() {
    let key = Key::new();
    let bound = [key.binding(Word::at(-399), true), key.subkey_revocation()];
    let certificate = key.certificate_of(&[], &[key.self_signature(Word::at(-399))], &bound);
    refused(&certificate, message(TEXT, &[key.sign_by_subkey(TEXT)]).as_bytes(), "key-revoked");
    check(&certificate, message(TEXT, &[key.sign(TEXT)]).as_bytes()).unwrap();
}

#[test]
fn a_subkey_without_a_back_signature_is_refused() {
    let key = Key::new();
    let bound = [key.binding(Word::at(-399), false)];
    let certificate = key.certificate_of(&[], &[key.self_signature(Word::at(-399))], &bound);
    refused(&certificate, message(TEXT, &[key.sign_by_subkey(TEXT)]).as_bytes(), "key-unbound");
}

#[test]
fn a_stolen_subkey_bound_by_another_primary_key_is_refused() {
    // The thief binds somebody's public subkey to a primary key of their own, with the victim's back signature.
    let (thief, victim) = (Key::new(), Key::new());
    let theft = Key { primary: thief.primary.clone(), subkey: victim.subkey.clone(), user: thief.user.clone() };
    let bound = [victim.binding(Word::at(-399), true)];
    let certificate = theft.certificate_of(&[], &[theft.self_signature(Word::at(-399))], &bound);
    refused(&certificate, message(TEXT, &[victim.sign_by_subkey(TEXT)]).as_bytes(), "key-unbound");
}

#[test]
fn a_subkey_that_nobody_bound_is_refused() {
    let key = Key::new();
    let own = key.self_signature(Word::at(-399));
    let wrong = [own.clone()];
    let certificate = key.certificate_of(&[], &[own], &wrong);
    refused(&certificate, message(TEXT, &[key.sign_by_subkey(TEXT)]).as_bytes(), "key-unbound");
}

#[test]
fn a_primary_key_without_a_word_of_its_own_is_refused() {
    let key = Key::new();
    refused(&key.certificate_of(&[], &[], &[]), message(TEXT, &[key.sign(TEXT)]).as_bytes(), "key-unbound");
}

#[test]
fn v_06_a_key_of_another_role_is_refused() {
    let key = Key::new();
    let mut flags = KeyFlags::default();
    flags.set_encrypt_comms(true);
    let own = key.self_signature(Word::at(-399));
    let other_role = [key.binding(Word::at(-399).flags(Some(flags.clone())), true)];
    let certificate = key.certificate_of(&[], std::slice::from_ref(&own), &other_role);
    refused(&certificate, message(TEXT, &[key.sign_by_subkey(TEXT)]).as_bytes(), "key-not-for-signing");
    let silent = key.certificate_of(&[], &[own], &[key.binding(Word::at(-399).flags(None), true)]);
    refused(&silent, message(TEXT, &[key.sign_by_subkey(TEXT)]).as_bytes(), "key-not-for-signing");
    flags.set_certify(true);
    let certify_only = key.certificate_of(&[], &[key.self_signature(Word::at(-399).flags(Some(flags)))], &[]);
    refused(&certify_only, message(TEXT, &[key.sign(TEXT)]).as_bytes(), "key-not-for-signing");
}

#[test]
fn v_06_a_signature_of_another_type_is_refused() {
    let key = Key::new();
    let binary = sign(TEXT, &key.primary, &Word::at(-1), SignatureType::Binary);
    for signature in [binary, key.self_signature(Word::at(-1)), key.revocation(-1), key.binding(Word::at(-1), true)] {
        refused(&key.certificate(), message(TEXT, &[signature]).as_bytes(), "signature-type");
    }
}

#[test]
fn weak_digests_are_refused_everywhere() {
    let key = Key::of_type(KeyType::Rsa(2048));
    for digest in [HashAlgorithm::Md5, HashAlgorithm::Sha1, HashAlgorithm::Ripemd160, HashAlgorithm::Sha224] {
        let weak = sign(TEXT, &key.primary, &Word::at(-1).digest(digest), SignatureType::Text);
        refused(&key.certificate(), message(TEXT, &[weak]).as_bytes(), "signature-weak-digest");
    }
    let weak = Word::at(-399).digest(HashAlgorithm::Sha1);
    let own = key.self_signature(Word::at(-399));
    let weakly_bound = key.certificate_of(&[], &[own], &[key.binding(weak.clone(), true)]);
    refused(&weakly_bound, message(TEXT, &[key.sign_by_subkey(TEXT)]).as_bytes(), "key-unbound");
    let weak_word = key.certificate_of(&[], &[key.self_signature(weak)], &[]);
    refused(&weak_word, message(TEXT, &[key.sign(TEXT)]).as_bytes(), "key-unbound");
}

#[test]
fn signatures_out_of_their_time_are_refused() {
    let key = Key::new();
    let signed = |word: Word| message(TEXT, &[sign(TEXT, &key.primary, &word, SignatureType::Text)]);
    refused(&key.certificate(), signed(Word::at(2)).as_bytes(), "signature-time");
    refused(&key.certificate(), signed(Word::at(-401)).as_bytes(), "signature-time");
    refused(&key.certificate(), signed(Word::at(-10).ends_after(5)).as_bytes(), "signature-expired");
    check(&key.certificate(), signed(Word::at(1)).as_bytes()).expect("a clock may be a day off");
    check(&key.certificate(), signed(Word::at(-10).ends_after(50)).as_bytes()).unwrap();
}

#[test]
fn a_critical_statement_that_is_not_understood_spoils_the_signature() {
    let key = Key::new();
    let word = Word::at(-1).saying(SubpacketData::Experimental(101, "?".into()), true);
    let signed = message(TEXT, &[sign(TEXT, &key.primary, &word, SignatureType::Text)]);
    refused(&key.certificate(), signed.as_bytes(), "signature-unreadable");
    let word = Word::at(-1).saying(SubpacketData::Experimental(101, "?".into()), false);
    let signed = message(TEXT, &[sign(TEXT, &key.primary, &word, SignatureType::Text)]);
    check(&key.certificate(), signed.as_bytes()).unwrap();
}

#[test]
fn release_with_a_signature_of_its_own_is_good_binary_or_armored() {
    let key = Key::new();
    let keyring = Keyring::read(&key.certificate()).unwrap();
    let mut config = pgp::packet::SignatureConfig::v4(
        SignatureType::Binary,
        pgp::types::KeyDetails::algorithm(&key.primary),
        HashAlgorithm::Sha512,
    );
    for data in [
        SubpacketData::SignatureCreationTime(crate::forge::at(-1)),
        SubpacketData::IssuerFingerprint(pgp::types::KeyDetails::fingerprint(&key.primary)),
    ] {
        config.hashed_subpackets.push(pgp::packet::Subpacket::regular(data).unwrap());
    }
    let signature = config.sign(&key.primary, &pgp::types::Password::empty(), TEXT.as_bytes()).unwrap();
    let binary = packets(&[signature]);
    let armored = armored("SIGNATURE", &binary);
    for detached in [binary.as_slice(), armored.as_bytes()] {
        let verified = verify_detached(&keyring, TEXT.as_bytes(), detached, now()).unwrap();
        assert_eq!((verified.text.as_slice(), verified.signed_by), (TEXT.as_bytes(), vec![key.fingerprint()]));
        let error = verify_detached(&keyring, b"Origin: Evil\n", detached, now()).unwrap_err();
        assert_eq!(error.code(), "signature-wrong");
    }
    let error = verify_detached(&keyring, TEXT.as_bytes(), b"", now()).unwrap_err();
    assert_eq!(error.code(), "signature-missing");
    let error = verify_detached(&keyring, TEXT.as_bytes(), b"<html>404</html>", now()).unwrap_err();
    assert_eq!(error.code(), "signature-missing");
}
