//! Files that vendors publish: bytes that a seed makes, with their digests.

use aws_lc_rs::digest;
use bytes::Bytes;
use patchwharf_model::{Sha1, Sha256};
use rand::{RngCore, SeedableRng, rngs::StdRng};

/// A vendor's file: name, bytes, digests.
#[derive(Clone, Debug)]
pub struct Payload {
    /// File name.
    pub name: String,
    /// Content.
    pub bytes: Bytes,
}

impl Payload {
    /// A file with these bytes.
    pub fn new(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self { name: name.into(), bytes: bytes.into() }
    }

    /// A file of `size_bytes` that cannot be compressed; the same name and size make the same bytes.
    pub fn random(name: impl Into<String>, size_bytes: usize) -> Self {
        let name = name.into();
        let seed = sha256(name.as_bytes()).0;
        let mut bytes = vec![0; size_bytes];
        StdRng::from_seed(seed).fill_bytes(&mut bytes);
        Self::new(name, bytes)
    }

    /// Length in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// SHA-256 of the bytes.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        sha256(&self.bytes)
    }

    /// SHA-1 of the bytes.
    #[must_use]
    pub fn sha1(&self) -> Sha1 {
        sha1(&self.bytes)
    }

    /// The same file with one bit flipped in the middle: same length, other digest.
    #[must_use]
    pub fn damaged(&self) -> Self {
        let mut bytes = self.bytes.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        Self::new(self.name.clone(), bytes)
    }
}

/// SHA-256 of some bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Sha256 {
    Sha256(digest::digest(&digest::SHA256, bytes).as_ref().try_into().expect("32 bytes"))
}

/// SHA-1 of some bytes, as old catalogues give it.
#[must_use]
pub fn sha1(bytes: &[u8]) -> Sha1 {
    Sha1(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().try_into().expect("20 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_that_everyone_computes() {
        assert_eq!(sha256(b"abc").to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(sha1(b"abc").to_string(), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }

    #[test]
    fn a_damaged_payload_differs_by_one_bit_only() {
        let good = Payload::random("x.bin", 1000);
        let bad = good.damaged();
        let bits: u32 = good.bytes.iter().zip(&bad.bytes).map(|(a, b)| (a ^ b).count_ones()).sum();
        assert_eq!((bits, good.size_bytes()), (1, bad.size_bytes()));
        assert_eq!(good.sha256(), Payload::random("x.bin", 1000).sha256());
    }
}
