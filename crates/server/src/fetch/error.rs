//! What can go wrong with a download.

use std::{error::Error, io, sync::Arc, time::Duration};

use url::Url;

use super::guard::RefusedHost;
use crate::{jobs::StopReason, words::bytes};

/// A cause, shared because one download can fail for several jobs at once.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// What can go wrong with a download: what on what, why, what next.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody says where the file is.
    #[error("{name} has no URL; fetch it by hand and give it with `patchwharf package supply`")]
    NoSource {
        /// The file.
        name: String,
    },
    /// No connection, or it broke before an answer came.
    #[error("cannot reach {url}; it is tried again by itself, or check network, DNS and `fetch.proxy`")]
    Unreachable {
        /// The URL.
        url: String,
        /// Why.
        source: Cause,
    },
    /// Not a single byte for too long.
    #[error("{url} sent nothing for {seconds} s (`fetch.idle-timeout`); what has come is kept and resumed")]
    Silent {
        /// The URL.
        url: String,
        /// The limit.
        seconds: u64,
    },
    /// Bytes come, but too slowly.
    #[error(
        "{url} sent {bytes_per_second} bytes/s for {seconds} s, less than `fetch.min-speed-bytes-per-second`; \
         what has come is kept and resumed"
    )]
    TooSlow {
        /// The URL.
        url: String,
        /// What was measured.
        bytes_per_second: u64,
        /// For how long.
        seconds: u64,
    },
    /// The body ended too early.
    #[error("{url} ended after {found} of {expected} bytes; what has come is kept and resumed")]
    Truncated {
        /// The URL.
        url: String,
        /// Bytes that came (of the whole file).
        found: u64,
        /// Bytes wanted, `unknown` when no one says.
        expected: String,
    },
    /// The vendor wants to be left alone for a while.
    #[error("{url} answered {status}: the vendor is busy; it is tried again by itself")]
    Busy {
        /// The URL.
        url: String,
        /// Status code.
        status: u16,
        /// When to come again.
        retry_after: Option<Duration>,
    },
    /// An answer that is no file.
    #[error("{url} answered {status}; check whether the vendor still publishes it there")]
    Status {
        /// The URL.
        url: String,
        /// Status code.
        status: u16,
    },
    /// An answer that makes no sense.
    #[error("{url} gave an answer that cannot be used: {reason}; try another mirror, or tell the vendor")]
    BadAnswer {
        /// The URL.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The vendor's file is longer or shorter than its catalogue says.
    #[error(
        "{url} is {found} bytes long, its catalogue says {expected}; import the feed again, or fetch the file by hand"
    )]
    WrongLength {
        /// The URL.
        url: String,
        /// As the catalogue says.
        expected: u64,
        /// As found: the number, or `more than` it.
        found: String,
    },
    /// A file without a known length does not end.
    #[error(
        "{url} is longer than {cap_bytes} bytes, the limit for it; raise `fetch.unsized-cap-bytes` if that is right"
    )]
    TooLong {
        /// The URL.
        url: String,
        /// The limit.
        cap_bytes: u64,
    },
    /// The bytes are not those that the vendor pins.
    #[error("{url} has the digest {found}, its catalogue says {expected}; it is not kept")]
    WrongDigest {
        /// The URL.
        url: String,
        /// As the catalogue says.
        expected: String,
        /// As found.
        found: String,
    },
    /// The vendor serves, time and again, other bytes than its catalogue names.
    #[error(
        "{url} serves other bytes than its catalogue names: digest {found} instead of {expected}, twice the same; \
         import the feed again, or wait for the vendor to correct it"
    )]
    VendorChanged {
        /// The URL.
        url: String,
        /// As the catalogue says.
        expected: String,
        /// As found.
        found: String,
    },
    /// A host that only a catalogue or redirect names, at an address that is not public.
    #[error(
        "{url} is refused: {refusal}, and only a catalogue or a redirect names it; if that is right, add the network to \
         `fetch.allow-networks` or the host to `fetch.allow-hosts`"
    )]
    HostRefused {
        /// The URL.
        url: String,
        /// Which host and why.
        refusal: RefusedHost,
    },
    /// A redirect that is not followed.
    #[error("{url} redirects to {to}, which is refused: {reason}")]
    RedirectRefused {
        /// The URL that redirects.
        url: String,
        /// Where to, control characters escaped, cut to 200 characters.
        to: String,
        /// Why.
        reason: &'static str,
    },
    /// The server's certificate or its TLS is not acceptable.
    #[error(
        "cannot trust {url}: its TLS or certificate is refused; an intranet's own authority is named by `fetch.ca-file`, \
         there is no switch to ignore certificates"
    )]
    Tls {
        /// The URL.
        url: String,
        /// Why.
        source: Cause,
    },
    /// The certificate is by none of the authorities that the feed trusts.
    #[error(
        "cannot trust {url}: its certificate is by none of the authorities that the feed names (`feed show`); if it has \
         new ones that you trust: `patchwharf feed set FEED --ca FILE`, or `--no-ca` for those of this machine"
    )]
    TlsPinned {
        /// The URL.
        url: String,
        /// Why.
        source: Cause,
    },
    /// The certificate, or one that it rests on, was revoked.
    #[error(
        "cannot trust {url}: its certificate is revoked by a list of `fetch.crls`; the host needs a new one, tell who \
         runs it"
    )]
    TlsRevoked {
        /// The URL.
        url: String,
        /// Why.
        source: Cause,
    },
    /// The proxy does not let us through.
    #[error("the proxy does not let {url} through: {reason}; check `fetch.proxy` and its user and password")]
    Proxy {
        /// The URL.
        url: String,
        /// What it said.
        reason: String,
    },
    /// Not enough space.
    #[error(
        "no space for {name}: it needs {} at {path}, {} are free and {} stay \
         reserved (`fetch.reserve-bytes`); make space, the job goes on by itself",
        bytes(*needed_bytes), bytes(*free_bytes), bytes(*reserve_bytes)
    )]
    NoSpace {
        /// The file.
        name: String,
        /// The location.
        path: String,
        /// Bytes still to come, with those of other downloads on their way.
        needed_bytes: u64,
        /// Bytes free.
        free_bytes: u64,
        /// The reserve.
        reserve_bytes: u64,
    },
    /// The file could not be written.
    #[error("cannot write {name} to {path}; check the file system")]
    Local {
        /// The file.
        name: String,
        /// Where.
        path: String,
        /// Why.
        source: Cause,
    },
    /// The job was asked to end.
    #[error("the download was stopped; what has come is kept and resumed")]
    Stopped(StopReason),
}

