//! The administrator's own certificate.

use std::{fs, os::unix::fs::MetadataExt as _, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::Timestamp;
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::provider;

/// A certificate that ends within so many days is told of.
const SOON_SECONDS: i64 = 14 * 86_400;

/// The files, as they were when they were last read.
#[derive(Debug)]
pub(super) struct Own {
    certificate: Utf8PathBuf,
    key: Utf8PathBuf,
    read: Read,
    stamps: [Stamp; 2],
    /// Of files that could not be used: looked at once more before anything is said of it, for one may still be written.
    failed: Option<([Stamp; 2], bool)>,
}

#[derive(Debug)]
struct Read {
    key: Arc<CertifiedKey>,
    ends: Timestamp,
}

/// How a file is, as far as the file system says; none: it is not there.
type Stamp = Option<(u64, u64, i64, i64, i64, i64, u64)>;

/// What a look has found.
#[derive(Debug)]
pub(super) enum Seen {
    /// Nothing new, or a change that may not be whole yet.
    Same,
    /// A new certificate, which is in use from now on.
    New(Arc<CertifiedKey>),
    /// New files that cannot be used: the old certificate stays.
    Broken(anyhow::Error),
}

impl Own {
    /// Reads the files.
    ///
    /// # Errors
    /// They cannot be read, do not fit together, or the certificate has ended.
    pub(super) fn open(certificate: Utf8PathBuf, key: Utf8PathBuf, now: Timestamp) -> Result<Self> {
        let stamps = stamps(&certificate, &key);
        let read = read(&certificate, &key, now)?;
        Ok(Self { certificate, key, read, stamps, failed: None })
    }

    /// What is in use.
    pub(super) fn key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.read.key)
    }

    /// Reads the files again where they changed. Blocks.
    pub(super) fn look(&mut self, now: Timestamp) -> Seen {
        let stamps = stamps(&self.certificate, &self.key);
        if stamps == self.stamps {
            // Also what was taken back again.
            self.failed = None;
            return Seen::Same;
        }
        if let Some((failed, told)) = &self.failed
            && *failed == stamps
            && *told
        {
            return Seen::Same;
        }
        match read(&self.certificate, &self.key, now) {
            Ok(read) => {
                (self.read, self.stamps, self.failed) = (read, stamps, None);
                Seen::New(self.key())
            }
            Err(error) => {
                let again = self.failed.is_some_and(|(failed, _)| failed == stamps);
                self.failed = Some((stamps, again));
                if again { Seen::Broken(error) } else { Seen::Same }
            }
        }
    }

    /// Whether files that cannot be used lie there.
    pub(super) fn is_broken(&self) -> bool {
        self.failed.is_some_and(|(_, told)| told)
    }

    /// What is to be said of the certificate's end.
    pub(super) fn ends(&self, now: Timestamp) -> Option<String> {
        let left = self.read.ends.as_second() - now.as_second();
        let when = self.read.ends.strftime("%Y-%m-%d %H:%M UTC");
        let verb = if left < 0 { "ended" } else { "ends" };
        (left < SOON_SECONDS).then(|| {
            format!(
                "the certificate {} {verb} at {when}: put a new one in its place, with its key; it is taken up by itself",
                self.certificate
            )
        })
    }
}

fn stamps(certificate: &Utf8Path, key: &Utf8Path) -> [Stamp; 2] {
    [certificate, key].map(|path| {
        let m = fs::metadata(path).ok()?;
        Some((m.dev(), m.ino(), m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec(), m.len()))
    })
}

fn read(certificate: &Utf8Path, key: &Utf8Path, now: Timestamp) -> Result<Read> {
    let bytes = fs::read(certificate).with_context(|| format!("cannot read `tls.certificate` {certificate}"))?;
    let chain = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let chain = chain.with_context(|| format!("`tls.certificate` {certificate} is not whole"))?;
    let first =
        chain.first().with_context(|| format!("there is no PEM certificate in `tls.certificate` {certificate}"))?;
    let (_, parsed) = X509Certificate::from_der(first)
        .map_err(|error| anyhow::anyhow!("the first certificate in {certificate} cannot be understood: {error}"))?;
    let ends = Timestamp::from_second(parsed.validity().not_after.timestamp()).unwrap_or(Timestamp::MAX);
    ensure!(
        ends > now,
        "the certificate in {certificate} ended at {}: put one in its place that is in time, and its key",
        ends.strftime("%Y-%m-%d %H:%M UTC")
    );
    let meta = fs::metadata(key).with_context(|| format!("cannot read `tls.key` {key}"))?;
    ensure!(
        meta.mode() & 0o007 == 0,
        "`tls.key` {key} can be read by everybody on this machine (mode {:04o}): chmod 640 {key}, its group that of the \
         service, and ask for a new certificate with a new key",
        meta.mode() & 0o7777
    );
    let bytes = fs::read(key).with_context(|| format!("cannot read `tls.key` {key}"))?;
    let private = PrivateKeyDer::from_pem_slice(&bytes)
        .with_context(|| format!("there is no PEM key without a passphrase in `tls.key` {key}"))?;
    let key = CertifiedKey::from_der(chain.clone(), private, &*provider()?)
        .with_context(|| format!("`tls.key` {key} does not belong to the certificate {certificate}"))?;
    Ok(Read { key: Arc::new(key), ends })
}
