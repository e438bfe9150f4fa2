//! The server's Ed25519 key that signs `package.json` manifests.

mod file;

use std::{fmt, path::Path, str::FromStr};

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, ParsedPublicKey},
};

pub use file::KeyError;

use crate::random::random_bytes;

/// The server's own key pair. Its secret half never leaves this type but for its file.
pub struct ManifestKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl ManifestKey {
    /// Opens the key at `path`, or makes one there (mode 0600) when there is none: the first start.
    ///
    /// # Errors
    /// When the file is a link, readable by others, not a key, or cannot be read or made.
    pub fn open_or_make(path: &Path) -> Result<Self, KeyError> {
        match Self::open(path) {
            Err(KeyError::Absent { .. }) => {
                let seed = random_bytes::<32>().map_err(|source| KeyError::Random { path: path.into(), source })?;
                file::write_new(path, &seed)?;
                Self::open(path)
            }
            other => other,
        }
    }

    /// Opens the key at `path`.
    ///
    /// # Errors
    /// When there is none, or as [`Self::open_or_make`].
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        let seed = file::read(path)?;
        Self::of_seed(&seed).ok_or_else(|| KeyError::Malformed { path: path.into() })
    }

    fn of_seed(seed: &[u8; 32]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let mut public = [0; 32];
        public.copy_from_slice(pair.public_key().as_ref());
        Some(Self { pair, public: PublicKey(public) })
    }

    /// The public half of the key in the content of a key file, wherever that came from; none: it holds no key.
    #[must_use]
    pub fn public_of(content: &str) -> Option<PublicKey> {
        Self::of_seed(&file::seed_of(content)?).map(|key| key.public)
    }

    /// The half that everybody may know.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs `bytes`.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair.sign(bytes).as_ref());
        Signature(signature)
    }
}

impl fmt::Debug for ManifestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManifestKey({})", self.public.id())
    }
}

/// An Ed25519 public key; as text 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// A short name of the key: the first 16 hexadecimal digits of its SHA-256.
    #[must_use]
    pub fn id(&self) -> String {
        hex::encode(&digest(&SHA256, &self.0).as_ref()[..8])
    }

    /// Whether this key made `signature` over `bytes`.
    #[must_use]
    pub fn verifies(&self, bytes: &[u8], signature: &Signature) -> bool {
        ParsedPublicKey::new(&ED25519, self.0).is_ok_and(|key| key.verify_sig(bytes, &signature.0).is_ok())
    }
}

/// An Ed25519 signature; as text 128 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

/// A text that is no key or signature.
#[derive(Debug, thiserror::Error)]
#[error("{digits} hexadecimal digits are needed for an Ed25519 {what}")]
pub struct BadHex {
    what: &'static str,
    digits: usize,
}

macro_rules! as_hex {
    ($name:ident, $bytes:literal, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = BadHex;
            fn from_str(text: &str) -> Result<Self, BadHex> {
                let mut bytes = [0; $bytes];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| BadHex { what: $what, digits: $bytes * 2 })?;
                Ok(Self(bytes))
            }
        }
    };
}

as_hex!(PublicKey, 32, "public key");
as_hex!(Signature, 64, "signature");

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn the_key_made_at_first_start_is_the_key_of_every_later_start() {
        let dir = folder();
        let path = dir.path().join("manifest.key");
        let first = ManifestKey::open_or_make(&path).unwrap();
        let second = ManifestKey::open_or_make(&path).unwrap();
        assert_eq!(first.public(), second.public());
        assert_eq!(ManifestKey::public_of(&fs::read_to_string(&path).unwrap()), Some(first.public()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else may be left behind");
    }

    #[test]
    fn a_signature_holds_for_its_bytes_and_its_key_only() {
        let dir = folder();
        let key = ManifestKey::open_or_make(&dir.path().join("a")).unwrap();
        let other = ManifestKey::open_or_make(&dir.path().join("b")).unwrap();
        let signature: Signature = key.sign(b"manifest").to_string().parse().unwrap();
        let public: PublicKey = key.public().to_string().parse().unwrap();
        assert!(public.verifies(b"manifest", &signature));
        assert!(!public.verifies(b"manifesT", &signature));
        assert!(!other.public().verifies(b"manifest", &signature));
        assert!(!public.verifies(b"manifest", &Signature([0; 64])));
        assert_ne!(public.id(), other.public().id());
        assert_eq!(public.id().len(), 16);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_way_out() {
        let dir = folder();
        let path = dir.path().join("manifest.key");
        ManifestKey::open_or_make(&path).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = ManifestKey::open(&path).unwrap_err();
            assert_eq!(error.code(), "key-permissions");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn a_link_in_place_of_the_key_is_refused() {
        let dir = folder();
        let real = dir.path().join("real");
        ManifestKey::open_or_make(&real).unwrap();
        let link = dir.path().join("manifest.key");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(ManifestKey::open_or_make(&link).unwrap_err().code(), "key-link");
        // A dangling link must not make a key elsewhere either.
        let dangling = dir.path().join("dangling");
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &dangling).unwrap();
        assert_eq!(ManifestKey::open_or_make(&dangling).unwrap_err().code(), "key-link");
        assert!(!dir.path().join("elsewhere").exists());
    }

    #[test]
    fn a_damaged_key_is_never_replaced_silently() {
        let dir = folder();
        let path = dir.path().join("manifest.key");
        for content in ["", "patchwharf-ed25519-seed abc\n", "something else entirely\n"] {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert_eq!(ManifestKey::open_or_make(&path).unwrap_err().code(), "key-malformed");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
    }
}