/// What a failed download means for the package that needs the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The vendor cannot be reached, or does not give the file now: state `unreachable`, tried again later.
    Unreachable,
    /// The vendor serves other bytes than its catalogue names: state `vendor-changed`.
    VendorChanged,
    /// A rule of ours forbids to ask: needs an administrator.
    Refused,
    /// No space: the job waits.
    NoSpace,
    /// Our own disk failed.
    Local,
    /// The job was asked to end.
    Stopped,
}

impl FetchError {
    /// Stable code for API, reports and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSource { .. } => "no-source",
            Self::Unreachable { .. } => "unreachable",
            Self::Silent { .. } => "silent",
            Self::TooSlow { .. } => "too-slow",
            Self::Truncated { .. } => "truncated",
            Self::Busy { .. } => "vendor-busy",
            Self::Status { .. } => "http-status",
            Self::BadAnswer { .. } => "bad-answer",
            Self::WrongLength { .. } => "wrong-length",
            Self::TooLong { .. } => "too-long",
            Self::WrongDigest { .. } => "wrong-digest",
            Self::VendorChanged { .. } => "vendor-changed",
            Self::HostRefused { .. } => "host-refused",
            Self::RedirectRefused { .. } => "redirect-refused",
            Self::Tls { .. } => "tls",
            Self::TlsPinned { .. } => "tls-pinned",
            Self::TlsRevoked { .. } => "tls-revoked",
            Self::Proxy { .. } => "proxy",
            Self::NoSpace { .. } => "no-space",
            Self::Local { .. } => "local-io",
            Self::Stopped(_) => "stopped",
        }
    }

    /// What it means for the package.
    #[must_use]
    pub fn meaning(&self) -> Meaning {
        match self {
            Self::WrongLength { .. } | Self::TooLong { .. } | Self::WrongDigest { .. } | Self::VendorChanged { .. } => {
                Meaning::VendorChanged
            }
            Self::HostRefused { .. } | Self::RedirectRefused { .. } | Self::NoSource { .. } => Meaning::Refused,
            Self::NoSpace { .. } => Meaning::NoSpace,
            Self::Local { .. } => Meaning::Local,
            Self::Stopped(_) => Meaning::Stopped,
            _ => Meaning::Unreachable,
        }
    }

    /// When the vendor asked to come again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the same URL can do better in a moment.
    pub(super) fn passes(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Silent { .. }
                | Self::TooSlow { .. }
                | Self::Truncated { .. }
                | Self::Busy { .. }
                | Self::WrongDigest { .. }
        ) || matches!(self, Self::Status { status, .. } if *status == 408 || *status == 425 || *status >= 500)
    }

    /// Whether trying another URL makes no sense.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self, Self::NoSpace { .. } | Self::Local { .. } | Self::Stopped(_))
    }

    /// Sorts an error of the HTTP client by its causes. `pinned`: only the authorities of a feed were trusted.
    pub(super) fn from_client(url: &Url, error: reqwest::Error, pinned: bool) -> Self {
        let shown = show(url);
        let error = error.without_url();
        if let Some(refusal) = cause::<RefusedHost>(&error) {
            return Self::HostRefused { url: shown, refusal: refusal.clone() };
        }
        if let Some(tls) = cause::<rustls::Error>(&error) {
            use rustls::{CertificateError, Error::InvalidCertificate};
            let revoked = *tls == InvalidCertificate(CertificateError::Revoked);
            let unknown = *tls == InvalidCertificate(CertificateError::UnknownIssuer);
            let (url, source) = (shown, Arc::new(error));
            return match () {
                () if revoked => Self::TlsRevoked { url, source },
                () if pinned && unknown => Self::TlsPinned { url, source },
                () => Self::Tls { url, source },
            };
        }
        let chain = chain_text(&error);
        if chain.contains("tunnel") || chain.contains("proxy auth") {
            return Self::Proxy { url: shown, reason: "it refused the tunnel, or wants a login".into() };
        }
        if cause::<hyper::Error>(&error).is_some_and(hyper::Error::is_parse) {
            return Self::BadAnswer { url: shown, reason: "it is not valid HTTP".into() };
        }
        Self::Unreachable { url: shown, source: Arc::new(error) }
    }

    /// A body that broke off is a truncated file.
    pub(super) fn at(self, url: &Url, found: u64, expected: Option<u64>) -> Self {
        let Self::Unreachable { .. } = self else { return self };
        let expected = expected.map_or_else(|| "an unknown number".to_owned(), |n| n.to_string());
        Self::Truncated { url: show(url), found, expected }
    }

    /// An error of our own disk.
    pub(super) fn local(name: &str, path: &impl ToString, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Local { name: name.into(), path: path.to_string(), source: Arc::new(source) }
    }
}

/// A URL as it may be shown: without user, password, query and fragment, which can hold secrets.
pub(crate) fn show(url: &Url) -> String {
    let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

/// The first cause of a type, looking into `io::Error`s as well (their `source` skips what they wrap).
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        current = wrapped.map(|w| w as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

fn chain_text(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut current = Some(error);
    while let Some(error) = current {
        text.push_str(&error.to_string().to_ascii_lowercase());
        text.push('\n');
        current = error.source();
    }
    text
}
