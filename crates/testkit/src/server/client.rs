//! A small client of the API.

use std::time::{Duration, Instant};

use patchwharf_model::{
    JobId,
    api::{Job, JobDetail, Problem},
};
use reqwest::Method;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::DEADLINE;

/// The API of one server, with or without a token.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value; the name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body of an answer that must be a success.
    ///
    /// # Panics
    /// When it is none, or not of this type.
    #[must_use]
    pub fn ok<T: DeserializeOwned>(self) -> T {
        assert!((200..300).contains(&self.status), "status {}: {}", self.status, self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// The problem document of an answer that must be an error.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn problem(self) -> Problem {
        assert!(self.status >= 400, "status {}: {}", self.status, self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
}

impl Client {
    /// With a token.
    #[must_use]
    pub fn new(base: &str, token: &str) -> Self {
        Self { token: Some(token.into()), ..Self::anonymous(base) }
    }

    /// Without a token.
    #[must_use]
    pub fn anonymous(base: &str) -> Self {
        Self::build(base, None)
    }

    /// Without a token; this authority alone (PEM) vouches for the server.
    #[must_use]
    pub fn trusting(base: &str, authority: &str) -> Self {
        Self::build(base, Some(authority))
    }

    /// The same with a token.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        Self { token: Some(token.into()), ..self }
    }

    fn build(base: &str, authority: Option<&str>) -> Self {
        // Fails only when another test installed it first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut http = reqwest::Client::builder().no_proxy().timeout(DEADLINE);
        if let Some(pem) = authority {
            let certificate = reqwest::Certificate::from_pem(pem.as_bytes()).expect("a certificate");
            http = http.tls_certs_only([certificate]);
        }
        Self { http: http.build().expect("a client"), base: base.into(), token: None }
    }

    /// A request of the caller's making for a path of this server.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// The connection failed: the server is gone.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
    }

    /// One call with an optional JSON body; whatever status comes.
    ///
    /// # Panics
    /// When the connection fails.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.try_call(method.clone(), path, body).await.unwrap_or_else(|e| panic!("{method} {path}: {e:?}"))
    }

    /// The same where the server may go away.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn try_call(&self, method: Method, path: &str, body: Option<&Value>) -> reqwest::Result<Answer> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        self.send(request).await
    }

    /// GET that must succeed.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        self.call(Method::GET, path, None).await.ok()
    }

    /// POST that must succeed.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> T {
        let body = serde_json::to_value(body).expect("JSON");
        self.call(Method::POST, path, Some(&body)).await.ok()
    }

    /// GET without looking at the body's type: a package file, for example.
    pub async fn fetch(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    /// Whether `/healthz` answers, be it that something is not well.
    pub async fn answers(&self) -> bool {
        matches!(self.try_call(Method::GET, "/healthz", None).await, Ok(answer) if matches!(answer.status, 200 | 503))
    }

    /// Waits for a job's end, whichever it is.
    ///
    /// # Panics
    /// When it does not end in time; the panic shows how far it came.
    pub async fn wait_for_job(&self, id: JobId) -> JobDetail {
        let end = Instant::now() + DEADLINE;
        loop {
            let job: JobDetail = self.get(&format!("/api/v1/jobs/{id}")).await;
            if job.job.state.is_final() {
                return job;
            }
            assert!(Instant::now() < end, "the job does not end: {job:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// POST that starts a job, and its end.
    pub async fn run_job(&self, path: &str, body: &impl Serialize) -> JobDetail {
        let job: Job = self.post(path, body).await;
        self.wait_for_job(job.id).await
    }
}
