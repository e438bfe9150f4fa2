//! Documents of a feed: from the web, or from a path on this machine.

use std::os::unix::fs::OpenOptionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_trust::digest::{FileHasher, hash_reader};
use url::Url;

use super::{
    Break,
    fingerprint::{Seen, Stamp},
};
use crate::{
    fetch::{Document, FetchError, Pin, Source, Trust, Validators},
    jobs::JobContext,
    operations::OperationError,
    words::bytes,
};

const NON_BLOCKING: i32 = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();

/// Where a document is. The administrator named it, so any address will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Web(Url),
    File(Utf8PathBuf),
}

/// A document that was asked for.
#[derive(Debug)]
pub(super) struct Got {
    /// Where its bytes lie; none when the server only said that they did not change.
    pub(super) file: Option<Utf8PathBuf>,
    pub(super) seen: Seen,
    /// Whether it has the bytes of the last time.
    pub(super) unchanged: bool,
}

impl Place {
    pub(super) fn parse(text: &str) -> Result<Self, OperationError> {
        let bad = || {
            let text = format!("{text:?} is neither an http or https URL nor an absolute path on the server");
            OperationError::new("feed-config", text)
        };
        if text.starts_with('/') {
            return Ok(Self::File(Utf8PathBuf::from(text)));
        }
        let url = Url::parse(text).map_err(|error| bad().because(error))?;
        match url.scheme() {
            "http" | "https" => Ok(Self::Web(url)),
            "file" => {
                let path = url.to_file_path().map_err(|()| bad())?;
                Utf8PathBuf::from_path_buf(path).map(Self::File).map_err(|_| bad())
            }
            _ => Err(bad()),
        }
    }

    /// A place below a folder.
    pub(super) fn join(&self, path: &str) -> Result<Self, OperationError> {
        match self {
            Self::File(folder) => Ok(Self::File(folder.join(path))),
            Self::Web(url) => {
                let mut url = url.clone();
                let folder = url.path().trim_end_matches('/');
                let joined = format!("{folder}/{path}");
                url.set_path(&joined);
                Ok(Self::Web(url))
            }
        }
    }

    /// As a base URL.
    pub(super) fn base_url(&self) -> String {
        match self {
            Self::Web(url) => url.as_str().trim_end_matches('/').to_owned(),
            Self::File(path) => Url::from_directory_path(path)
                .map_or_else(|()| format!("file://{path}"), |url| url.as_str().trim_end_matches('/').to_owned()),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Web(url) => url.to_string(),
            Self::File(path) => path.to_string(),
        }
    }
}

/// The documents of one feed.
pub(super) struct Documents<'a> {
    pub(super) ctx: &'a JobContext,
    /// The authorities that it trusts.
    pub(super) pin: Option<Pin>,
}

impl Documents<'_> {
    /// Gets a document of at most `most` bytes, unless `before` says that it is the same. `into`: where it goes when it
    /// comes from the web.
    pub(super) async fn get(
        &self,
        place: &Place,
        before: Option<&Seen>,
        most: u64,
        into: &Utf8Path,
    ) -> Result<Got, Break> {
        let before = before.filter(|seen| seen.place == place.text());
        match place {
            Place::Web(url) => self.web(url, before, most, into).await,
            Place::File(path) => file(path, before, most).await,
        }
    }

    async fn web(&self, url: &Url, before: Option<&Seen>, most: u64, into: &Utf8Path) -> Result<Got, Break> {
        let source = Source { url: url.clone(), trust: Trust::Configured, pin: self.pin.clone() };
        let nothing = Validators::default();
        let validators = before.filter(|seen| seen.sha256.is_some()).map_or(&nothing, |seen| &seen.validators);
        let place = url.to_string();
        let (app, stop) = (&self.ctx.app, &self.ctx.stop);
        let document = app.fetch.get_document(&source, validators, most, into, stop).await?;
        Ok(match (document, before) {
            (Document::Unchanged, Some(before)) => Got { file: None, seen: before.clone(), unchanged: true },
            (Document::Unchanged, None) => {
                let text = format!("{place} says that it has not changed although nobody asked");
                return Err(OperationError::new("fetch", text).into());
            }
            (Document::Fetched { sha256, validators, .. }, before) => {
                let unchanged = before.is_some_and(|seen| seen.sha256 == Some(sha256));
                let seen = Seen { place, validators, stamp: None, sha256: Some(sha256) };
                Got { file: Some(into.to_owned()), seen, unchanged }
            }
        })
    }
}

/// Whether an error only says that there is no such document.
pub(super) fn is_missing(broken: &Break) -> bool {
    let Break::Failed(error) = broken else { return false };
    let source = std::error::Error::source(error);
    let missing_file = source.and_then(|e| e.downcast_ref::<std::io::Error>());
    let status = source.and_then(|e| e.downcast_ref::<FetchError>());
    missing_file.is_some_and(|e| e.kind() == std::io::ErrorKind::NotFound)
        || matches!(status, Some(FetchError::Status { status: 404 | 410, .. }))
}

async fn file(path: &Utf8Path, before: Option<&Seen>, most: u64) -> Result<Got, Break> {
    let (path, before) = (path.to_owned(), before.cloned());
    let failed = |path: &Utf8Path, error: std::io::Error| {
        OperationError::new("local-io", format!("cannot read {path} on the server: {error}")).because(error)
    };
    let hashed = tokio::task::spawn_blocking(move || {
        let open = || -> std::io::Result<_> {
            // A pipe would wait for whoever writes into it.
            let file = std::fs::OpenOptions::new().read(true).custom_flags(NON_BLOCKING).open(&path)?;
            let metadata = file.metadata()?;
            Ok((file, metadata))
        };
        let (file, metadata) = open().map_err(|error| failed(&path, error))?;
        if let Some(unfit) = unfit(&metadata, most) {
            return Err(OperationError::new("local-io", format!("{path} on the server {unfit}")));
        }
        let stamp = Stamp::of(&metadata);
        if let Some(seen) = before.as_ref().filter(|seen| seen.stamp == Some(stamp)) {
            return Ok(Got { file: Some(path), seen: seen.clone(), unchanged: true });
        }
        let found = hash_reader(file, FileHasher::new()).map_err(|error| failed(&path, error))?;
        let unchanged = before.is_some_and(|seen| seen.sha256 == Some(found.sha256));
        let seen = Seen {
            place: path.to_string(),
            validators: Validators::default(),
            stamp: Some(stamp),
            sha256: Some(found.sha256),
        };
        Ok(Got { file: Some(path), seen, unchanged })
    });
    match hashed.await {
        Ok(got) => Ok(got?),
        Err(error) => Err(OperationError::new("local-io", "the document could not be hashed").because(error).into()),
    }
}

/// Why something is not read as a document.
fn unfit(metadata: &std::fs::Metadata, most_bytes: u64) -> Option<String> {
    if metadata.is_dir() {
        Some("is a folder; name the file in it".to_owned())
    } else if !metadata.is_file() {
        Some("is neither a file nor a folder; name a file".to_owned())
    } else if metadata.len() > most_bytes {
        let [found, most] = match (bytes(metadata.len()), bytes(most_bytes)) {
            (found, most) if found == most => [metadata.len(), most_bytes].map(|number| format!("{number} bytes")),
            (found, most) => [found, most],
        };
        Some(format!(
            "has {found}, and at most {most} are read; is it the right file, and not one that is being replaced?"
        ))
    } else {
        None
    }
}
