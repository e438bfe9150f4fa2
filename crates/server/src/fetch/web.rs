//! Asking a URL, and following where it leads: every hop is checked.

use std::{fmt, sync::Arc};

use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT_ENCODING, LOCATION},
};
use patchwharf_store::fault::{self, Mutant};
use reqwest::{Client, ClientBuilder, Proxy, Response, redirect::Policy};
use url::Url;

use super::{
    FetchError, Source, Trust,
    error::show,
    guard::{Guard, GuardedResolver, Lookup},
};
use crate::{config::FetchConfig, jobs::Stop};

/// Redirects that are followed.
const MAX_HOPS: usize = 5;

/// The HTTP clients. Two, because a connection that the administrator's trust opened must never be reused for a host
/// that a catalogue names.
pub(super) struct Web {
    configured: Client,
    named: Client,
    guard: Guard,
    idle: std::time::Duration,
}

/// The last answer of a chain of redirects.
pub(super) struct Answer {
    pub(super) url: Url,
    pub(super) response: Response,
}

impl Web {
    pub(super) fn new(config: &FetchConfig, lookup: &Lookup) -> Result<Self, StartError> {
        let guard = Guard::new(config);
        let client = |guard: Option<Guard>| build(config, lookup, guard);
        Ok(Self { configured: client(None)?, named: client(Some(guard.clone()))?, guard, idle: config.idle_timeout })
    }

    /// GETs the source and follows redirects. `pinned`: a digest proves the content, so that leaving https is no harm.
    pub(super) async fn get(
        &self,
        source: &Source,
        pinned: bool,
        headers: &HeaderMap,
        stop: &Stop,
    ) -> Result<Answer, FetchError> {
        let mut url = source.url.clone();
        let mut seen = Vec::new();
        loop {
            let response = self.ask(source, &url, headers.clone(), stop).await?;
            if !is_redirect(response.status()) {
                return Ok(Answer { url, response });
            }
            let next = next_hop(&url, &response, pinned)?;
            seen.push(url);
            let refuse = |reason| FetchError::RedirectRefused { url: show(&source.url), to: show(&next), reason };
            if seen.contains(&next) {
                return Err(refuse("it is a loop"));
            }
            if seen.len() > MAX_HOPS {
                return Err(refuse("there are more than 5 redirects one after the other"));
            }
            url = next;
        }
    }

    async fn ask(&self, source: &Source, url: &Url, headers: HeaderMap, stop: &Stop) -> Result<Response, FetchError> {
        if !matches!(url.scheme(), "http" | "https") {
            let reason = format!("the scheme {:?} is not http or https", url.scheme());
            return Err(FetchError::BadAnswer { url: show(url), reason });
        }
        let unchecked = fault::mutant(Mutant::RedirectUnchecked) && *url != source.url;
        let configured = unchecked || (source.trust == Trust::Configured && same_host(&source.url, url));
        let client = if configured || self.guard.names(url) {
            &self.configured
        } else {
            self.guard.check(url).map_err(|refusal| FetchError::HostRefused { url: show(url), refusal })?;
            &self.named
        };
        let answer = client.get(url.clone()).headers(headers).send();
        let silent = || FetchError::Silent { url: show(url), seconds: self.idle.as_secs() };
        let response = tokio::select! {
            reason = stop.asked() => return Err(FetchError::Stopped(reason)),
            answer = tokio::time::timeout(self.idle, answer) => {
                answer.map_err(|_| silent())?.map_err(|e| FetchError::from_client(url, e))?
            }
        };
        if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Err(FetchError::Proxy { url: show(url), reason: "it wants a login (407)".into() });
        }
        Ok(response)
    }
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web").field("guard", &self.guard).finish_non_exhaustive()
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn same_host(a: &Url, b: &Url) -> bool {
    a.host() == b.host() && a.port_or_known_default() == b.port_or_known_default()
}

/// Where a redirect leads, if one may follow it.
fn next_hop(url: &Url, response: &Response, pinned: bool) -> Result<Url, FetchError> {
    let location = response.headers().get(LOCATION).map(HeaderValue::as_bytes).unwrap_or_default();
    let shown: String = location.escape_ascii().map(char::from).take(200).collect();
    let refuse = |reason| FetchError::RedirectRefused { url: show(url), to: shown.clone(), reason };
    if location.is_empty() {
        return Err(refuse("it does not say where to"));
    }
    let text = std::str::from_utf8(location).map_err(|_| refuse("it is no URL"))?;
    if has_control(text) {
        return Err(refuse("it has control characters in it"));
    }
    let mut next = url.join(text).map_err(|_| refuse("it is no URL"))?;
    match next.scheme() {
        "https" => {}
        "http" if url.scheme() == "http" || pinned => {}
        "http" => return Err(refuse("it leaves https, and no digest proves the content")),
        _ => return Err(refuse("only http and https are followed")),
    }
    // A password that a vendor puts there is none of ours to send on. Neither call fails for http and https.
    let _ = next.set_username("").and(next.set_password(None));
    next.set_fragment(None);
    Ok(next)
}

/// Control characters, plain or percent-encoded (CVE-2019-3462 came by `%0a`).
fn has_control(text: &str) -> bool {
    let encoded = |hex: &[u8]| {
        std::str::from_utf8(hex).ok().and_then(|h| u8::from_str_radix(h, 16).ok()).is_some_and(|b| b.is_ascii_control())
    };
    text.chars().any(char::is_control) || text.as_bytes().windows(3).any(|w| w[0] == b'%' && encoded(&w[1..]))
}

/// Why downloads cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The file of certificate authorities.
    #[error("cannot read `fetch.ca-file` {path}; it must be readable and hold PEM certificates")]
    CaFile {
        /// The file.
        path: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The HTTP client.
    #[error("cannot set up the HTTP client; check `fetch.proxy`")]
    Client(#[source] reqwest::Error),
}

fn build(config: &FetchConfig, lookup: &Lookup, guard: Option<Guard>) -> Result<Client, StartError> {
    let builder = || base(config, lookup, guard.clone());
    match builder()?.build() {
        Ok(client) => Ok(client),
        Err(error) => {
            // A machine without any certificate authority: http still works, https says that nothing is trusted.
            tracing::warn!(%error, "no certificate authorities found: https will fail; install `ca-certificates`");
            builder()?.tls_certs_only([]).build().map_err(StartError::Client)
        }
    }
}

fn base(config: &FetchConfig, lookup: &Lookup, guard: Option<Guard>) -> Result<ClientBuilder, StartError> {
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
        .dns_resolver(Arc::new(resolver));
    if let Some(url) = &config.proxy {
        builder = builder.proxy(Proxy::all(url.reveal().clone()).map_err(StartError::Client)?);
    }
    if let Some(path) = &config.ca_file {
        let bad =
            |e: Box<dyn std::error::Error + Send + Sync>| StartError::CaFile { path: path.to_string(), source: e };
        let pem = std::fs::read(path).map_err(|e| bad(e.into()))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| bad(e.into()))?;
        builder = builder.tls_certs_merge(certificates);
    }
    Ok(builder)
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
