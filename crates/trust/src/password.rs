//! Passwords of people: Argon2id, as text in the PHC string format.

use argon2::{
    Argon2, PasswordHash,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, SaltString},
};

use crate::random::random_bytes;

/// A password cannot be hashed.
#[derive(Debug, thiserror::Error)]
#[error("the password cannot be hashed: {0}")]
pub struct PasswordError(String);

/// The hash of a new password: Argon2id with the crate's parameters (OWASP's: 19 MiB, two passes) and a random salt.
/// Takes some ten milliseconds of a core: call it where that blocks nobody.
///
/// # Errors
/// When the system has no randomness or no memory.
pub fn hash_password(password: &str) -> Result<String, PasswordError> {
    let salt = random_bytes::<16>().map_err(|error| PasswordError(error.to_string()))?;
    let salt = SaltString::encode_b64(&salt).map_err(|error| PasswordError(error.to_string()))?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| PasswordError(error.to_string()))
}

/// Whether a password is the one of a hash. Takes as long as hashing. A text that is no hash fits nothing.
#[must_use]
pub fn verify_password(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_password_fits_its_hash() {
        let (one, two) = (hash_password("correct horse").unwrap(), hash_password("correct horse").unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, two, "each has a salt of its own");
        assert!(verify_password("correct horse", &one));
        assert!(!verify_password("correct horsf", &one));
        assert!(!verify_password("", "") && !verify_password("x", "x"));
    }
}
