//! Which signatures count.

use std::fmt;

use patchwharf_model::Timestamp;
use pgp::{
    crypto::hash::HashAlgorithm,
    packet::{Signature, SignatureType, SignatureVersion, SubpacketData},
    ser::Serialize as _,
    types::{KeyDetails, PublicParams, Tag, VerifyingKey},
};

use super::{Keyring, MAX_FUTURE_SECONDS, SignatureError, certificate::Certificate};

/// RSA keys below this many bits are refused.
const MIN_RSA_BITS: u16 = 2048;

/// Why one signature does not count; in the order of how close it came to being good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// Of a kind or version that is not understood, or damaged.
    Unreadable,
    /// By a key that is in no pinned certificate.
    UnknownKey,
    /// Not a signature over a text.
    WrongType,
    /// Made with MD5, SHA-1 or another digest that no longer protects.
    WeakDigest,
    /// Made with a key that is too short or of an algorithm that no longer protects.
    WeakKey,
    /// The key is not bound to its primary key by signatures in both directions.
    Unbound,
    /// The key may not sign texts.
    NotForSigning,
    /// The bytes are not the ones that were signed.
    Changed,
    /// The signature's own time is in the future, or before its key was made.
    WrongTime,
    /// The signature has an end, and it has passed.
    Expired,
    /// The key has an end, and it had passed then or has passed now.
    KeyExpired,
    /// The key was revoked.
    KeyRevoked,
}

impl Problem {
    /// A stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "signature-unreadable",
            Self::UnknownKey => "key-unknown",
            Self::WrongType => "signature-type",
            Self::WeakDigest => "signature-weak-digest",
            Self::WeakKey => "key-weak",
            Self::Unbound => "key-unbound",
            Self::NotForSigning => "key-not-for-signing",
            Self::Changed => "signature-wrong",
            Self::WrongTime => "signature-time",
            Self::Expired => "signature-expired",
            Self::KeyExpired => "key-expired",
            Self::KeyRevoked => "key-revoked",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Unreadable => "it is damaged or of an unknown kind",
            Self::UnknownKey => "its key is not in the feed's keyring",
            Self::WrongType => "it is no signature over a text",
            Self::WeakDigest => {
                "its digest (MD5, SHA-1 ...) no longer protects; ask the publisher for a newer signature"
            }
            Self::WeakKey => "its key is too weak (RSA below 2048 bits, DSA)",
            Self::Unbound => "its key is not bound to its primary key in both directions",
            Self::NotForSigning => "its key may not sign texts",
            Self::Changed => "the text is not the one that was signed",
            Self::WrongTime => "its time is in the future or before its key was made; check this machine's clock",
            Self::Expired => "it has expired",
            Self::KeyExpired => "its key has expired; install the publisher's newer keyring",
            Self::KeyRevoked => "its key was revoked; install the publisher's newer keyring",
        }
    }
}

/// A signature that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureProblem {
    /// The key that it names, as the signature says; empty when it names none.
    pub key: String,
    /// Why.
    pub problem: Problem,
}

impl fmt::Display for SignatureProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.key.is_empty() { "no key" } else { &self.key };
        write!(f, "signature by {key}: {}", self.problem.text())
    }
}

pub(super) struct Judged {
    pub signed_by: Vec<String>,
    pub others: Vec<SignatureProblem>,
}

/// At what times a key must be good.
#[derive(Clone, Copy)]
struct Moments {
    /// When the signature says that it was made.
    signed: i64,
    now: i64,
}

pub(super) fn judge(
    keyring: &Keyring,
    signatures: &[Option<Signature>],
    hashed: &[u8],
    cleartext: bool,
    now: Timestamp,
) -> Result<Judged, SignatureError> {
    let mut judged = Judged { signed_by: Vec::new(), others: Vec::new() };
    for signature in signatures {
        match judge_one(keyring, signature.as_ref(), hashed, cleartext, now.as_second()) {
            Ok(primary) if judged.signed_by.contains(&primary) => {}
            Ok(primary) => judged.signed_by.push(primary),
            Err(problem) => {
                judged
                    .others
                    .push(SignatureProblem { key: signature.as_ref().map_or_else(String::new, issuer), problem });
            }
        }
    }
    if judged.signed_by.is_empty() { Err(SignatureError::NoneGood(judged.others)) } else { Ok(judged) }
}

