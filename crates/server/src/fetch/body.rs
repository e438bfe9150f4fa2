//! Reading a body under limits: silence, slowness, bandwidth, the wish to stop.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use reqwest::Response;
use tokio::time::{Instant, timeout};
use url::Url;

use super::{FetchError, error::show};
use crate::{bandwidth::Bandwidth, config::FetchConfig, jobs::Stop};

/// A body on its way.
pub(super) struct Body<'a> {
    response: Response,
    url: Url,
    config: &'a FetchConfig,
    bandwidth: &'a Bandwidth,
    stop: &'a Stop,
    window_time: Duration,
    window_bytes: u64,
}

impl<'a> Body<'a> {
    pub(super) fn new(
        response: Response,
        url: Url,
        config: &'a FetchConfig,
        bandwidth: &'a Bandwidth,
        stop: &'a Stop,
    ) -> Self {
        Self { response, url, config, bandwidth, stop, window_time: Duration::ZERO, window_bytes: 0 }
    }

    /// The next bytes; none at the end. Who is asked to stop does not wait until they are within the limit.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        let chunk = self.read().await?;
        if let Some(bytes) = &chunk {
            tokio::select! {
                _ = self.stop.asked() => {}
                () = self.bandwidth.pay(bytes.len()) => {}
            }
        }
        Ok(chunk)
    }

    async fn read(&mut self) -> Result<Option<Bytes>, FetchError> {
        let begun = Instant::now();
        let slow_in = self.config.slow_after.saturating_sub(self.window_time);
        let limit = self.config.idle_timeout.min(slow_in);
        let read = tokio::select! {
            reason = self.stop.asked() => return Err(FetchError::Stopped(reason)),
            read = timeout(limit, self.response.chunk()) => read,
        };
        let waited = begun.elapsed();
        let url = || show(&self.url);
        let chunk = match read {
            Err(_) if waited >= self.config.idle_timeout => {
                return Err(FetchError::Silent { url: url(), seconds: self.config.idle_timeout.as_secs() });
            }
            Err(_) => None,
            Ok(Err(e)) => return Err(broken(&self.url, e)),
            Ok(Ok(None)) => return Ok(None),
            Ok(Ok(Some(bytes))) => Some(bytes),
        };
        self.window_time += waited;
        self.window_bytes += chunk.as_ref().map_or(0, |b| b.len() as u64);
        if self.window_time >= self.config.slow_after {
            let speed = (self.window_bytes as f64 / self.window_time.as_secs_f64()) as u64;
            if speed < self.config.min_speed_bytes_per_second {
                let seconds = self.window_time.as_secs();
                return Err(FetchError::TooSlow { url: url(), bytes_per_second: speed, seconds });
            }
            (self.window_time, self.window_bytes) = (Duration::ZERO, 0);
        }
        match chunk {
            Some(bytes) => Ok(Some(bytes)),
            // The window of slowness ended in the middle of a wait, and the speed before it was fine.
            None => Box::pin(self.read()).await,
        }
    }
}

/// A body that breaks off: the caller says how far it came.
fn broken(url: &Url, error: reqwest::Error) -> FetchError {
    FetchError::Unreachable { url: show(url), source: Arc::new(error.without_url()) }
}
