//! Files sealed under a passphrase: what must be kept where others can read it (backups).
//!
//! The key comes from the passphrase by PBKDF2-HMAC-SHA-256 with a salt of its own for each file. The content is cut
//! into pieces, each sealed by AES-256-GCM with its number and whether it is the last in the nonce: pieces cannot be
//! changed, left out, put in another order or cut off at the end without being noticed.
//!
//! ```text
//! "patchwharf-sealed-1\n"  salt (16 bytes)  rounds (4 bytes, big endian)  pieces: 64 KiB of content + 16 bytes each
//! ```

use std::{
    io::{self, Read, Write},
    num::NonZeroU32,
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    pbkdf2,
};

use crate::random::random_bytes;

const MAGIC: &[u8; 20] = b"patchwharf-sealed-1\n";
const SALT_BYTES: usize = 16;
/// OWASP's figure for PBKDF2-HMAC-SHA-256.
const ROUNDS: u32 = 600_000;
/// A hostile file must not keep us busy for hours.
const MOST_ROUNDS: u32 = 10_000_000;
const PIECE: usize = 64 * 1024;
const TAG: usize = 16;

/// A passphrase. Never shown.
#[derive(Clone)]
pub struct Passphrase(String);

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// The passphrase is too short to keep anybody out.
#[derive(Debug, thiserror::Error)]
#[error("a passphrase has at least {} characters", Passphrase::LEAST)]
pub struct ShortPassphrase;

/// Why a sealed file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// It is no sealed file.
    #[error("it is no file that was sealed by patchwharf")]
    NotSealed,
    /// Another passphrase, or a changed file: they cannot be told apart.
    #[error("it cannot be opened: the passphrase is another one, or the file was changed")]
    Refused,
    /// It cannot be read or written.
    #[error("it cannot be read or written")]
    Io(#[from] io::Error),
}

impl Passphrase {
    /// Characters that a passphrase has at least.
    pub const LEAST: usize = 12;

    /// Takes a passphrase.
    ///
    /// # Errors
    /// It is too short.
    pub fn new(text: impl Into<String>) -> Result<Self, ShortPassphrase> {
        let text = text.into();
        if text.chars().count() < Self::LEAST { Err(ShortPassphrase) } else { Ok(Self(text)) }
    }

    fn key(&self, salt: &[u8], rounds: u32) -> Option<LessSafeKey> {
        let mut key = [0; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, NonZeroU32::new(rounds)?, salt, self.0.as_bytes(), &mut key);
        UnboundKey::new(&AES_256_GCM, &key).ok().map(LessSafeKey::new)
    }
}

/// The nonce of a piece; each file has a key of its own.
fn nonce(number: u64, last: bool) -> Nonce {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes[11] = u8::from(last);
    Nonce::assume_unique_for_key(bytes)
}

/// Reads until the piece is full or the stream at its end.
fn fill(from: &mut dyn Read, piece: &mut Vec<u8>, most: usize) -> io::Result<()> {
    piece.clear();
    from.take(most as u64).read_to_end(piece).map(drop)
}

/// Seals everything that `from` gives.
///
/// # Errors
/// Reading or writing failed, or the system gives no randomness.
pub fn seal(passphrase: &Passphrase, from: &mut dyn Read, to: &mut dyn Write) -> Result<(), SealError> {
    let salt = random_bytes::<SALT_BYTES>().map_err(io::Error::other)?;
    let key = passphrase.key(&salt, ROUNDS).ok_or(SealError::Refused)?;
    to.write_all(MAGIC)?;
    to.write_all(&salt)?;
    to.write_all(&ROUNDS.to_be_bytes())?;
    let (mut piece, mut next) = (Vec::with_capacity(PIECE + TAG), Vec::with_capacity(PIECE));
    fill(from, &mut piece, PIECE)?;
    for number in 0.. {
        fill(from, &mut next, PIECE)?;
        let last = next.is_empty();
        key.seal_in_place_append_tag(nonce(number, last), Aad::empty(), &mut piece).map_err(|_| SealError::Refused)?;
        to.write_all(&piece)?;
        std::mem::swap(&mut piece, &mut next);
        if last {
            break;
        }
    }
    Ok(())
}

