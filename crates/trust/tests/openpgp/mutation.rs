//! Seeded mutations: nothing panics, and what is accepted is exactly what was signed.

use patchwharf_trust::{Keyring, openpgp::verify_cleartext};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use crate::forge::{Key, message, now};

const TEXT: &str = "Origin: Example\nSuite: stable\nSHA256:\n 00 1 main/Packages\n";

fn mutate(random: &mut StdRng, bytes: &mut Vec<u8>) {
    for _ in 0..random.gen_range(1..4) {
        let place = random.gen_range(0..bytes.len());
        match random.gen_range(0..5) {
            0 => bytes[place] ^= 1 << random.gen_range(0..8),
            1 => bytes[place] = random.r#gen(),
            2 => bytes.insert(place, *b"\n\r -\0=".get(random.gen_range(0..6)).unwrap()),
            3 => bytes.truncate(place.max(1)),
            _ => {
                let end = (place + random.gen_range(1..40)).min(bytes.len());
                let piece = bytes[place..end].to_vec();
                bytes.splice(place..place, piece);
            }
        }
    }
}

#[test]
fn v_16_mutated_messages_never_panic_and_never_change_what_was_signed() {
    let key = Key::new();
    let keyring = Keyring::read(&key.certificate()).unwrap();
    let honest = message(TEXT, &[key.sign(TEXT), key.sign_by_subkey(TEXT)]).into_bytes();
    let mut accepted = 0;
    for seed in 0..3_000 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut bytes = honest.clone();
        mutate(&mut random, &mut bytes);
        if let Ok(verified) = verify_cleartext(&keyring, &bytes, now()) {
            assert_eq!(verified.text, TEXT.as_bytes(), "seed {seed}");
            accepted += 1;
        }
    }
    assert!(accepted < 2_000, "{accepted} of 3000 mutants were accepted");
}

#[test]
fn v_16_mutated_keyrings_never_panic_and_never_vouch_for_another_key() {
    let (pinned, other) = (Key::new(), Key::new());
    let honest = pinned.certificate();
    let foreign = message(TEXT, &[other.sign(TEXT), other.sign_by_subkey(TEXT)]);
    for seed in 0..2_000 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut bytes = honest.clone();
        mutate(&mut random, &mut bytes);
        if let Ok(keyring) = Keyring::read(&bytes) {
            assert!(verify_cleartext(&keyring, foreign.as_bytes(), now()).is_err(), "seed {seed}");
        }
    }
}
