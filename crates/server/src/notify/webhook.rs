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
    fetch::{FetchError, Fetcher, Source, Trust},
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
            // The URL is not repeated either: tokens are often part of it.
            other => anyhow::anyhow!("{}", with_causes(&other).replace(self.url.reveal().as_str(), "the receiver")),
        })?;
        if !status.is_success() {
            bail!("the receiver answered {status}");
        }
        Ok(())
    }
}