/// Opens what [`seal`] made. What was written to `to` before an error must not be used.
///
/// # Errors
/// It is no sealed file, the passphrase is another one, something was changed, or reading or writing failed.
pub fn open(passphrase: &Passphrase, from: &mut dyn Read, to: &mut dyn Write) -> Result<(), SealError> {
    let mut head = [0; MAGIC.len() + SALT_BYTES + 4];
    from.read_exact(&mut head).map_err(|_| SealError::NotSealed)?;
    let (magic, rest) = head.split_at(MAGIC.len());
    let (salt, rounds) = rest.split_at(SALT_BYTES);
    let rounds = rounds.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    if magic != MAGIC || rounds > MOST_ROUNDS {
        return Err(SealError::NotSealed);
    }
    let key = passphrase.key(salt, rounds).ok_or(SealError::NotSealed)?;
    let (mut piece, mut next) = (Vec::new(), Vec::new());
    fill(from, &mut piece, PIECE + TAG)?;
    for number in 0.. {
        fill(from, &mut next, PIECE + TAG)?;
        let last = next.is_empty();
        let content =
            key.open_in_place(nonce(number, last), Aad::empty(), &mut piece).map_err(|_| SealError::Refused)?;
        to.write_all(content)?;
        std::mem::swap(&mut piece, &mut next);
        if last {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn passphrase() -> Passphrase {
        Passphrase::new("correct horse battery").unwrap()
    }

    fn sealed(content: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::new();
        seal(&passphrase(), &mut &*content, &mut sealed).unwrap();
        sealed
    }

    fn opened(passphrase: &Passphrase, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut content = Vec::new();
        open(passphrase, &mut &*sealed, &mut content).map(|()| content)
    }

    #[test]
    fn what_was_sealed_is_opened_by_its_passphrase_alone() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let content: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let sealed = sealed(&content);
            assert!(opened(&passphrase(), &sealed).unwrap() == content, "{length}");
            let other = Passphrase::new("correct horse batterz").unwrap();
            assert!(matches!(opened(&other, &sealed), Err(SealError::Refused)), "{length}");
        }
    }

    #[test]
    fn no_piece_can_be_changed_left_out_moved_or_cut_off() {
        let content: Vec<u8> = (0..3 * PIECE).map(|n| (n / 7) as u8).collect();
        let sealed = sealed(&content);
        let head = MAGIC.len() + SALT_BYTES + 4;
        let piece = PIECE + TAG;
        let mut flipped = sealed.clone();
        flipped[head + piece + 5] ^= 1;
        let without_last = sealed[..head + 2 * piece].to_vec();
        let without_first = [&sealed[..head], &sealed[head + piece..]].concat();
        let exchanged = [
            &sealed[..head],
            &sealed[head + piece..head + 2 * piece],
            &sealed[head..head + piece],
            &sealed[head + 2 * piece..],
        ]
        .concat();
        let mut longer = sealed.clone();
        longer.push(0);
        for bad in [flipped, without_last, without_first, exchanged, longer, sealed[..sealed.len() - 1].to_vec()] {
            assert!(matches!(opened(&passphrase(), &bad), Err(SealError::Refused)));
        }
        let mut busy = sealed;
        busy[MAGIC.len() + SALT_BYTES] = 0xff;
        assert!(matches!(opened(&passphrase(), &busy), Err(SealError::NotSealed)));
        assert!(matches!(opened(&passphrase(), b"plain text"), Err(SealError::NotSealed)));
    }

    #[test]
    fn a_short_passphrase_is_none_and_none_is_shown() {
        assert!(Passphrase::new("too short").is_err());
        assert!(!format!("{:?}", passphrase()).contains("horse"));
    }
}
