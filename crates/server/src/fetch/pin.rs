//! The certificate authorities of one feed.

use std::{fmt, hash, sync::Arc};

use patchwharf_model::Sha256;
use patchwharf_trust::digest::sha256;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// What a file of certificates may have, in bytes.
const MOST_BYTES: usize = 256 * 1024;

/// The only certificate authorities that may vouch for the hosts of a feed, instead of those of the machine.
#[derive(Clone)]
pub struct Pin(Arc<Inner>);

struct Inner {
    /// Digest of the file: the same file is the same pin.
    digest: Sha256,
    roots: Arc<RootCertStore>,
    fingerprints: Vec<Sha256>,
}

/// Why a file cannot be a pin.
#[derive(Debug, thiserror::Error)]
pub enum BadPin {
    /// No certificate.
    #[error("there is no certificate in it; PEM is needed (`-----BEGIN CERTIFICATE-----`)")]
    Empty,
    /// Too much of it.
    #[error("it has more than {MOST_BYTES} bytes")]
    TooLarge,
    /// A certificate that cannot be read.
    #[error("certificate {number} of it cannot be read: {reason}")]
    Certificate {
        /// Its number, from 1.
        number: usize,
        /// Why.
        reason: String,
    },
}

impl Pin {
    /// Reads certificates in PEM. Other sections, and text around them, are passed over.
    ///
    /// # Errors
    /// It holds no certificate, or one that cannot vouch for anything.
    pub fn parse(pem: &str) -> Result<Self, BadPin> {
        if pem.len() > MOST_BYTES {
            return Err(BadPin::TooLarge);
        }
        let mut roots = RootCertStore::empty();
        let mut fingerprints = Vec::new();
        for (number, certificate) in (1..).zip(CertificateDer::pem_slice_iter(pem.as_bytes())) {
            let bad = |reason: &dyn fmt::Display| BadPin::Certificate { number, reason: reason.to_string() };
            let certificate = certificate.map_err(|error| bad(&error))?;
            fingerprints.push(sha256(&certificate));
            roots.add(certificate).map_err(|error| bad(&error))?;
        }
        if fingerprints.is_empty() {
            return Err(BadPin::Empty);
        }
        Ok(Self(Arc::new(Inner { digest: sha256(pem.as_bytes()), roots: Arc::new(roots), fingerprints })))
    }

    /// SHA-256 of each certificate, as `openssl x509 -fingerprint -sha256` gives it.
    #[must_use]
    pub fn fingerprints(&self) -> &[Sha256] {
        &self.0.fingerprints
    }

    pub(super) fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.0.roots)
    }
}

impl PartialEq for Pin {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest == other.0.digest
    }
}

impl Eq for Pin {}

impl hash::Hash for Pin {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.digest.hash(state);
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pin").field(&self.0.fingerprints).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s_14_what_is_no_certificate_is_no_pin() {
        let text = |pem: &str| Pin::parse(pem).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(text("").contains("no certificate in it"));
        assert!(
            text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").contains("no certificate in it")
        );
        assert!(text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").contains("certificate 1 of it"));
        assert!(text("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").contains("certificate 1 of it"));
        assert!(text("-----BEGIN CERTIFICATE-----\nAAAA\n").contains("certificate 1 of it"));
        assert!(text(&"x".repeat(MOST_BYTES + 1)).contains("more than"));
    }
}
