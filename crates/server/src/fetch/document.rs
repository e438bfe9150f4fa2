//! Fetching a feed's documents: small, conditional, to a temporary file.

use std::{fs::File, io::Write as _};

use camino::Utf8Path;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED},
};
use patchwharf_trust::FileHasher;

use super::{Document, FetchError, Inner, Source, Validators, body::Body, error::show, retry};
use crate::jobs::Stop;

/// Writes are gathered to this size.
const BATCH_BYTES: usize = 1 << 20;

/// A document that is wanted.
pub(super) struct Wanted<'a> {
    pub(super) source: &'a Source,
    pub(super) validators: &'a Validators,
    pub(super) cap_bytes: u64,
    pub(super) into: &'a Utf8Path,
    pub(super) stop: &'a Stop,
}

impl Inner {
    pub(super) async fn document(&self, wanted: Wanted<'_>) -> Result<Document, FetchError> {
        let host = wanted.source.url.host_str().unwrap_or_default();
        let mut attempt = 1;
        loop {
            let result = {
                let _permit = self.permits.acquire(host).await;
                self.document_once(&wanted).await
            };
            let Err(error) = &result else { return result };
            if !error.passes() || attempt >= self.config.attempts {
                return result;
            }
            self.pause(error, attempt, wanted.stop).await?;
            attempt += 1;
        }
    }

    async fn document_once(&self, wanted: &Wanted<'_>) -> Result<Document, FetchError> {
        let headers = conditions(wanted.validators);
        let answer = self.web.get(wanted.source, false, &headers, wanted.stop).await?;
        let status = answer.response.status();
        if status == StatusCode::NOT_MODIFIED && !headers.is_empty() {
            return Ok(Document::Unchanged);
        }
        if status != StatusCode::OK {
            return Err(self.status_error(&answer));
        }
        let too_long = || FetchError::TooLong { url: show(&wanted.source.url), cap_bytes: wanted.cap_bytes };
        let announced = answer.response.content_length();
        if announced.is_some_and(|n| n > wanted.cap_bytes) {
            return Err(too_long());
        }
        let validators = Validators::of(answer.response.headers());
        let url = answer.url.clone();
        let mut body = Body::new(answer.response, answer.url, &self.config, &self.bandwidth, wanted.stop);
        let local = |e: std::io::Error| FetchError::local("the document", &wanted.into, e);
        let mut file = File::create(wanted.into).map_err(local)?;
        let mut hasher = FileHasher::new();
        let mut batch = Vec::new();
        loop {
            let chunk = body.next().await.map_err(|e| e.at(&url, hasher.size_bytes(), announced))?;
            let ended = chunk.is_none();
            if let Some(bytes) = chunk {
                self.metrics.fetched_bytes.inc_by(bytes.len() as u64);
                if hasher.size_bytes() + (batch.len() + bytes.len()) as u64 > wanted.cap_bytes {
                    return Err(too_long());
                }
                batch.extend_from_slice(&bytes);
            }
            if ended || batch.len() >= BATCH_BYTES {
                (file, hasher, batch) = tokio::task::spawn_blocking(move || {
                    file.write_all(&batch)?;
                    hasher.update(&batch);
                    batch.clear();
                    Ok((file, hasher, batch))
                })
                .await
                .map_err(|e| local(std::io::Error::other(e)))?
                .map_err(local)?;
            }
            if ended {
                let digests = hasher.finish();
                return Ok(Document::Fetched { size_bytes: digests.size_bytes, sha256: digests.sha256, validators });
            }
        }
    }

    /// Waits before the next attempt, as long as the vendor asks or the back-off says.
    pub(super) async fn pause(&self, error: &FetchError, attempt: u32, stop: &Stop) -> Result<(), FetchError> {
        let wait = error.retry_after().unwrap_or_default().max(retry::backoff(&self.config, attempt));
        if wait > self.config.backoff_cap {
            return Err(error.clone());
        }
        tokio::select! {
            reason = stop.asked() => Err(FetchError::Stopped(reason)),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }
}

fn conditions(validators: &Validators) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name: HeaderName, value: &Option<String>| {
        if let Some(value) = value.as_ref().and_then(|v| HeaderValue::from_str(v).ok()) {
            headers.insert(name, value);
        }
    };
    put(IF_NONE_MATCH, &validators.etag);
    put(IF_MODIFIED_SINCE, &validators.last_modified);
    headers
}

impl Validators {
    /// The validators of an answer; strange ones are dropped.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name| {
            let value = headers.get(name)?.to_str().ok()?;
            (value.len() <= 1024 && value.bytes().all(|b| (0x20..0x7f).contains(&b))).then(|| value.to_owned())
        };
        Self { etag: text(ETAG), last_modified: text(LAST_MODIFIED) }
    }

    /// What may go into `If-Range`: a strong entity tag, else the date (RFC 9110 section 13.1.5).
    pub(super) fn for_range(&self) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|e| !e.starts_with("W/"));
        strong.or(self.last_modified.as_deref())
    }
}
