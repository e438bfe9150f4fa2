//! Downloads: resumable, limited, checked by length and digest, and never trusting the other side.

mod error;

use std::sync::Arc;

use camino::Utf8Path;
use patchwharf_model::{Sha256, update::VendorDigest};
use url::Url;

pub use error::FetchError;

pub use crate::shim::Verified;
use crate::{
    app::Location,
    jobs::{FileHandle, Stop},
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
}

/// A file to fetch.
#[derive(Debug)]
pub struct FetchRequest {
    /// Its name, for progress and messages.
    pub name: String,
    /// Where it can be had; tried in turn.
    pub sources: Vec<Source>,
    /// Its length; none when no catalogue gives it (`fetch.unsized-cap-bytes` limits it then).
    pub size_bytes: Option<u64>,
    /// The digest that the vendor pins.
    pub digest: VendorDigest,
    /// The SHA-256 that an earlier download pinned, where the vendor gives only SHA-1.
    pub pinned: Option<Sha256>,
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
#[derive(Clone, Debug, Default)]
pub struct Fetcher(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {}

impl Fetcher {
    /// Fetches one file and proves it. The same digest asked for twice at once is fetched once.
    ///
    /// # Errors
    /// Says what failed on which URL; the code tells an unreachable vendor from one that serves other bytes.
    pub async fn fetch(&self, request: FetchRequest) -> Result<Arc<Verified>, FetchError> {
        let _ = &self.0;
        Err(FetchError::NoSource { name: request.name })
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
        let _ = (validators, cap_bytes, into, stop);
        Err(FetchError::NoSource { name: source.url.to_string() })
    }
}
