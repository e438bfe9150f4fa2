//! Streaming digests.

use std::io::{self, Read};

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use patchwharf_model::{Sha1, Sha256, update::VendorDigest};

/// Bytes read at once while a stream is hashed.
const BLOCK_BYTES: usize = 256 * 1024;

/// The SHA-256 digest of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Sha256 {
    Sha256(array(digest(&SHA256, bytes).as_ref()))
}

/// The SHA-1 digest of `bytes`; only to match what old vendor catalogues pin.
#[must_use]
pub fn sha1(bytes: &[u8]) -> Sha1 {
    Sha1(array(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref()))
}

/// Length and digests of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileDigests {
    /// Length in bytes.
    pub size_bytes: u64,
    /// The identity of the content.
    pub sha256: Sha256,
    /// Only where the vendor pins nothing better.
    pub sha1: Option<Sha1>,
}

impl FileDigests {
    /// Whether the content is what the vendor pins. Without the SHA-1 that a SHA-1 pin needs, the answer is no.
    #[must_use]
    pub fn matches(&self, size_bytes: u64, pin: &VendorDigest) -> bool {
        self.size_bytes == size_bytes
            && match pin {
                VendorDigest::Sha256(want) => self.sha256 == *want,
                VendorDigest::Sha1(want) => self.sha1 == Some(*want),
            }
    }
}

/// Hashes a file piece by piece: always SHA-256, and SHA-1 beside it where the vendor pins only that.
#[derive(Clone)]
pub struct FileHasher {
    sha256: Context,
    sha1: Option<Context>,
    size_bytes: u64,
}

impl FileHasher {
    /// SHA-256 alone.
    #[must_use]
    pub fn new() -> Self {
        Self { sha256: Context::new(&SHA256), sha1: None, size_bytes: 0 }
    }

    /// What it takes to check a file against `pin`.
    #[must_use]
    pub fn for_pin(pin: &VendorDigest) -> Self {
        match pin {
            VendorDigest::Sha256(_) => Self::new(),
            VendorDigest::Sha1(_) => Self::with_sha1(),
        }
    }

    /// SHA-1 beside SHA-256: for a file of which it is not known yet what pins it.
    #[must_use]
    pub fn with_sha1() -> Self {
        Self { sha1: Some(Context::new(&SHA1_FOR_LEGACY_USE_ONLY)), ..Self::new() }
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(bytes);
        }
        self.size_bytes += bytes.len() as u64;
    }

    /// Bytes taken in so far.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Length and digests of everything taken in.
    #[must_use]
    pub fn finish(self) -> FileDigests {
        FileDigests {
            size_bytes: self.size_bytes,
            sha256: Sha256(array(self.sha256.finish().as_ref())),
            sha1: self.sha1.map(|sha1| Sha1(array(sha1.finish().as_ref()))),
        }
    }
}

impl Default for FileHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for FileHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileHasher").field("size_bytes", &self.size_bytes).finish_non_exhaustive()
    }
}

/// Lets a decoder or `io::copy` write straight into the hasher.
impl io::Write for FileHasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads `reader` to its end through `hasher`.
///
/// # Errors
/// What the reader gives.
pub fn hash_reader(mut reader: impl Read, mut hasher: FileHasher) -> io::Result<FileDigests> {
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        match reader.read(&mut block) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(length) => hasher.update(&block[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(bytes);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ABC_256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const ABC_1: &str = "a9993e364706816aba3e25717850c26c9cd0d89d";

    #[test]
    fn digests_match_the_published_vectors() {
        assert_eq!(sha256(b"abc").to_string(), ABC_256);
        assert_eq!(sha1(b"abc").to_string(), ABC_1);
    }

    #[test]
    fn a_stream_gives_what_one_call_gives() {
        let bytes: Vec<u8> = (0..1_000_003u32).map(|n| (n * 7 % 251) as u8).collect();
        let pin = VendorDigest::Sha1(sha1(&bytes));
        let digests = hash_reader(bytes.as_slice(), FileHasher::for_pin(&pin)).unwrap();
        assert_eq!(digests.sha256, sha256(&bytes));
        assert!(digests.matches(1_000_003, &pin));
        assert!(!digests.matches(1_000_002, &pin));
    }

    #[test]
    fn a_sha1_pin_is_never_met_by_a_hasher_without_sha1() {
        let digests = hash_reader(&b"abc"[..], FileHasher::new()).unwrap();
        assert!(!digests.matches(3, &VendorDigest::Sha1(sha1(b"abc"))));
        assert!(digests.matches(3, &VendorDigest::Sha256(sha256(b"abc"))));
    }
}
