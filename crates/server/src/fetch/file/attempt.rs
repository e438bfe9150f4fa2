//! One attempt to fetch one file from one source.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{IF_RANGE, RANGE},
};
use patchwharf_store::{
    self as store, Partial, PartialError, Verified,
    fault::{self, Mutant},
    partial::SMALL_BYTES,
};
use tokio::task::JoinHandle;

use super::answer::{Meant, meaning};
use crate::fetch::{FetchError, FetchRequest, Inner, Source, Validators, body::Body, error::show, web::Answer};

/// Bytes are written and hashed in batches of this size, each while the next one comes in.
const BATCH_BYTES: usize = 1 << 20;

pub(super) struct Attempt<'a> {
    fetcher: &'a Inner,
    request: &'a FetchRequest,
    source: &'a Source,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(fetcher: &'a Inner, request: &'a FetchRequest, source: &'a Source) -> Self {
        Self { fetcher, request, source }
    }

    pub(super) async fn run(&self) -> Result<Verified, FetchError> {
        let mut partial = self.open().await?;
        let (have, size_bytes) = (partial.have_bytes(), self.request.expected.size_bytes);
        let reserved = self.fetcher.space.reserve(
            &self.request.name,
            &self.request.into,
            size_bytes.saturating_sub(have),
            self.fetcher.config.reserve_bytes,
        );
        let _space = match reserved {
            Ok(space) => space,
            Err(error) => return Err(self.given_up(partial, error).await),
        };
        if have == size_bytes && have > 0 {
            return self.finish(partial, Vec::new()).await;
        }
        let (answer, at) = match self.answer(&partial).await {
            Ok(usable) => usable,
            Err(error) => return Err(self.given_up(partial, error).await),
        };
        let validators = Validators::of(answer.response.headers());
        let source =
            store::Source { url: self.source.url.to_string(), validator: validators.for_range().map(str::to_owned) };
        self.request.progress.resumed_at(at);
        partial = self.blocking(move || partial.begin(source, at).map(|()| partial)).await?;
        self.receive(partial, answer, at).await
    }

    /// An answer whose body is the file from some byte on, and that byte.
    async fn answer(&self, partial: &Partial) -> Result<(Answer, u64), FetchError> {
        let have = partial.have_bytes();
        let (mut answer, mut meant) = self.ask(partial, have).await?;
        if meant == Meant::Restart {
            tracing::info!(file = self.request.name, have, "the vendor's file cannot be resumed: from the beginning");
            (answer, meant) = self.ask(partial, 0).await?;
        }
        let at = if meant == Meant::Rest { have } else { 0 };
        self.check_length(&answer, at)?;
        Ok((answer, at))
    }

    /// Leaves nothing behind where nothing has come; what has come stays, to be resumed.
    async fn given_up(&self, partial: Partial, error: FetchError) -> FetchError {
        if partial.have_bytes() == 0
            && let Err(error) = self.blocking(move || partial.discard()).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "an empty download could not be cleared away");
        }
        error
    }

    async fn open(&self) -> Result<Partial, FetchError> {
        let (location, expected) = (Arc::clone(&self.request.into), self.request.expected.clone());
        self.blocking(move || Partial::open(&location, expected)).await
    }

    /// Asks for the file from byte `have` on.
    async fn ask(&self, partial: &Partial, have: u64) -> Result<(Answer, Meant), FetchError> {
        let mut headers = HeaderMap::new();
        // The validator counts only for the URL that gave it. From another mirror the whole file's digest decides.
        let same = partial.source().filter(|s| s.url == self.source.url.as_str());
        let validator = same.and_then(|s| s.validator.clone()).filter(|_| have > 0);
        if have > 0 {
            headers.insert(
                RANGE,
                HeaderValue::from_str(&format!("bytes={have}-")).unwrap_or(HeaderValue::from_static("")),
            );
            if let Some(value) = validator.as_deref().and_then(|v| HeaderValue::from_str(v).ok()) {
                headers.insert(IF_RANGE, value);
            }
        }
        let answer = self.fetcher.web.get(self.source, true, &headers, &self.request.stop).await?;
        let status = answer.response.status();
        let usable = match status {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => true,
            StatusCode::RANGE_NOT_SATISFIABLE => have > 0,
            _ => false,
        };
        if !usable {
            return Err(self.fetcher.status_error(&answer));
        }
        let size_bytes = self.request.expected.size_bytes;
        let meant = meaning(status, answer.response.headers(), have, size_bytes, validator.as_deref())
            .map_err(|reason| FetchError::BadAnswer { url: show(&answer.url), reason })?;
        Ok((answer, meant))
    }

    /// A length that is announced and wrong needs no byte of the body.
    fn check_length(&self, answer: &Answer, at: u64) -> Result<(), FetchError> {
        let expected = self.request.expected.size_bytes;
        match answer.response.content_length() {
            Some(length) if length.saturating_add(at) != expected && !fault::mutant(Mutant::NoLengthCap) => {
                Err(FetchError::WrongLength {
                    url: show(&answer.url),
                    expected,
                    found: length.saturating_add(at).to_string(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Reads the body, while the batch before is written and hashed on another thread.
    async fn receive(&self, partial: Partial, answer: Answer, at: u64) -> Result<Verified, FetchError> {
        let expected = self.request.expected.size_bytes;
        let url = answer.url.clone();
        let fetcher = self.fetcher;
        let mut body = Body::new(answer.response, answer.url, &fetcher.config, &fetcher.bandwidth, &self.request.stop);
        let mut writer = Writer::Idle(partial);
        let (mut batch, mut batch_bytes, mut came) = (Vec::new(), 0, at);
        loop {
            let chunk = match body.next().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(error) => {
                    // What has come is kept: it is resumed.
                    let partial = self.written(writer, std::mem::take(&mut batch)).await?;
                    return Err(self.given_up(partial, error.at(&url, came, Some(expected))).await);
                }
            };
            came += chunk.len() as u64;
            batch_bytes += chunk.len();
            self.request.progress.bytes(chunk.len() as u64);
            fetcher.metrics.fetched_bytes.inc_by(chunk.len() as u64);
            batch.push(chunk);
            if came > expected && !fault::mutant(Mutant::NoLengthCap) {
                break;
            }
            if batch_bytes >= BATCH_BYTES {
                let partial = self.written(writer, Vec::new()).await?;
                writer = Writer::start(partial, std::mem::take(&mut batch));
                batch_bytes = 0;
            }
        }
        let partial = self.written(writer, Vec::new()).await?;
        self.finish(partial, batch).await
    }

    /// Waits for the batch that is being written, and writes one more.
    async fn written(&self, writer: Writer, batch: Vec<Bytes>) -> Result<Partial, FetchError> {
        let partial = match writer {
            Writer::Idle(partial) => partial,
            Writer::Busy(task) => self.outcome(task.await)?,
        };
        match Writer::start(partial, batch) {
            Writer::Idle(partial) => Ok(partial),
            Writer::Busy(task) => self.outcome(task.await),
        }
    }

    /// Writes the last batch and proves the whole.
    async fn finish(&self, mut partial: Partial, batch: Vec<Bytes>) -> Result<Verified, FetchError> {
        self.blocking(move || {
            for bytes in &batch {
                partial.write(bytes)?;
            }
            partial.finish()
        })
        .await
    }

    /// Work on the partial file, off the async runtime; a small file is only memory, for which a thread costs more than
    /// the work.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PartialError> + Send + 'static,
    ) -> Result<T, FetchError> {
        if self.request.expected.size_bytes <= SMALL_BYTES {
            return work().map_err(|error| self.store_error(error));
        }
        self.outcome(tokio::task::spawn_blocking(work).await)
    }

    fn outcome<T>(&self, result: Result<Result<T, PartialError>, tokio::task::JoinError>) -> Result<T, FetchError> {
        match result {
            Ok(result) => result.map_err(|e| self.store_error(e)),
            Err(panic) => Err(FetchError::local(&self.request.name, &self.request.into.path(), panic)),
        }
    }

    fn store_error(&self, error: PartialError) -> FetchError {
        let url = show(&self.source.url);
        match error {
            PartialError::TooLong { expected } => {
                FetchError::WrongLength { url, expected, found: format!("more than {expected}") }
            }
            PartialError::TooShort { found, expected } => {
                FetchError::Truncated { url, found, expected: expected.to_string() }
            }
            PartialError::WrongSha256 { expected, found } => {
                FetchError::WrongDigest { url, expected: format!("{expected:?}"), found: format!("{found:?}") }
            }
            PartialError::WrongSha1 { expected, found } => {
                FetchError::WrongDigest { url, expected: format!("{expected:?}"), found: format!("{found:?}") }
            }
            PartialError::Busy { .. } => FetchError::Unreachable { url, source: Arc::new(error) },
            PartialError::Disk(disk) if disk.is_full() => FetchError::NoSpace {
                name: self.request.name.clone(),
                path: self.request.into.path().to_string(),
                needed_bytes: self.request.expected.size_bytes,
                free_bytes: self.request.into.space().map_or(0, |s| s.free_bytes),
                reserve_bytes: self.fetcher.config.reserve_bytes,
            },
            other => FetchError::local(&self.request.name, &self.request.into.path(), other),
        }
    }
}

/// The file, or the thread that writes to it.
#[allow(clippy::large_enum_variant, reason = "one per download, on its stack")]
enum Writer {
    Idle(Partial),
    Busy(JoinHandle<Result<Partial, PartialError>>),
}

impl Writer {
    fn start(mut partial: Partial, batch: Vec<Bytes>) -> Self {
        if batch.is_empty() {
            return Self::Idle(partial);
        }
        Self::Busy(tokio::task::spawn_blocking(move || {
            for bytes in &batch {
                partial.write(bytes)?;
            }
            Ok(partial)
        }))
    }
}
