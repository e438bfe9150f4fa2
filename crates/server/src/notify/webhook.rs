//! By an HTTP request that the receiver can check.
//!
//! `POST` with a JSON body and the headers `Patchwharf-Delivery` (the message's id: the same twice is the same message),
//! `Patchwharf-Timestamp` (when it was sent, seconds since 1970) and, with a secret, `Patchwharf-Signature: v1=HEX`, the HMAC-SHA-256 under
//! the secret over the timestamp, a full stop and the body.

use anyhow::{Context as _, Result, bail};
use camino::Utf8PathBuf;
use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};
use patchwharf_model::Timestamp;
use url::Url;

use super::message::Message;
use crate::{
    config::{Hidden, WebhookConfig},
    fetch::{FetchError, Fetcher, Source, Trust, show},
    operations::assembly::told::with_causes,
    start::secrets::read_secret,
};

/// A receiver.
#[derive(Clone, Debug)]
pub(super) struct Webhook {
    url: Hidden<Url>,
    inside: bool,
    secret_file: Option<Utf8PathBuf>,
}

impl Webhook {
    /// None: it is not set up.
    pub(super) fn new(config: &WebhookConfig) -> Option<Self> {
        let url = config.url.clone()?;
        Some(Self { url, inside: config.inside, secret_file: config.secret_file.clone() })
    }

    /// Sends a message. What the receiver answers is not repeated anywhere (W-14).
    ///
    /// # Errors
    /// The receiver is not reached, lies where it must not, or does not take it.
    pub(super) async fn send(&self, fetch: &Fetcher, message: &Message, id: &str, now: Timestamp) -> Result<()> {
        let body = serde_json::to_string(message).context("the message cannot be written as JSON")?;
        let timestamp = now.as_second().to_string();
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, value: &str| -> Result<()> {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value)?);
            Ok(())
        };
        put("patchwharf-delivery", id)?;
        put("patchwharf-timestamp", &timestamp)?;
        if let Some(path) = &self.secret_file {
            let secret = read_secret(path).context("cannot use `notify.webhook.secret-file`")?;
            let signed = format!("{timestamp}.{body}");
            put(
                "patchwharf-signature",
                &format!("v1={}", patchwharf_trust::hmac_sha256(secret.as_bytes(), signed.as_bytes())),
            )?;
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let trust = if self.inside { Trust::Configured } else { Trust::Named };
        let to = Source { url: self.url.reveal().clone(), trust, pin: None };
        let status = fetch.post(&to, headers, body).await;
        let status = status.map_err(|error| match error {
            FetchError::HostRefused { refusal, .. } => anyhow::anyhow!(
                "the receiver is refused: {refusal}; if it is meant to lie inside, set `notify.webhook.inside`"
            ),
            other => anyhow::anyhow!("{}", self.hidden(&with_causes(&other))),
        })?;
        if !status.is_success() {
            bail!("the receiver answered {status}");
        }
        Ok(())
    }

    /// A text without what of the URL may be a secret: tokens are often part of the path. Host and port stay.
    fn hidden(&self, text: &str) -> String {
        let url = self.url.reveal();
        let origin = format!("the receiver {}", url.origin().ascii_serialization());
        [url.as_str(), &show(url)].iter().fold(text.to_owned(), |text, secret| text.replace(*secret, &origin))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn w_19_of_the_receivers_address_only_its_host_is_told() {
        for (url, shown) in [
            ("https://user:canary@hooks.example/services/canary?key=canary#canary", "https://hooks.example"),
            ("http://hooks.example:8080/canary", "http://hooks.example:8080"),
            ("http://hooks.example/?token=canary", "http://hooks.example"),
        ] {
            let parsed: Url = url.parse().unwrap();
            let error = FetchError::Silent { url: show(&parsed), seconds: 3 };
            let hook = Webhook { url: Hidden::new(parsed), inside: false, secret_file: None };
            let text = hook.hidden(&with_causes(&error));
            assert!(text.starts_with(&format!("the receiver {shown} sent nothing")), "{text}");
            assert!(!hook.hidden(&format!("cannot reach {url}")).contains("canary"));
        }
    }
}
