//! Whose certificates are believed: the machine's authorities and `fetch.ca-file`, or those of a feed; less what the
//! lists of `fetch.crls` revoke. Nothing is asked online (no OCSP, no fetching of lists).

use std::{fs, sync::Arc};

use camino::Utf8Path;
use rustls::{
    ClientConfig, RootCertStore,
    client::WebPkiServerVerifier,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, CertificateRevocationListDer, pem::PemObject},
};

use super::super::pin::Pin;
use crate::config::FetchConfig;

/// Why downloads cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The file of certificate authorities.
    #[error("cannot read `fetch.ca-file` {path}; it must be readable and hold PEM certificates")]
    CaFile {
        /// The file.
        path: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A list of revoked certificates.
    #[error(
        "cannot read {path} of `fetch.crls`; each must be readable and hold certificate revocation lists, PEM or DER"
    )]
    Crl {
        /// The file.
        path: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// TLS as a whole.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
    /// The HTTP client.
    #[error("cannot set up the HTTP client; check `fetch.proxy`")]
    Client(#[source] reqwest::Error),
}

/// What the configuration says of certificates, read once.
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    revoked: Vec<CertificateRevocationListDer<'static>>,
}

impl Trust {
    pub(super) fn read(config: &FetchConfig) -> Result<Self, StartError> {
        let provider = CryptoProvider::get_default().cloned();
        let provider = provider.ok_or_else(|| StartError::Tls(rustls::Error::General("no provider".into())))?;
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in found.errors {
            tracing::warn!(%error, "a certificate authority of this machine cannot be read");
        }
        roots.add_parsable_certificates(found.certs);
        if let Some(path) = &config.ca_file {
            add(&mut roots, path).map_err(|source| StartError::CaFile { path: path.to_string(), source })?;
        }
        if roots.is_empty() {
            // http still works, https says that nothing is trusted.
            tracing::warn!("no certificate authorities found: https will fail; install `ca-certificates`");
        }
        let mut trust = Self { provider, roots: Arc::new(roots), revoked: Vec::new() };
        for path in &config.crls {
            let bad = |source| StartError::Crl { path: path.to_string(), source };
            let lists = lists(path).map_err(bad)?;
            trust.verifier(&trust.roots, lists.clone()).map_err(|error| bad(error.into()))?;
            trust.revoked.extend(lists);
        }
        Ok(trust)
    }

    /// TLS of a client that trusts the pin's authorities, or without one the machine's.
    pub(super) fn client(&self, pin: Option<&Pin>) -> Result<ClientConfig, StartError> {
        let roots = pin.map_or_else(|| Arc::clone(&self.roots), Pin::roots);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(StartError::Tls)?;
        let builder = match self.verifier(&roots, self.revoked.clone()).map_err(StartError::Tls)? {
            Some(verifier) => builder.with_webpki_verifier(verifier),
            None => builder.with_root_certificates(roots),
        };
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// None where no authority is trusted. A certificate whose issuer has no list among `revoked` counts as good; a list
    /// past its date still counts, for what was revoked stays so.
    fn verifier(
        &self,
        roots: &Arc<RootCertStore>,
        revoked: Vec<CertificateRevocationListDer<'static>>,
    ) -> Result<Option<Arc<WebPkiServerVerifier>>, rustls::Error> {
        if roots.is_empty() {
            return Ok(None);
        }
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(&self.provider));
        let built = builder.with_crls(revoked).allow_unknown_revocation_status().build();
        built.map(Some).map_err(|error| rustls::Error::General(error.to_string()))
    }
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

fn add(roots: &mut RootCertStore, path: &Utf8Path) -> Result<(), AnyError> {
    let mut some = false;
    for certificate in CertificateDer::pem_slice_iter(&fs::read(path)?) {
        roots.add(certificate?)?;
        some = true;
    }
    if some { Ok(()) } else { Err("there is no certificate in it".into()) }
}

fn lists(path: &Utf8Path) -> Result<Vec<CertificateRevocationListDer<'static>>, AnyError> {
    let bytes = fs::read(path)?;
    // DER begins with a SEQUENCE, PEM is text.
    if bytes.first() == Some(&0x30) {
        return Ok(vec![bytes.into()]);
    }
    let lists = CertificateRevocationListDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>()?;
    if lists.is_empty() { Err("there is no revocation list in it".into()) } else { Ok(lists) }
}
