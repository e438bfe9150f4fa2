//! Settings of notification.

use std::{fmt, str::FromStr, time::Duration};

use camino::Utf8PathBuf;
use patchwharf_model::span;
use serde::{Deserialize, Deserializer, de::Error as _};
use url::Url;

use super::{
    ConfigError, Hidden, section,
    section::{Setting, Shown},
};

section! {
    /// Who is told by itself when something is not well: damaged packages, failed jobs, stale feeds, low space.
    pub struct NotifyConfig {
        /// At most one message of a kind in so long a time; what comes meanwhile is gathered into the next.
        #[serde(with = "span")]
        every: Duration = Duration::from_secs(3600);
        /// What is still not well is told again after this; zero means it is told once.
        #[serde(with = "span")]
        remind: Duration = Duration::from_secs(24 * 3600);
        /// A feed that has a schedule is stale when its last good import is older than this and than two of its
        /// intervals.
        #[serde(with = "span")]
        stale_feed: Duration = Duration::from_secs(3 * 24 * 3600);
        /// Space is low when less than this is free where packages or the data folder lie.
        low_space_bytes: u64 = 5 << 30;
        /// By mail.
        mail: MailConfig = MailConfig::default();
        /// By an HTTP request.
        webhook: WebhookConfig = WebhookConfig::default();
    }
}

section! {
    /// By mail: nothing is sent while `to` or `server` is not set.
    pub struct MailConfig {
        /// Who gets it.
        to: Vec<String> = Vec::new(), example "[\"patching@example.org\"]";
        /// The sender.
        from: String = "patchwharf@localhost".into();
        /// Host and port of the mail server.
        server: Option<String> = None, example "\"mail.example.org:587\"";
        /// `starttls`: a connection that must become TLS; `tls`: TLS from the first byte (port 465); `none`: neither, for
        /// a mail server on this machine.
        tls: Tls = Tls::Starttls;
        /// The user to sign in as; none means without signing in.
        user: Option<String> = None, example "\"patchwharf\"";
        /// File with that user's password, one line, readable by the server alone.
        password_file: Option<Utf8PathBuf> = None, example "\"/etc/patchwharf/mail.password\"";
        /// PEM file with the certificate authorities of the mail server; none means those of the system.
        ca_file: Option<Utf8PathBuf> = None, example "\"/etc/ssl/certs/intranet.pem\"";
    }
}

section! {
    /// By an HTTP request: POST with a JSON body. Nothing is sent while `url` is not set.
    pub struct WebhookConfig {
        /// Where to. An address that is not public is refused unless `inside` is set or `fetch.allow-hosts` or
        /// `fetch.allow-networks` name it.
        url: Option<Hidden<Url>> = None, example "\"https://chat.example.org/hooks/patching\"";
        /// The URL may lie inside: a private or loopback address.
        inside: bool = false;
        /// File with the secret that signs the request (HMAC-SHA-256), one line, readable by the server alone.
        secret_file: Option<Utf8PathBuf> = None, example "\"/etc/patchwharf/webhook.secret\"";
    }
}

/// How a connection to a mail server is guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// It must become TLS before anything is said.
    Starttls,
    /// It is TLS from the first byte.
    Tls,
    /// It is not guarded.
    None,
}

const TLS: [(Tls, &str); 3] = [(Tls::Starttls, "starttls"), (Tls::Tls, "tls"), (Tls::None, "none")];

impl fmt::Display for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TLS.iter().find(|(tls, _)| tls == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for Tls {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = TLS.iter().find(|(_, name)| *name == text).map(|(tls, _)| *tls);
        found.ok_or_else(|| format!("{text:?} is none of starttls, tls, none"))
    }
}

impl<'de> Deserialize<'de> for Tls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Setting for Tls {
    fn shown(&self, _: &'static str) -> Shown {
        Shown::Value(toml::Value::String(self.to_string()))
    }
}

impl NotifyConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let value = |setting, reason: String| Err(ConfigError::Value { setting, reason });
        if let Some(url) = &self.webhook.url {
            // The text is not shown: tokens are often part of it.
            if !matches!(url.reveal().scheme(), "http" | "https") {
                return value("notify.webhook.url", "it is not a URL that begins with http:// or https://".into());
            }
        }
        if let Some(server) = &self.mail.server
            && server_of(server).is_none()
        {
            return value("notify.mail.server", format!("{server:?} is not host:port; write mail.example.org:587"));
        }
        if self.mail.user.is_some() != self.mail.password_file.is_some() {
            let reason = "they belong together: set both, or neither to send without signing in";
            return value("notify.mail.user, notify.mail.password-file", reason.into());
        }
        if self.mail.tls == Tls::None && self.mail.user.is_some() {
            return value("notify.mail.tls", "a password is sent over TLS only; use starttls or tls".into());
        }
        Ok(())
    }
}

/// Host and port.
pub(crate) fn server_of(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let plain = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control() || "/@".contains(c));
    Some((host, port.parse().ok()?)).filter(|_| plain)
}
