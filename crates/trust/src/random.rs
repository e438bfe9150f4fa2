//! Random secrets and their comparison.

use aws_lc_rs::{constant_time::verify_slices_are_equal, rand};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Bytes of randomness in a token.
const TOKEN_BYTES: usize = 32;

/// The operating system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random numbers; a secret cannot be made")]
pub struct NoRandomness;

/// A new secret of 256 bits as text that is safe in URLs and headers (base64url without padding, 43 characters).
///
/// # Errors
/// When the system has no randomness.
pub fn random_token() -> Result<String, NoRandomness> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<TOKEN_BYTES>()?))
}

/// Random bytes.
///
/// # Errors
/// When the system has no randomness.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// Compares two secrets in a time that tells nothing of where they differ (their lengths are no secret).
#[must_use]
pub fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    verify_slices_are_equal(left, right).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tokens_are_long_safe_and_never_the_same() {
        let (one, two) = (random_token().unwrap(), random_token().unwrap());
        assert_eq!(one.len(), 43);
        assert!(one.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert_ne!(one, two);
        assert!(constant_time_eq(one.as_bytes(), one.as_bytes()));
        assert!(!constant_time_eq(one.as_bytes(), two.as_bytes()));
        assert!(!constant_time_eq(b"a", b"ab"));
    }
}