fn issuer(signature: &Signature) -> String {
    let fingerprint = signature.issuer_fingerprint().first().map(|fingerprint| format!("{fingerprint:X}"));
    let id = || signature.issuer_key_id().first().map(|id| id.to_string().to_uppercase());
    fingerprint.or_else(id).unwrap_or_default()
}

/// The fingerprint of the primary key that stands behind a good signature.
fn judge_one(
    keyring: &Keyring,
    signature: Option<&Signature>,
    hashed: &[u8],
    cleartext: bool,
    now: i64,
) -> Result<String, Problem> {
    let signature = signature.ok_or(Problem::Unreadable)?;
    match signature.typ() {
        Some(SignatureType::Text) => {}
        Some(SignatureType::Binary) if !cleartext => {}
        None => return Err(Problem::Unreadable),
        Some(_) => return Err(Problem::WrongType),
    }
    sound(signature)?;
    let signed = signature.created().map(|time| i64::from(time.as_secs())).ok_or(Problem::Unreadable)?;
    let mut worst = Problem::UnknownKey;
    for certificate in &keyring.certificates {
        match certificate.signed(signature, hashed, Moments { signed, now }) {
            Ok(()) => return Ok(format!("{:X}", certificate.primary.fingerprint())),
            Err(problem) => worst = worst.max(problem),
        }
    }
    Err(worst)
}

/// What every signature must be, whatever it says: version 4 or 6, a digest that protects, nothing critical in it
/// that is not understood.
fn sound(signature: &Signature) -> Result<(), Problem> {
    use HashAlgorithm::{Sha3_256, Sha3_512, Sha256, Sha384, Sha512};
    if !matches!(signature.version(), SignatureVersion::V4 | SignatureVersion::V6) {
        return Err(Problem::Unreadable);
    }
    if !matches!(signature.hash_alg(), Some(Sha256 | Sha384 | Sha512 | Sha3_256 | Sha3_512)) {
        return Err(Problem::WeakDigest);
    }
    let config = signature.config().ok_or(Problem::Unreadable)?;
    let strange = config.hashed_subpackets().any(|packet| {
        let unknown = matches!(
            packet.data,
            SubpacketData::Other(..) | SubpacketData::Experimental(..) | SubpacketData::Notation(_)
        );
        packet.is_critical && unknown
    });
    if strange { Err(Problem::Unreadable) } else { Ok(()) }
}

impl Certificate {
    /// Whether a key of this certificate that may do so made `signature` over `hashed`.
    fn signed(&self, signature: &Signature, hashed: &[u8], at: Moments) -> Result<(), Problem> {
        if names(signature, &self.primary) {
            verify(signature, &self.primary, hashed)?;
            in_time(signature, &self.primary, at)?;
            let own = self.good_primary(at)?;
            return if may_sign(own, true) { Ok(()) } else { Err(Problem::NotForSigning) };
        }
        let (subkey, bindings) =
            self.subkeys.iter().find(|(subkey, _)| names(signature, subkey)).ok_or(Problem::UnknownKey)?;
        verify(signature, subkey, hashed)?;
        in_time(signature, subkey, at)?;
        self.good_primary(at)?;
        let revoked =
            self.subkey_revocations.iter().any(|word| word.verify_subkey_binding(&self.primary, subkey).is_ok());
        if revoked {
            return Err(Problem::KeyRevoked);
        }
        let binding = newest(bindings, |binding| {
            binding.typ() == Some(SignatureType::SubkeyBinding)
                && binding.verify_subkey_binding(&self.primary, subkey).is_ok()
        })
        .ok_or(Problem::Unbound)?;
        if !may_sign(binding, false) {
            return Err(Problem::NotForSigning);
        }
        let back = binding.embedded_signature().ok_or(Problem::Unbound)?;
        if sound(back).is_err() || back.verify_primary_key_binding(subkey, &self.primary).is_err() {
            return Err(Problem::Unbound);
        }
        not_expired(binding, subkey, at)
    }

