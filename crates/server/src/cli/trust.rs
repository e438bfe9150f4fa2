//! Whose certificate the command line believes: that of the server whose data folder it uses, and nobody else's.

use std::{error::Error, sync::Arc};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::Global;
use crate::{
    config::{Config, Options},
    tls,
};

/// Who vouches for the server.
#[derive(Clone, Debug)]
pub(super) enum Pin {
    /// The authorities of a file alone.
    File(Utf8PathBuf),
    /// The authorities of this machine, and those of a file where there is one.
    Machine(Option<Utf8PathBuf>),
}

impl Pin {
    /// `--ca`; else the local authority of the data folder. The machine's authorities count where there is neither, and
    /// where the server of the data folder shows a certificate that is not of its own authority and is asked by name.
    pub(super) fn of(global: &Global) -> Self {
        if let Some(file) = &global.ca {
            return Self::File(file.clone());
        }
        let local = Some(tls::authority_folder(&global.data).join(tls::CERTIFICATE)).filter(|path| path.exists());
        let has_own = || {
            let options = Options { data: global.data.clone(), ..Options::default() };
            Config::load(&options).is_ok_and(|config| config.tls.own().is_some())
        };
        match local {
            Some(file) if global.server.is_none() || !has_own() => Self::File(file),
            local => Self::Machine(local),
        }
    }

    /// TLS that believes them.
    ///
    /// # Errors
    /// A file cannot be read or holds no certificate.
    pub(super) fn client(&self) -> Result<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let file = match self {
            Self::File(file) => Some(file),
            Self::Machine(file) => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                file.as_ref()
            }
        };
        if let Some(file) = file {
            add(&mut roots, file)?;
        }
        believing(roots)
    }

    /// TLS that believes nobody: where none is spoken, the machine's authorities need not be read for it.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub(super) fn nobody() -> Result<ClientConfig> {
        believing(RootCertStore::empty())
    }

    /// What a failed connection means, where TLS is the reason: a sentence with what to do.
    pub(super) fn explain(&self, base: &str, error: &reqwest::Error) -> Option<String> {
        Some(match reason(error)? {
            rustls::Error::InvalidCertificate(error) => self.refused(base, error),
            rustls::Error::InvalidMessage(_) => {
                format!(
                    "what answers at {base} does not speak TLS; is it a server with plain HTTP? Then --server http://..."
                )
            }
            other => format!("TLS with the server at {base} failed: {other}"),
        })
    }

    fn refused(&self, base: &str, error: &CertificateError) -> String {
        match error {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => format!(
                "the certificate of the server at {base} is not for this name or address; ask it by one that it is for \
                 (`patchwharf tls show` on its machine lists them), or add this one to `names` of [tls] in its configuration"
            ),
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => format!(
                "the certificate of the server at {base} is not good now; are the clocks of both machines right? The server's \
                 log says why it was not renewed"
            ),
            _ => {
                let who = match self {
                    Self::File(file) => format!("{file} does not vouch for it"),
                    Self::Machine(_) => "no authority of this machine vouches for it".to_owned(),
                };
                format!(
                    "the server at {base} shows a certificate that is not trusted: {who}. Nothing was sent. If it is another \
                     server than that of the data folder, take a copy of its tls/ca.pem, compare its fingerprint (`patchwharf tls \
                     show` on its machine), and name it by --ca FILE. If not, somebody else may answer in its place"
                )
            }
        }
    }
}

fn believing(roots: RootCertStore) -> Result<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(tls::provider()?)
        .with_safe_default_protocol_versions()
        .context("set up TLS")?
        .with_root_certificates(Arc::new(roots))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn add(roots: &mut RootCertStore, path: &Utf8Path) -> Result<()> {
    let bytes =
        std::fs::read(path).with_context(|| format!("cannot read the authority of the server, {path} (--ca)"))?;
    let mut some = false;
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.with_context(|| format!("{path} is not whole"))?;
        roots.add(certificate).with_context(|| format!("{path} holds a certificate that cannot be used"))?;
        some = true;
    }
    anyhow::ensure!(some, "there is no PEM certificate in {path} (--ca)");
    Ok(())
}

/// The error of TLS among the causes. An I/O error hides what it wraps from `source`.
fn reason<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}
