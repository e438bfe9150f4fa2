//! Digests, the server's signing key, random secrets and OpenPGP checks: the only user of the crypto provider.

pub mod digest;
mod mac;
pub mod openpgp;
pub mod password;
pub mod provider;
pub mod random;
pub mod seal;
pub mod signing;

pub use digest::{FileDigests, FileHasher, hash_reader, sha1, sha256};
pub use mac::hmac_sha256;
pub use openpgp::{Keyring, KeyringError, SignatureError, Verified};
pub use password::{PasswordError, hash_password, verify_password};
pub use provider::install_crypto_provider;
pub use random::{constant_time_eq, random_token};
pub use seal::{Passphrase, SealError};
pub use signing::{KeyError, ManifestKey, PublicKey, Signature};
