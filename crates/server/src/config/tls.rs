//! Settings of the server's own TLS.

use std::{fmt, net::SocketAddr, str::FromStr};

use camino::Utf8PathBuf;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    ConfigError, section,
    section::{Setting, Shown},
};
use crate::tls::Name;

section! {
    /// TLS on the server's own port. Without `certificate` the server shows a certificate of its own local authority
    /// (`patchwharf tls show`), which it renews by itself.
    pub struct TlsConfig {
        /// `on`, or `off` for plain HTTP, which is allowed on a loopback address only.
        mode: TlsMode = TlsMode::On;
        /// PEM file with your own certificate, those above it after it. It is read again when it changes.
        certificate: Option<Utf8PathBuf> = None, example "\"/etc/patchwharf/server.pem\"";
        /// PEM file with its key. Others than owner and group must not be able to read it.
        key: Option<Utf8PathBuf> = None, example "\"/etc/patchwharf/server.key\"";
        /// Further names and addresses for the certificate of the local authority. This machine's own are in it anyway.
        names: Vec<Name> = Vec::new(), example "[\"patch.example.org\"]";
    }
}

/// Whether the server's port speaks TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// It does.
    #[default]
    On,
    /// It speaks plain HTTP.
    Off,
}

impl fmt::Display for TlsMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::On { "on" } else { "off" })
    }
}

impl FromStr for TlsMode {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err(format!("{text:?} is neither on nor off")),
        }
    }
}

impl<'de> Deserialize<'de> for TlsMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Setting for TlsMode {
    fn shown(&self, _: &'static str) -> Shown {
        Shown::Value(toml::Value::String(self.to_string()))
    }
}

impl TlsConfig {
    /// Whether the server's port speaks TLS.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.mode == TlsMode::On
    }

    /// The administrator's own certificate and its key.
    #[must_use]
    pub fn own(&self) -> Option<(Utf8PathBuf, Utf8PathBuf)> {
        self.certificate.clone().zip(self.key.clone())
    }

    pub(super) fn check(&self, listen: SocketAddr) -> Result<(), ConfigError> {
        let value = |setting, reason: String| Err(ConfigError::Value { setting, reason });
        if self.certificate.is_some() != self.key.is_some() {
            let reason = "a certificate and its key belong together: set both, or neither for the local authority";
            return value("tls.certificate, tls.key", reason.into());
        }
        if !self.is_on() && !listen.ip().is_loopback() {
            let reason = format!(
                "plain HTTP on {listen} could be read and changed by everybody on the way, passwords included: take \
                 `mode = \"off\"` (--tls off) away to speak HTTPS there, or listen on 127.0.0.1 (--listen 127.0.0.1:{})",
                listen.port()
            );
            return value("tls.mode", reason);
        }
        Ok(())
    }
}
