//! The client of the API.

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::api::Problem;
use reqwest::{Method, RequestBuilder, Response, header};
use serde::{Serialize, de::DeserializeOwned};

use super::{Global, trust::Pin};
use crate::config::{Config, Options};

/// Talks to one server as its administrator.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
    /// Where it came from, for texts.
    token_file: Utf8PathBuf,
    /// Who vouches for the server.
    pin: Pin,
    /// How this program is called so that it asks the same server.
    program: String,
    /// Print what the API gives instead of tables.
    pub(crate) json: bool,
    /// Do not follow the jobs that are started.
    pub(crate) no_wait: bool,
}

/// Why the server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It said no.
    #[error("{}", said(.0))]
    Problem(Box<Problem>),
    /// The token is not the server's.
    #[error(
        "the server at {base} does not take the token of {token_file}; name the data folder of that server (--data), or \
         a file with its token (--token-file): the server keeps it as admin.token in its data folder"
    )]
    WrongToken {
        /// Its URL.
        base: String,
        /// Where the token came from.
        token_file: Utf8PathBuf,
    },
    /// It could not be asked.
    #[error("the server at {base} does not answer; is it running (patchwharf serve), and is --server right?")]
    Unreachable {
        /// Its URL.
        base: String,
        /// Why.
        source: reqwest::Error,
    },
    /// It is not known to be the server that was meant.
    #[error("{reason}")]
    Untrusted {
        /// Why, and what to do.
        reason: String,
        /// The connection's error.
        source: reqwest::Error,
    },
    /// It speaks HTTPS and was asked without.
    #[error("the server at {base} speaks HTTPS: write --server https://... (PATCHWHARF_SERVER)")]
    WantsTls {
        /// Its URL.
        base: String,
    },
    /// It answered something else than an API does.
    #[error("{url} answered {status} without a problem document; is --server the address of a patchwharf server?")]
    Odd {
        /// What was asked.
        url: String,
        /// Its answer.
        status: u16,
    },
}

impl Failure {
    /// Whether it may be over in a moment: the server restarts or is busy.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Problem(problem) => problem.status == 503,
            Self::Odd { status, .. } => (502..=504).contains(status),
            Self::WrongToken { .. } | Self::Untrusted { .. } | Self::WantsTls { .. } => false,
        }
    }

    /// Whether the server understood and refused, rather than failed.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Problem(problem) if (400..500).contains(&problem.status) && problem.status != 401)
    }
}

fn said(problem: &Problem) -> String {
    let mut text = format!("{} ({})", problem.detail, problem.code);
    for item in &problem.items {
        text.push_str("\n  ");
        text.push_str(item);
    }
    for policy in problem.refers.iter().flat_map(|refers| &refers.policies) {
        text.push_str("\n  needed by policy ");
        text.push_str(&policy.name);
    }
    text
}

