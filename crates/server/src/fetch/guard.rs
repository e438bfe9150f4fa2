//! Which hosts may be asked: checked for every URL, and again for every address at the moment of connecting.

use std::{
    error::Error,
    fmt, io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::address::special;
use crate::config::{FetchConfig, HostRule, Network};

/// Finds the addresses of a name. Tests bring their own.
pub type Lookup = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> + Send + Sync>;

/// The machine's own resolver.
pub(super) fn system_lookup() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move { Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.map(|a| a.ip()).collect()) })
    })
}

/// The rules for hosts that only a catalogue or a redirect names.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    networks: Vec<Network>,
    hosts: Vec<HostRule>,
}

/// A host that may not be asked, and why. Travels through the HTTP client as the cause of a failed connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedHost {
    /// The host.
    pub host: String,
    /// Its address, where it came to that.
    pub address: Option<IpAddr>,
    /// What kind of address it is.
    pub why: &'static str,
}

impl fmt::Display for RefusedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) if address.to_string() != self.host.trim_matches(['[', ']']) => {
                write!(f, "{} has the address {address}, which is {}", self.host, self.why)
            }
            _ => write!(f, "{} is {}", self.host, self.why),
        }
    }
}

impl Error for RefusedHost {}

impl Guard {
    pub(super) fn new(config: &FetchConfig) -> Self {
        Self { networks: config.allow_networks.clone(), hosts: config.allow_hosts.clone() }
    }

    /// Whether a rule allows the URL's host whatever its address.
    pub(super) fn names(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        self.hosts.iter().any(|rule| rule.matches(host, url.port_or_known_default()))
    }

    /// Checks what can be checked before a connection: literal addresses, and names that can only mean this machine.
    pub(super) fn check(&self, url: &Url) -> Result<(), RefusedHost> {
        let host = url.host_str().unwrap_or_default();
        let refused = |address, why| Err(RefusedHost { host: host.to_owned(), address, why });
        match url.host() {
            Some(Host::Ipv4(a)) => self.check_address(host, a.into()),
            Some(Host::Ipv6(a)) => self.check_address(host, a.into()),
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                if name == "localhost" || name.ends_with(".localhost") {
                    let allowed = self.networks.iter().any(|n| n.contains(IpAddr::from([127, 0, 0, 1])));
                    if allowed { Ok(()) } else { refused(None, "this machine itself") }
                } else if name == "metadata.google.internal" {
                    refused(None, "cloud metadata")
                } else {
                    Ok(())
                }
            }
            None => refused(None, "no host at all"),
        }
    }

    fn check_address(&self, host: &str, address: IpAddr) -> Result<(), RefusedHost> {
        match special(address) {
            Some(why) if !self.networks.iter().any(|n| n.contains(address)) => {
                Err(RefusedHost { host: host.to_owned(), address: Some(address), why })
            }
            _ => Ok(()),
        }
    }
}

/// The resolver of an HTTP client: the addresses that it returns are the ones that are connected to, so a name cannot
/// change its meaning between check and connection.
pub(super) struct GuardedResolver {
    pub(super) lookup: Lookup,
    /// None: every address is allowed.
    pub(super) guard: Option<Guard>,
    /// Hosts of proxies, which the administrator configured.
    pub(super) proxies: Vec<String>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let found = (self.lookup)(host.clone());
        let guard = self.guard.clone().filter(|_| !self.proxies.contains(&host));
        Box::pin(async move {
            let mut refused = None;
            let mut allowed = Vec::new();
            for address in found.await? {
                match guard.as_ref().map_or(Ok(()), |g| g.check_address(&host, address)) {
                    Ok(()) => allowed.push(SocketAddr::new(address, 0)),
                    Err(refusal) => refused = Some(refusal),
                }
            }
            match refused {
                Some(refusal) if allowed.is_empty() => Err(Box::new(refusal) as Box<dyn Error + Send + Sync>),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}
