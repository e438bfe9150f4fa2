//! Fetching one file: sources in turn, attempts with back-off, resumed where the last one stopped.

mod answer;
mod attempt;

use patchwharf_store::Verified;

use super::{FetchError, FetchRequest, Inner, Source};

/// What is known of a source after some attempts.
#[derive(Default)]
struct Tried {
    /// It is not asked again.
    dead: bool,
    /// How the last attempt failed.
    error: Option<FetchError>,
    /// Wrong digest that it served.
    found: Option<String>,
}

impl Inner {
    pub(super) async fn file(&self, request: &FetchRequest) -> Result<Verified, FetchError> {
        let mut tried: Vec<Tried> = request.sources.iter().map(|_| Tried::default()).collect();
        let mut attempt = 1;
        loop {
            for (source, tried) in request.sources.iter().zip(&mut tried).filter(|(_, tried)| !tried.dead) {
                match self.attempt(request, source).await {
                    Ok(verified) => return Ok(verified),
                    Err(error) if error.is_ours() => return Err(error),
                    Err(error) => {
                        let error = tried.judge(error);
                        tracing::debug!(
                            file = request.name,
                            attempt,
                            code = error.code(),
                            error = &error as &dyn std::error::Error,
                            "download failed"
                        );
                        tried.dead = !error.passes();
                        tried.error = Some(error);
                    }
                }
            }
            let alive: Vec<&FetchError> = tried.iter().filter(|t| !t.dead).filter_map(|t| t.error.as_ref()).collect();
            let soonest = alive.iter().copied().min_by_key(|e| e.retry_after().unwrap_or_default());
            match soonest {
                Some(error) if attempt < self.config.attempts => self.pause(error, attempt, &request.stop).await?,
                _ => return Err(most_telling(request, tried)),
            }
            attempt += 1;
        }
    }

    async fn attempt(&self, request: &FetchRequest, source: &Source) -> Result<Verified, FetchError> {
        let host = source.url.host_str().unwrap_or_default();
        let _permit = tokio::select! {
            reason = request.stop.asked() => return Err(FetchError::Stopped(reason)),
            permit = self.permits.acquire(host) => permit,
        };
        attempt::Attempt::new(self, request, source).run().await
    }
}

impl Tried {
    /// The same wrong digest twice is no accident on the way: the vendor serves other bytes.
    fn judge(&mut self, error: FetchError) -> FetchError {
        let FetchError::WrongDigest { url, expected, found } = error else { return error };
        if self.found.as_ref() == Some(&found) {
            return FetchError::VendorChanged { url, expected, found };
        }
        self.found = Some(found.clone());
        FetchError::WrongDigest { url, expected, found }
    }
}

/// The error to report when every source failed: the first that may pass, since then trying again helps; else the first.
fn most_telling(request: &FetchRequest, tried: Vec<Tried>) -> FetchError {
    let mut errors: Vec<(bool, FetchError)> = tried.into_iter().filter_map(|t| Some((t.dead, t.error?))).collect();
    errors.sort_by_key(|(dead, _)| *dead);
    errors.into_iter().next().map_or_else(|| FetchError::NoSource { name: request.name.clone() }, |(_, error)| error)
}