    /// The primary key's own newest word about itself, when the key is neither revoked nor expired.
    fn good_primary(&self, at: Moments) -> Result<&Signature, Problem> {
        let revoked = self.direct.iter().any(|signature| {
            signature.typ() == Some(SignatureType::KeyRevocation) && signature.verify_key(&self.primary).is_ok()
        });
        if revoked || self.unreadable_revocation {
            return Err(Problem::KeyRevoked);
        }
        strong(&self.primary)?;
        let direct = newest(&self.direct, |signature| {
            signature.typ() == Some(SignatureType::Key) && signature.verify_key(&self.primary).is_ok()
        });
        let users = self.users.iter().filter_map(|(user, signatures)| {
            let by_primary =
                |signature: &Signature| signature.verify_certification(&self.primary, Tag::UserId, user).is_ok();
            let word = newest(signatures, |signature| {
                signature.is_certification() && names(signature, &self.primary) && by_primary(signature)
            })?;
            (word.typ() != Some(SignatureType::CertRevocation)).then_some(word)
        });
        let own = users.chain(direct).max_by_key(|signature| signature.created()).ok_or(Problem::Unbound)?;
        not_expired(own, &self.primary, at)?;
        Ok(own)
    }
}

/// The newest sound signature that passes `test`. Newest first, so that as few as possible are computed. (One from the
/// future only says that two clocks differ: the keyring is the administrator's own.)
fn newest(signatures: &[Signature], test: impl Fn(&Signature) -> bool) -> Option<&Signature> {
    let mut by_time: Vec<_> = signatures.iter().filter(|signature| sound(signature).is_ok()).collect();
    by_time.sort_by_key(|signature| std::cmp::Reverse(signature.created()));
    by_time.into_iter().find(|signature| test(signature))
}

fn names(signature: &Signature, key: &impl KeyDetails) -> bool {
    let fingerprints = signature.issuer_fingerprint();
    if fingerprints.is_empty() {
        signature.issuer_key_id().contains(&&key.legacy_key_id())
    } else {
        fingerprints.contains(&&key.fingerprint())
    }
}

fn verify<K: VerifyingKey>(signature: &Signature, key: &K, hashed: &[u8]) -> Result<(), Problem> {
    strong(key)?;
    signature.verify(key, hashed).map_err(|_| Problem::Changed)
}

fn strong(key: &impl KeyDetails) -> Result<(), Problem> {
    match key.public_params() {
        PublicParams::RSA(params) => {
            // An RSA key is written as two numbers, each with its count of bits in front (RFC 9580 section 3.2).
            let bits =
                params.to_bytes().ok().and_then(|bytes| Some(u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?])));
            if bits.is_some_and(|bits| bits >= MIN_RSA_BITS) { Ok(()) } else { Err(Problem::WeakKey) }
        }
        PublicParams::ECDSA(_) | PublicParams::EdDSALegacy(_) | PublicParams::Ed25519(_) | PublicParams::Ed448(_) => {
            Ok(())
        }
        _ => Err(Problem::WeakKey),
    }
}

/// The times of the text's own signature.
fn in_time(signature: &Signature, key: &impl KeyDetails, at: Moments) -> Result<(), Problem> {
    let made = i64::from(key.created_at().as_secs());
    if at.signed > at.now + MAX_FUTURE_SECONDS || at.signed < made {
        return Err(Problem::WrongTime);
    }
    match signature.signature_expiration_time().map(|span| i64::from(span.as_secs())) {
        Some(span) if span != 0 && at.signed + span <= at.now => Err(Problem::Expired),
        _ => Ok(()),
    }
}

/// Whether the key, and the word of its primary key about it, held when the text was signed and hold now: who steals
/// a key that has expired could set any time back.
fn not_expired(word: &Signature, key: &impl KeyDetails, at: Moments) -> Result<(), Problem> {
    let created = i64::from(key.created_at().as_secs());
    let said = word.created().map_or(0, |time| i64::from(time.as_secs()));
    let ends = [
        (created, word.key_expiration_time().map(|span| i64::from(span.as_secs()))),
        (said, word.signature_expiration_time().map(|span| i64::from(span.as_secs()))),
    ];
    let over =
        ends.iter().any(|(from, span)| span.is_some_and(|span| span != 0 && from + span <= at.now.max(at.signed)));
    if over { Err(Problem::KeyExpired) } else { Ok(()) }
}

/// The key flags of `word`. Without any, a primary key may sign and a subkey may not.
fn may_sign(word: &Signature, without_flags: bool) -> bool {
    let flags = word.config().and_then(|config| {
        config.hashed_subpackets().find_map(|packet| match &packet.data {
            SubpacketData::KeyFlags(flags) => Some(flags.sign()),
            _ => None,
        })
    });
    flags.unwrap_or(without_flags)
}
