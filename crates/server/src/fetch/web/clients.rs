//! The HTTP clients: a pair for each set of authorities that is trusted.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use http::{HeaderMap, HeaderValue, header::ACCEPT_ENCODING};
use reqwest::{Client, Proxy, redirect::Policy};
use url::Url;

use super::{
    super::{
        guard::{Guard, GuardedResolver, Lookup},
        pin::Pin,
    },
    trust::{StartError, Trust},
};
use crate::config::{FetchConfig, Hidden};

/// Pins whose clients are kept; when more have been seen, all are made anew.
const MOST_PINS: usize = 64;

/// Two clients, because a connection that the administrator's trust opened must never be reused for a host that a
/// catalogue names.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) configured: Client,
    pub(super) named: Client,
}

pub(super) struct Clients {
    config: FetchConfig,
    lookup: Lookup,
    guard: Guard,
    trust: Trust,
    ordinary: Pair,
    pinned: Mutex<HashMap<Pin, Pair>>,
}

impl Clients {
    pub(super) fn new(config: &FetchConfig, lookup: &Lookup, guard: &Guard) -> Result<Self, StartError> {
        let trust = Trust::read(config)?;
        Ok(Self {
            ordinary: pair(config, lookup, guard, &trust, None)?,
            config: config.clone(),
            lookup: Arc::clone(lookup),
            guard: guard.clone(),
            trust,
            pinned: Mutex::default(),
        })
    }

    /// The same through another proxy; none: it is the one that they have.
    pub(super) fn through(&self, proxy: Option<Hidden<Url>>) -> Result<Option<Self>, StartError> {
        if self.config.proxy == proxy {
            return Ok(None);
        }
        let config = FetchConfig { proxy, ..self.config.clone() };
        Self::new(&config, &self.lookup, &self.guard).map(Some)
    }

    /// The clients that trust the pin's authorities, or without one the machine's.
    pub(super) fn of(&self, pin: Option<&Pin>) -> Result<Pair, StartError> {
        let Some(pin) = pin else { return Ok(self.ordinary.clone()) };
        let mut pinned = self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pair) = pinned.get(pin) {
            return Ok(pair.clone());
        }
        let pair = pair(&self.config, &self.lookup, &self.guard, &self.trust, Some(pin))?;
        if pinned.len() >= MOST_PINS {
            pinned.clear();
        }
        pinned.insert(pin.clone(), pair.clone());
        Ok(pair)
    }
}

fn pair(
    config: &FetchConfig,
    lookup: &Lookup,
    guard: &Guard,
    trust: &Trust,
    pin: Option<&Pin>,
) -> Result<Pair, StartError> {
    let client = |guard: Option<Guard>| client(config, lookup, guard, trust, pin);
    Ok(Pair { configured: client(None)?, named: client(Some(guard.clone()))? })
}

fn client(
    config: &FetchConfig,
    lookup: &Lookup,
    guard: Option<Guard>,
    trust: &Trust,
    pin: Option<&Pin>,
) -> Result<Client, StartError> {
    let resolver = GuardedResolver { lookup: Arc::clone(lookup), guard, proxies: proxy_hosts(config) };
    let mut builder = Client::builder()
        .user_agent(concat!("patchwharf/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .connect_timeout(config.connect_timeout)
        .pool_idle_timeout(std::time::Duration::from_secs(30))
        .tcp_nodelay(true)
        .http1_only()
        .default_headers(HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]))
        .dns_resolver(Arc::new(resolver))
        .tls_backend_preconfigured(trust.client(pin)?);
    if let Some(url) = &config.proxy {
        builder = builder.proxy(Proxy::all(url.reveal().clone()).map_err(StartError::Client)?);
    }
    builder.build().map_err(StartError::Client)
}

/// Hosts of proxies: the setting's, and those that the environment names (the HTTP client uses them as curl does).
fn proxy_hosts(config: &FetchConfig) -> Vec<String> {
    let host = |url: &Url| url.host_str().map(str::to_owned);
    if let Some(proxy) = &config.proxy {
        return host(proxy.reveal()).into_iter().collect();
    }
    ["http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .filter_map(|text| Url::parse(&text).or_else(|_| Url::parse(&format!("http://{text}"))).ok())
        .filter_map(|url| host(&url))
        .collect()
}
