//! Downloads: resumable, limited, checked by length and digest, and never trusting the other side.

mod address;
mod body;
mod document;
mod error;
mod file;
mod guard;
mod permits;
mod pin;
mod post;
mod retry;
mod shared;
mod space;
mod web;

use std::sync::Arc;

use camino::Utf8Path;
use patchwharf_model::Sha256;
use patchwharf_store::{Expected, Location, Verified};
use url::Url;

pub(crate) use error::show;
pub use error::{Cause, FetchError, Meaning};
pub use guard::{Lookup, RefusedHost};
pub use pin::{BadPin, Pin};
pub use web::StartError;

use crate::{
    bandwidth::Bandwidth,
    clock::Clock,
    config::{FetchConfig, Hidden},
    jobs::{FileHandle, Stop},
    metrics::{Metrics, OutcomeLabel},
};

/// Who named a host, and so how far it is trusted with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The administrator configured it (feed, mirror): allowed at any address.
    Configured,
    /// Only a catalogue named it: must be public, unless `fetch.allow-networks` or `fetch.allow-hosts` say otherwise.
    Named,
}

/// One place from which a file can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The URL.
    pub url: Url,
    /// Who named its host.
    pub trust: Trust,
    /// The only authorities that may vouch for the host; none: those of the machine. Where a digest proves the content,
    /// another host to which it redirects is asked without.
    pub pin: Option<Pin>,
}

/// A file to fetch.
#[derive(Debug)]
pub struct FetchRequest {
    /// Its name, for messages.
    pub name: String,
    /// Where it can be had; tried in turn.
    pub sources: Vec<Source>,
    /// What it must be: length and digest.
    pub expected: Expected,
    /// The location under whose `.staging` it is put.
    pub into: Arc<Location>,
    /// Shows it on its way.
    pub progress: FileHandle,
    /// Gives up when asked; what has come stays and is resumed.
    pub stop: Stop,
}

/// What the last answer said of itself, for a conditional request.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Validators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

/// A catalogue document, or that it has not changed.
#[derive(Debug)]
pub enum Document {
    /// Not modified since `validators`.
    Unchanged,
    /// Fetched whole into the file that was named.
    Fetched {
        /// Its length.
        size_bytes: u64,
        /// Its SHA-256.
        sha256: Sha256,
        /// For the next request.
        validators: Validators,
    },
}

/// Downloads files and documents. Clones share limits and connections.
#[derive(Clone, Debug)]
pub struct Fetcher(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: FetchConfig,
    clock: Clock,
    metrics: Metrics,
    web: web::Web,
    bandwidth: Bandwidth,
    permits: permits::Permits,
    space: space::Reservations,
    shared: shared::Shared,
}

impl Fetcher {
    /// Sets up clients and limits.
    ///
    /// # Errors
    /// The settings name a certificate file or proxy that cannot be used.
    pub fn new(config: &FetchConfig, clock: Clock, metrics: Metrics) -> Result<Self, StartError> {
        Self::with_lookup(config, clock, metrics, guard::system_lookup())
    }

    /// As [`Fetcher::new`], with another way to find the addresses of names.
    ///
    /// # Errors
    /// As [`Fetcher::new`].
    pub fn with_lookup(
        config: &FetchConfig,
        clock: Clock,
        metrics: Metrics,
        lookup: Lookup,
    ) -> Result<Self, StartError> {
        patchwharf_trust::install_crypto_provider();
        Ok(Self(Arc::new(Inner {
            web: web::Web::new(config, &lookup)?,
            bandwidth: Bandwidth::new(config.max_bytes_per_second),
            permits: permits::Permits::new(config.parallel, config.per_host),
            space: space::Reservations::default(),
            shared: shared::Shared::default(),
            config: config.clone(),
            clock,
            metrics,
        })))
    }

    /// Bytes per second of all downloads together, from now on; 0 means no limit.
    pub(crate) fn limit(&self, bytes_per_second: u64) {
        self.0.bandwidth.set(bytes_per_second);
    }

    /// The proxy of what is asked for from now on; none: a direct connection. What is on its way goes on as it is.
    ///
    /// # Errors
    /// There can be no client for it; the one before stays.
    pub(crate) fn through(&self, proxy: Option<Hidden<Url>>) -> Result<(), StartError> {
        self.0.web.through(proxy)
    }

    /// Fetches one file and proves it. The same digest asked for twice at once is fetched once (S-18).
    ///
    /// # Errors
    /// Says what failed on which URL; [`FetchError::meaning`] tells an unreachable vendor from one that serves other
    /// bytes.
    pub async fn fetch(&self, request: FetchRequest) -> Result<Arc<Verified>, FetchError> {
        let result = self.0.shared(&request).await;
        let outcome = result.as_ref().map_or_else(FetchError::code, |_| "verified").to_owned();
        self.0.metrics.fetches.get_or_create(&OutcomeLabel { outcome }).inc();
        result
    }

    /// Sends a document somewhere and says which status came back. Redirects are not followed.
    ///
    /// # Errors
    /// The host is not reached, or lies where it must not.
    pub async fn post(
        &self,
        to: &Source,
        headers: http::HeaderMap,
        body: String,
    ) -> Result<http::StatusCode, FetchError> {
        self.0.web.post(to, headers, body).await
    }

    /// Fetches a document of a feed (catalogue, InRelease, Packages) into `into`, unless it is unchanged. At most
    /// `cap_bytes`; nothing is decoded.
    ///
    /// # Errors
    /// Says what failed on which URL.
    pub async fn get_document(
        &self,
        source: &Source,
        validators: &Validators,
        cap_bytes: u64,
        into: &Utf8Path,
        stop: &Stop,
    ) -> Result<Document, FetchError> {
        self.0.document(document::Wanted { source, validators, cap_bytes, into, stop }).await
    }
}
