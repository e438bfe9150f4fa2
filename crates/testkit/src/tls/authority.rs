//! A certificate authority with what it signs and revokes.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod, KeyPair,
    KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A root, or one that another vouches for.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    serial: u64,
    /// Its own certificate and those above it, without the root's.
    chain: Vec<CertificateDer<'static>>,
}

/// What a host shows: its certificate with those above it, and its key.
#[derive(Debug)]
pub struct Certificate {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    serial: u64,
    pem: (String, String),
}

impl Certificate {
    /// The certificate, and its key.
    #[must_use]
    pub fn pem(&self) -> (String, String) {
        self.pem.clone()
    }
}

impl Authority {
    /// A root.
    #[must_use]
    pub fn root(name: &str) -> Self {
        let (params, key, serial) = authority(name);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem, serial, chain: Vec::new() }
    }

    /// An authority below this one.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        let (params, key, serial) = authority(name);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let chain = std::iter::once(certificate.der().clone()).chain(self.chain.clone()).collect();
        Self { issuer: Issuer::new(params, key), pem: certificate.pem(), serial, chain }
    }

    /// Its certificate.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a host of this name or address.
    #[must_use]
    pub fn certificate(&self, host: &str) -> Certificate {
        let mut params = CertificateParams::new([host.to_owned()]).expect("a name");
        let serial = serial();
        params.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let chain = std::iter::once(certificate.der().clone()).chain(self.chain.clone()).collect();
        let pem = (certificate.pem(), key.serialize_pem());
        Certificate { chain, key: key.into(), serial, pem }
    }

    /// Its list of revoked certificates, PEM.
    #[must_use]
    pub fn revoke(&self, certificate: &Certificate) -> String {
        self.list(certificate.serial)
    }

    /// Its list with an authority below it.
    #[must_use]
    pub fn revoke_authority(&self, authority: &Self) -> String {
        self.list(authority.serial)
    }

    fn list(&self, serial: u64) -> String {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2026, 1, 2),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 2),
            next_update: date_time_ymd(2026, 2, 2),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).and_then(|list| list.pem()).expect("a list")
    }
}

fn authority(name: &str) -> (CertificateParams, KeyPair, u64) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let serial = serial();
    params.serial_number = Some(SerialNumber::from(serial));
    (params, KeyPair::generate().expect("a key"), serial)
}

/// Positive, and never the same again.
fn serial() -> u64 {
    u64::from(rand::random::<u32>()) << 16 | 1
}
