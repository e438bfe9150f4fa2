//! The local authority: made at the first start, it vouches for this server alone. Its key never leaves the data folder.

mod constraints;
mod issued;

use std::{fs, io};

use anyhow::{Context as _, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{
    machine::{self, Wanted},
    name::{Name, Names},
};
use crate::{
    files::{Owner, replace_file, replace_file_with},
    start::secrets::read_secret,
};
use constraints::Permitted;
pub(super) use issued::Issued;
pub(crate) use issued::Shown;

/// In the data folder.
const FOLDER: &str = "tls";
pub(crate) const CERTIFICATE: &str = "ca.pem";
pub(crate) const KEY: &str = "ca.key";

const DAY: i64 = 86_400;
/// How long a server's certificate is good.
const LASTS: i64 = 90 * DAY;
/// After so long it is renewed.
const RENEWED_AFTER: i64 = 60 * DAY;
/// How long the authority is good.
const AUTHORITY_LASTS: i64 = 3_653 * DAY;
/// Before so long is left it is told of.
const AUTHORITY_SOON: i64 = 365 * DAY;
/// Clocks of clients may be late.
const EARLIER: i64 = 3_600;

/// Where the authority lies.
pub(crate) fn folder(data: &Utf8Path) -> Utf8PathBuf {
    data.join(FOLDER)
}

/// The local authority.
#[derive(Debug)]
pub(crate) struct Authority {
    folder: Utf8PathBuf,
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    permitted: Permitted,
    ends: Timestamp,
}

impl Authority {
    /// Opens it, or makes it where there is none.
    ///
    /// # Errors
    /// It cannot be read or written, or half of it is gone.
    pub(super) fn open_or_make(data: &Utf8Path, names: &Names, now: Timestamp) -> Result<Self> {
        let folder = folder(data);
        let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
        match (exists(&certificate)?, exists(&key)?) {
            (true, true) => {}
            // The key is written first: a start that was killed in between has told its certificate to nobody.
            (false, _) => {
                make(&folder, names, now).with_context(|| format!("cannot make the local authority in {folder}"))?;
            }
            (true, false) => bail!(
                "{key} is gone, the key of the local authority: put it back from a backup; or move {certificate} away too \
                 for a new authority, which everybody must trust anew"
            ),
        }
        Self::open(&folder)
    }

    fn open(folder: &Utf8Path) -> Result<Self> {
        let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
        let key_pair = KeyPair::from_pem(&read_secret(&key)?)
            .with_context(|| format!("{key} holds no key; put it back from a backup"))?;
        let text = fs::read(&certificate).with_context(|| format!("cannot read {certificate}"))?;
        let der = CertificateDer::from_pem_slice(&text)
            .with_context(|| format!("{certificate} holds no certificate; put it back from a backup"))?;
        let (permitted, ends, same_key) = {
            let (_, parsed) = X509Certificate::from_der(&der)
                .map_err(|error| anyhow::anyhow!("{certificate} cannot be understood: {error}"))?;
            let same_key = parsed.public_key().raw == rcgen::PublicKeyData::subject_public_key_info(&key_pair);
            (Permitted::of(&parsed), time(parsed.validity().not_after.timestamp()), same_key)
        };
        if !same_key {
            bail!(
                "{key} is not the key of {certificate}: put both back from one backup, or move both away for a new \
                 authority, which everybody must trust anew"
            );
        }
        let issuer = Issuer::from_ca_cert_der(&der, key_pair)
            .with_context(|| format!("{certificate} is no authority; put it back from a backup"))?;
        Ok(Self { folder: folder.to_owned(), issuer, der, permitted, ends })
    }

    /// The server's certificate; a new one where it is missing, unusable or due.
    pub(super) fn certificate(&self, wanted: &Wanted, now: Timestamp) -> Result<Issued> {
        match Issued::read(&self.folder, &self.der) {
            Ok(issued) if !self.is_due(&issued, wanted, now) => Ok(issued),
            Ok(issued) => self.issue(wanted, Some(&issued), now),
            Err(error) => {
                tracing::info!(reason = %format!("{error:#}"), "the server gets a new certificate");
                self.issue(wanted, None, now)
            }
        }
    }

    /// Whether a certificate is to be renewed: it is old, was made by a clock that was ahead, or lacks a name.
    pub(super) fn is_due(&self, issued: &Issued, wanted: &Wanted, now: Timestamp) -> bool {
        let age = now.as_second() - issued.begins.as_second() - EARLIER;
        let lacks = |name: &&Name| !issued.names.contains(*name) && self.permitted.allows(name);
        !(-EARLIER..RENEWED_AFTER).contains(&age) || wanted.names.iter().any(|name| lacks(&name))
    }

    /// Makes a certificate and writes it down.
    pub(super) fn issue(&self, wanted: &Wanted, before: Option<&Issued>, now: Timestamp) -> Result<Issued> {
        let mut names = wanted.names.clone();
        if let Some(before) = before.filter(|_| !wanted.is_whole) {
            names.extend(before.names.iter().filter(|name| matches!(name, Name::Host(_))).cloned());
        }
        names.retain(|name| self.permitted.allows(name));
        let mut params = CertificateParams::default();
        let from = now.as_second() - EARLIER;
        good(&mut params, from, from + LASTS);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Patchwharf");
        params.subject_alt_names = names.iter().map(alternative).collect::<Result<_>>()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().context("cannot make a key")?;
        let certificate = params.signed_by(&key, &self.issuer).context("cannot sign the server's certificate")?;
        Issued::write(&self.folder, &format!("{}{}", certificate.pem(), key.serialize_pem()))?;
        Issued::read(&self.folder, &self.der)
    }

    /// Names that it was not made to vouch for.
    pub(super) fn refused<'a>(&self, names: &'a Names) -> Vec<&'a Name> {
        names.iter().filter(|name| !self.permitted.allows(name)).collect()
    }

    /// What is to be said of its end.
    pub(super) fn ends_soon(&self, now: Timestamp) -> Option<String> {
        (self.ends.as_second() - now.as_second() < AUTHORITY_SOON).then(|| {
            format!(
                "it ends at {}: plan a day on which everybody gets a new one; then stop the server, move {} away and start again",
                self.ends.strftime("%Y-%m-%d"),
                self.folder
            )
        })
    }
}

