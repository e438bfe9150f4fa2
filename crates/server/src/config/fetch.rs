//! Settings of downloads.

use std::{fmt, net::IpAddr, str::FromStr, time::Duration};

use patchwharf_model::span;
use serde::{Deserialize, Deserializer, de::Error as _};
use url::Url;

use super::{ConfigError, Hidden, section};

section! {
    /// Settings of downloads.
    pub struct FetchConfig {
        /// Files on their way at once.
        parallel: usize = 16;
        /// Of those, from one host.
        per_host: usize = 8;
        /// Limit of a connection attempt, TLS included.
        #[serde(with = "span")]
        connect_timeout: Duration = Duration::from_secs(10);
        /// Limit without a single byte.
        #[serde(with = "span")]
        idle_timeout: Duration = Duration::from_secs(30);
        /// A download slower than `min-speed-bytes-per-second` for this long is given up.
        #[serde(with = "span")]
        slow_after: Duration = Duration::from_secs(60);
        /// See `slow-after`.
        min_speed_bytes_per_second: u64 = 1024;
        /// All downloads together; 0 means no limit.
        max_bytes_per_second: u64 = 0;
        /// Space that downloads leave free on the file system of the packages.
        reserve_bytes: u64 = 256 << 20;
        /// Most bytes of a file whose length no catalogue gives.
        unsized_cap_bytes: u64 = 4 << 30;
        /// Attempts per file and URL before it counts as failed.
        attempts: u32 = 4;
        /// Wait before the second attempt; doubles each time, with jitter.
        #[serde(with = "span")]
        backoff: Duration = Duration::from_secs(1);
        /// Longest wait between attempts, and longest Retry-After that is waited for within a job.
        #[serde(with = "span")]
        backoff_cap: Duration = Duration::from_secs(60);
        /// `http://[user:password@]host:port`; none means a direct connection.
        proxy: Option<Hidden<Url>> = None, example "\"http://proxy.example:3128\"";
        /// PEM file with further certificate authorities (an intranet's own).
        ca_file: Option<camino::Utf8PathBuf> = None, example "\"/etc/ssl/certs/intranet.pem\"";
        /// Files with certificate revocation lists, PEM or DER, read at start: what they name is refused. Nothing is asked
        /// online.
        crls: Vec<camino::Utf8PathBuf> = Vec::new(), example "[\"/etc/patchwharf/vendor.crl\"]";
        /// Networks that catalogues and redirects may name although they are not public.
        allow_networks: Vec<Network> = Vec::new(), example "[\"10.1.0.0/16\"]";
        /// Hosts that catalogues and redirects may name whatever their address: `host`, `*.domain`, each with or without
        /// `:port`.
        allow_hosts: Vec<HostRule> = Vec::new(), example "[\"mirror.example\", \"*.vendor.example:8443\"]";
    }
}

impl FetchConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let value = |setting, reason: &str| Err(ConfigError::Value { setting, reason: reason.to_owned() });
        if self.parallel == 0 || self.per_host == 0 {
            return value("fetch.parallel, fetch.per-host", "0 would stop all downloads; use 1 or more");
        }
        if self.attempts == 0 {
            return value("fetch.attempts", "0 would never try; use 1 or more");
        }
        if self.proxy.as_ref().is_some_and(|p| !matches!(p.reveal().scheme(), "http" | "https")) {
            return value("fetch.proxy", "only http:// and https:// proxies are supported");
        }
        Ok(())
    }
}

/// A network: address and prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether the address lies in the network. IPv4 in IPv6 clothes counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(a)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                net.to_bits() & mask == a.to_bits() & mask
            }
            (IpAddr::V6(net), IpAddr::V6(a)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                net.to_bits() & mask == a.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Network {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is no network; write an address (10.1.2.3) or address/prefix (10.0.0.0/8)");
        let (address, prefix) = match text.split_once('/') {
            Some((a, p)) => (a, Some(p.parse::<u8>().map_err(|_| bad())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(longest);
        if prefix > longest { Err(bad()) } else { Ok(Self { address, prefix }) }
    }
}

/// A host, or all hosts of a domain, with or without a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRule {
    host: String,
    subdomains: bool,
    port: Option<u16>,
}

impl HostRule {
    /// Whether the rule allows this host (lower case, as URLs have it) and port.
    #[must_use]
    pub fn matches(&self, host: &str, port: Option<u16>) -> bool {
        let name = if self.subdomains {
            host.strip_suffix(self.host.as_str()).is_some_and(|rest| rest.ends_with('.'))
        } else {
            host == self.host
        };
        name && (self.port.is_none() || self.port == port)
    }
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stars = if self.subdomains { "*." } else { "" };
        write!(f, "{stars}{}", self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl FromStr for HostRule {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is no host; write host, host:port, *.domain or *.domain:port");
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !text.ends_with(']') => (host, Some(port.parse().map_err(|_| bad())?)),
            _ => (text, None),
        };
        let (host, subdomains) = host.strip_prefix("*.").map_or((host, false), |rest| (rest, true));
        let forbidden = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '*' | '@');
        if host.is_empty() || host.contains(forbidden) {
            return Err(bad());
        }
        Ok(Self { host: host.to_ascii_lowercase(), subdomains, port })
    }
}

macro_rules! deserialize_from_text {
    ($($type:ty),+) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    )+};
}
deserialize_from_text!(Network, HostRule);