impl Client {
    /// From the flags: server and token, else those of the data folder.
    pub(crate) fn new(global: &Global) -> Result<Self> {
        let base = match &global.server {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => local_server(&global.data)?,
        };
        let path = token_file(global);
        let token = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "cannot read the administrator's token {path}, which the server makes at its first start; name the data \
                 folder (--data) or the token (--token-file)"
            )
        })?;
        Self::with_token(base, token.trim().to_owned(), global)
    }

    /// A command as it can be run here: what the server names as `patchwharf ...` asks this server.
    pub(crate) fn runnable(&self, command: &str) -> String {
        match command.strip_prefix("patchwharf ") {
            Some(rest) => format!("{} {rest}", self.program),
            None => command.to_owned(),
        }
    }

    /// The address of something else on the server.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// With a token at hand.
    pub(crate) fn with_token(base: String, token: String, global: &Global) -> Result<Self> {
        patchwharf_trust::install_crypto_provider();
        let url = url::Url::parse(&base)
            .with_context(|| format!("--server {base} is not a URL; write it as https://host:8480"))?;
        let loopback = url.host().is_some_and(|host| match host {
            url::Host::Domain(name) => name == "localhost",
            url::Host::Ipv4(address) => address.is_loopback(),
            url::Host::Ipv6(address) => address.is_loopback(),
        });
        let mut http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        if loopback {
            http = http.no_proxy();
        }
        let pin = Pin::of(global);
        if url.scheme() == "https" {
            http = http.tls_backend_preconfigured(pin.client()?);
        } else if loopback {
            // No proxy either, which could speak TLS.
            http = http.tls_backend_preconfigured(Pin::nobody()?);
        }
        let http = http.build().context("set up the HTTP client")?;
        let (token_file, program) = (token_file(global), called(&base, global));
        Ok(Self { http, base, token, token_file, pin, program, json: global.json, no_wait: global.no_wait })
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.read(self.request(Method::GET, path)).await
    }

    /// With query parameters.
    pub(crate) async fn find<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T> {
        self.read(self.request(Method::GET, path).query(query)).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        self.read(self.request(Method::POST, path).json(body)).await
    }

    /// Sends a file as the body; it is streamed.
    pub(crate) async fn upload<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
        file: &Utf8Path,
    ) -> Result<T> {
        let opened = tokio::fs::File::open(file).await.with_context(|| format!("cannot open {file}"))?;
        let length = opened.metadata().await?.len();
        let body = reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::with_capacity(opened, 256 * 1024));
        let request = self
            .request(Method::POST, path)
            .query(query)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_LENGTH, length)
            .body(body);
        self.read(request).await
    }

    pub(crate) async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        self.read(self.request(Method::PUT, path).json(body)).await
    }

    pub(crate) async fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        self.read(self.request(Method::PATCH, path).json(body)).await
    }

    /// Deletes; an answer without a body reads as `()` or `None`.
    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T> {
        self.read(self.request(Method::DELETE, path).query(query)).await
    }

    /// Copies an answer to standard output as it comes.
    pub(crate) async fn copy(&self, path: &str, query: &impl Serialize) -> Result<()> {
        let mut response = self.send(self.request(Method::GET, path).query(query)).await?;
        let url = response.url().clone();
        while let Some(piece) = response.chunk().await.with_context(|| format!("read the answer of {url}"))? {
            super::output::raw(&piece)?;
        }
        Ok(())
    }

    /// An answer to be read as it comes.
    pub(crate) async fn stream(
        &self,
        path: &str,
        query: &impl Serialize,
        last_event: Option<&str>,
    ) -> Result<Response> {
        let mut request = self.request(Method::GET, path).query(query).header(header::ACCEPT, "text/event-stream");
        if let Some(id) = last_event {
            request = request.header("Last-Event-ID", id);
        }
        self.send(request).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/api/v1{path}", self.base)).bearer_auth(&self.token)
    }

    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let response = self.send(request).await?;
        let url = response.url().clone();
        let body = response.bytes().await.with_context(|| format!("read the answer of {url}"))?;
        // A body-less success (204) reads as null.
        let body: &[u8] = if body.is_empty() { b"null" } else { &body };
        serde_json::from_slice(body).with_context(|| format!("the answer of {url} is not what this version expects"))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await.map_err(|source| match self.pin.explain(&self.base, &source) {
            Some(reason) => Failure::Untrusted { reason, source },
            None => Failure::Unreachable { base: self.base.clone(), source },
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let url = response.url().to_string();
        let body = response.bytes().await.unwrap_or_default();
        Err(match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) if problem.status == 401 => {
                Failure::WrongToken { base: self.base.clone(), token_file: self.token_file.clone() }.into()
            }
            Ok(problem) => Failure::Problem(Box::new(problem)).into(),
            Err(_) if status == 400 && self.base.starts_with("http:") && body == crate::tls::SENTENCE.as_bytes() => {
                Failure::WantsTls { base: self.base.clone() }.into()
            }
            Err(_) => Failure::Odd { url, status: status.as_u16() }.into(),
        })
    }
}

fn token_file(global: &Global) -> Utf8PathBuf {
    global.token_file.clone().unwrap_or_else(|| global.data.join("admin.token"))
}

/// The address at which the server of a data folder listens.
fn local_server(data: &Utf8Path) -> Result<String> {
    let config = Config::load(&Options { data: data.to_owned(), ..Options::default() })?;
    let mut address = config.listen;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let scheme = if config.tls.is_on() { "https" } else { "http" };
    Ok(format!("{scheme}://{address}"))
}

/// One segment of a path, with everything escaped that would mean something there.
pub(crate) fn segment(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// This program with the flags without which it would ask another server.
fn called(base: &str, global: &Global) -> String {
    let mut program = std::env::args().next().unwrap_or_else(|| "patchwharf".to_owned());
    if global.data != super::data_folder() {
        program.push_str(&format!(" --data {}", global.data));
    }
    if local_server(&global.data).is_ok_and(|local| local != base) {
        program.push_str(&format!(" --server {base}"));
    }
    if let Some(ca) = &global.ca {
        program.push_str(&format!(" --ca {ca}"));
    }
    program
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_with_separators_stay_one_segment() {
        assert_eq!(super::segment("a/../b:1+x ü"), "a%2F..%2Fb%3A1%2Bx%20%C3%BC");
    }
}
