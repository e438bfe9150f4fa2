//! Asking a URL, and following where it leads: every hop is checked.

mod clients;
mod trust;

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use http::{HeaderMap, HeaderValue, StatusCode, header::LOCATION};
use patchwharf_store::fault::{self, Mutant};
use reqwest::{Client, Response};
use url::Url;

use super::{
    FetchError, Source, Trust,
    error::show,
    guard::{Guard, Lookup},
};
use crate::{
    config::{FetchConfig, Hidden},
    jobs::Stop,
};
use clients::Clients;

pub use trust::StartError;

/// Redirects that are followed.
const MAX_HOPS: usize = 5;

/// Asks for URLs.
pub(super) struct Web {
    clients: RwLock<Arc<Clients>>,
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
        let clients = RwLock::new(Arc::new(Clients::new(config, lookup, &guard)?));
        Ok(Self { clients, guard, idle: config.idle_timeout })
    }

    /// Another proxy.
    pub(super) fn through(&self, proxy: Option<Hidden<Url>>) -> Result<(), StartError> {
        let before = self.clients();
        if let Some(after) = before.through(proxy)? {
            *self.clients.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(after);
        }
        Ok(())
    }

    fn clients(&self) -> Arc<Clients> {
        Arc::clone(&self.clients.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// GETs the source and follows redirects. `proved`: a digest proves the content, so that leaving https, or the
    /// authorities of the feed, for another host is no harm.
    pub(super) async fn get(
        &self,
        source: &Source,
        proved: bool,
        headers: &HeaderMap,
        stop: &Stop,
    ) -> Result<Answer, FetchError> {
        let mut url = source.url.clone();
        let mut seen = Vec::new();
        loop {
            let response = self.ask(source, &url, proved, headers.clone(), stop).await?;
            if !is_redirect(response.status()) {
                return Ok(Answer { url, response });
            }
            let next = next_hop(&url, &response, proved)?;
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

    async fn ask(
        &self,
        source: &Source,
        url: &Url,
        proved: bool,
        headers: HeaderMap,
        stop: &Stop,
    ) -> Result<Response, FetchError> {
        if !matches!(url.scheme(), "http" | "https") {
            let reason = format!("the scheme {:?} is not http or https", url.scheme());
            return Err(FetchError::BadAnswer { url: show(url), reason });
        }
        let (client, pinned) = self.client_for(source, url, proved)?;
        let answer = client.get(url.clone()).headers(headers).send();
        let silent = || FetchError::Silent { url: show(url), seconds: self.idle.as_secs() };
        let response = tokio::select! {
            reason = stop.asked() => return Err(FetchError::Stopped(reason)),
            answer = tokio::time::timeout(self.idle, answer) => {
                answer.map_err(|_| silent())?.map_err(|e| FetchError::from_client(url, e, pinned))?
            }
        };
        if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Err(FetchError::Proxy { url: show(url), reason: "it wants a login (407)".into() });
        }
        Ok(response)
    }

    /// The client for a URL, by who named its host and who may vouch for it; and whether that is pinned.
    pub(super) fn client_for(&self, source: &Source, url: &Url, proved: bool) -> Result<(Client, bool), FetchError> {
        let unchecked = fault::mutant(Mutant::RedirectUnchecked) && *url != source.url;
        let configured = unchecked || (source.trust == Trust::Configured && same_host(&source.url, url));
        let pin = source.pin.as_ref().filter(|_| !proved || same_host(&source.url, url));
        let clients = self.clients().of(pin);
        let clients = clients.map_err(|error| FetchError::Tls { url: show(url), source: Arc::new(error) })?;
        if configured || self.guard.names(url) {
            return Ok((clients.configured, pin.is_some()));
        }
        self.guard.check(url).map_err(|refusal| FetchError::HostRefused { url: show(url), refusal })?;
        Ok((clients.named, pin.is_some()))
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
fn next_hop(url: &Url, response: &Response, proved: bool) -> Result<Url, FetchError> {
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
        "http" if url.scheme() == "http" || proved => {}
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
