//! Message authentication: what a receiver who has the secret can check.

use aws_lc_rs::hmac;

/// HMAC-SHA-256 of `message` under `secret` (RFC 2104), 64 hexadecimal digits.
#[must_use]
pub fn hmac_sha256(secret: &[u8], message: &[u8]) -> String {
    hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref())
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_the_one_of_the_standard() {
        // RFC 4231, test case 2.
        assert_eq!(
            super::hmac_sha256(b"Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
