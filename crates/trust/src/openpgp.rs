//! OpenPGP checks of apt's `InRelease` and `Release` + `Release.gpg` (RFC 9580).
//!
//! Only what a good signature covers is ever handed on. A signature is good when a key of a pinned certificate made
//! it: the primary key itself, or a subkey that the primary key bound for signing and that signed back. The whole
//! certificate is judged: expiry, revocation, key flags, weak digests and keys.

mod armor;
mod certificate;
mod cleartext;
mod judge;
mod packets;

use patchwharf_model::Timestamp;

pub use certificate::{Keyring, KeyringError};
pub use judge::{Problem, SignatureProblem};

use crate::openpgp::{cleartext::SignedText, judge::judge};

/// How far a signature's own time may lie ahead of the clock, in seconds.
pub const MAX_FUTURE_SECONDS: i64 = 24 * 60 * 60;

/// The largest block of signatures that is read, in bytes.
const MAX_SIGNATURES_BYTES: usize = 256 * 1024;

/// The largest signed text, in bytes (Debian's own is 150 KiB).
pub const MAX_TEXT_BYTES: usize = 64 * 1024 * 1024;

/// The most signatures on one text.
const MAX_SIGNATURES: usize = 32;

/// A text with at least one good signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What was signed and nothing else: dash escapes undone, lines end in LF.
    pub text: Vec<u8>,
    /// Fingerprints of the primary keys whose signatures are good, upper case, each once.
    pub signed_by: Vec<String>,
    /// Signatures that do not count, and why. Unknown keys are normal here.
    pub others: Vec<SignatureProblem>,
}

/// Why a text is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No signature at all.
    #[error("it is not signed: an OpenPGP signature by a key of the feed's keyring is required")]
    Missing,
    /// The frame around text and signatures is not that of RFC 9580.
    #[error("its OpenPGP framing is refused at line {line}: {reason}")]
    Framing {
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// The packets of the signature block cannot be read.
    #[error("its OpenPGP signature block is damaged: {reason}")]
    Damaged {
        /// What is wrong.
        reason: &'static str,
    },
    /// Larger than what is read.
    #[error("it is larger than the {limit} bytes that are accepted")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Signatures, but none that counts.
    #[error("none of its {} signatures counts: {}", .0.len(), problems(.0))]
    NoneGood(Vec<SignatureProblem>),
}

fn problems(all: &[SignatureProblem]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl SignatureError {
    /// A stable code. Of several signatures the one closest to being good gives its reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "signature-missing",
            Self::Framing { .. } => "signature-framing",
            Self::Damaged { .. } => "signature-damaged",
            Self::TooLarge { .. } => "too-large",
            Self::NoneGood(all) => all.iter().map(|p| p.problem).max().map_or("signature-missing", Problem::code),
        }
    }
}

/// Checks a cleartext-signed text such as `InRelease` (RFC 9580 section 7).
///
/// # Errors
/// When no signature is good, or anything but blank lines stands outside the signed part.
pub fn verify_cleartext(keyring: &Keyring, bytes: &[u8], now: Timestamp) -> Result<Verified, SignatureError> {
    if bytes.len() > MAX_TEXT_BYTES {
        return Err(SignatureError::TooLarge { limit: MAX_TEXT_BYTES });
    }
    let SignedText { hashed, text, signatures } = cleartext::read(bytes)?;
    let judged = judge(keyring, &packets::signatures(&signatures)?, &hashed, true, now)?;
    Ok(Verified { text, signed_by: judged.signed_by, others: judged.others })
}

/// Checks a text with its signature in a file of its own, such as `Release` with `Release.gpg` (armoured or binary).
///
/// # Errors
/// When no signature is good.
pub fn verify_detached(
    keyring: &Keyring,
    text: &[u8],
    signature: &[u8],
    now: Timestamp,
) -> Result<Verified, SignatureError> {
    if text.len() > MAX_TEXT_BYTES || signature.len() > MAX_SIGNATURES_BYTES * 2 {
        return Err(SignatureError::TooLarge { limit: MAX_TEXT_BYTES });
    }
    let signatures = match signature.first() {
        None => return Err(SignatureError::Missing),
        Some(first) if first & 0x80 != 0 => signature.to_vec(),
        Some(_) => armor::signature_blocks(signature, 1)?,
    };
    let judged = judge(keyring, &packets::signatures(&signatures)?, text, false, now)?;
    Ok(Verified { text: text.to_vec(), signed_by: judged.signed_by, others: judged.others })
}
