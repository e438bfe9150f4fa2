//! The one provider of cryptography that TLS uses in this process.

/// Makes aws-lc-rs the provider of rustls for the whole process. A second call changes nothing.
pub fn install_crypto_provider() {
    // The error is the provider that is already there: an earlier call of this very function.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
