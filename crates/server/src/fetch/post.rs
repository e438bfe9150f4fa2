//! Sending a document somewhere: no redirect is followed, and nothing of the answer is read but its status.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use super::{FetchError, Source, web::Web};

/// Longest wait for the answer.
const TIMEOUT: Duration = Duration::from_secs(30);

impl Web {
    /// POSTs `body`, by the same rules for hosts as downloads.
    pub(super) async fn post(&self, to: &Source, headers: HeaderMap, body: String) -> Result<StatusCode, FetchError> {
        let (client, pinned) = self.client_for(to, &to.url, false)?;
        let request = client.post(to.url.clone()).headers(headers).body(body).timeout(TIMEOUT);
        let answer = request.send().await.map_err(|error| FetchError::from_client(&to.url, error, pinned))?;
        Ok(answer.status())
    }
}
