//! The server's certificate of the local authority: one file with the certificate and its key, so that they always fit.

use std::{fs, net::IpAddr, sync::Arc};

use anyhow::{Context as _, Result, anyhow};
use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::Timestamp;
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer as _, X509Certificate},
};

use super::{
    super::{
        name::{Name, Names},
        provider,
    },
    CERTIFICATE, time,
};
use crate::{files::replace_file, start::secrets::read_secret};

const FILE: &str = "server.pem";

/// A certificate in use.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) names: Names,
    pub(crate) begins: Timestamp,
    pub(crate) ends: Timestamp,
}

impl Issued {
    /// Reads what lies there, and checks that this authority has signed it.
    pub(super) fn read(folder: &Utf8Path, authority: &CertificateDer<'_>) -> Result<Self> {
        let path = folder.join(FILE);
        let text = read_secret(&path)?;
        let der =
            CertificateDer::from_pem_slice(text.as_bytes()).with_context(|| format!("{path} holds no certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).with_context(|| format!("{path} holds no key"))?;
        let (names, begins, ends) = {
            let (_, authority) = X509Certificate::from_der(authority)?;
            let (_, parsed) = X509Certificate::from_der(&der)?;
            parsed
                .verify_signature(Some(authority.public_key()))
                .map_err(|_| anyhow!("{path} was not signed by the local authority"))?;
            let validity = parsed.validity();
            (names(&parsed), time(validity.not_before.timestamp()), time(validity.not_after.timestamp()))
        };
        let key = CertifiedKey::from_der(vec![der], key, &*provider()?)
            .with_context(|| format!("{path} does not fit together"))?;
        Ok(Self { key: Arc::new(key), names, begins, ends })
    }

    pub(super) fn write(folder: &Utf8Path, text: &str) -> Result<()> {
        let path = folder.join(FILE);
        replace_file(&path, text.as_bytes()).with_context(|| format!("cannot write {path}"))
    }
}

fn names(certificate: &X509Certificate<'_>) -> Names {
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else { return Names::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(Name::Host(name.to_ascii_lowercase())),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok().map(Name::Address)
        }
        _ => None,
    };
    alternatives.value.general_names.iter().filter_map(name).collect()
}

/// What lies in a data folder, for `tls show`.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The file of the authority's certificate.
    pub(crate) path: Utf8PathBuf,
    /// Its text.
    pub(crate) pem: String,
    /// The authority's certificate itself.
    pub(crate) der: CertificateDer<'static>,
    /// Until when the authority is good.
    pub(crate) ends: Timestamp,
    /// The server's certificate: its names, and until when it is good; none: there is none that can be used.
    pub(crate) server: Option<(Names, Timestamp)>,
}

impl Shown {
    /// Reads it.
    ///
    /// # Errors
    /// There is no authority, or it cannot be read.
    pub(crate) fn read(data: &Utf8Path) -> Result<Self> {
        let folder = super::folder(data);
        let path = folder.join(CERTIFICATE);
        let pem = fs::read_to_string(&path).with_context(|| {
            format!("cannot read {path}, which a server makes at its first start; is --data right?")
        })?;
        let der =
            CertificateDer::from_pem_slice(pem.as_bytes()).with_context(|| format!("{path} holds no certificate"))?;
        let ends = X509Certificate::from_der(&der)
            .map(|(_, parsed)| time(parsed.validity().not_after.timestamp()))
            .map_err(|error| anyhow!("{path} cannot be understood: {error}"))?;
        let server = Issued::read(&folder, &der).ok().map(|issued| (issued.names, issued.ends));
        Ok(Self { path, pem, der, ends, server })
    }
}