/// SHA-256 of a certificate, as browsers and openssl show it.
pub(crate) fn fingerprint(der: &[u8]) -> String {
    let digits = hex::encode_upper(patchwharf_trust::sha256(der).0);
    digits.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into_owned()).collect::<Vec<_>>().join(":")
}

fn make(folder: &Utf8Path, names: &Names, now: Timestamp) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let key_path = folder.join(KEY);
    let key = match exists(&key_path)? {
        true => KeyPair::from_pem(&read_secret(&key_path)?)?,
        false => {
            let key = KeyPair::generate()?;
            replace_file(&key_path, key.serialize_pem().as_bytes())?;
            key
        }
    };
    let mut params = CertificateParams::default();
    good(&mut params, now.as_second() - EARLIER, now.as_second() + AUTHORITY_LASTS);
    params.distinguished_name = rcgen::DistinguishedName::new();
    // Browsers list authorities by name: two servers, or two authorities of one, must not look alike.
    let name = format!("Patchwharf at {}, {}", machine::host_name(), now.strftime("%Y-%m-%d %H:%M"));
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(constraints::of(names));
    let certificate = params.self_signed(&key)?;
    // No secret: the folder keeps others out, a copy of it does not have to.
    replace_file_with(&folder.join(CERTIFICATE), certificate.pem().as_bytes(), 0o644, Owner::default())?;
    Ok(())
}

fn alternative(name: &Name) -> Result<SanType> {
    Ok(match name {
        Name::Host(name) => SanType::DnsName(name.as_str().try_into()?),
        Name::Address(address) => SanType::IpAddress(*address),
    })
}

fn exists(path: &Utf8Path) -> Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e).with_context(|| format!("cannot look at {path}")),
    }
}

/// From when and until when a certificate is good, in seconds since 1970.
fn good(params: &mut CertificateParams, from: i64, until: i64) {
    let at =
        |second: i64| rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(second.max(0).unsigned_abs());
    (params.not_before, params.not_after) = (at(from), at(until));
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}
