//! Counters for `/metrics`.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
};

use patchwharf_db::packages::ByState;
use patchwharf_model::package::VersionState;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// Labels of an HTTP request.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RequestLabels {
    /// Route as registered, never the raw path.
    pub route: String,
    /// Status code.
    pub status: u16,
}

/// Labels of an ended job.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct JobLabels {
    /// Kind of job.
    pub kind: String,
    /// How it ended.
    pub state: String,
}

/// Label of a package state.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabel {
    state: String,
}

/// Label of how a download ended.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OutcomeLabel {
    /// `verified`, or the code of the error.
    pub outcome: String,
}

/// Label of a connection that was not left to its client.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ConnectionLabel {
    /// `slow`, `displaced` or `refused`.
    pub why: String,
}

/// Counters for `/metrics`. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    /// HTTP requests answered.
    pub requests: Family<RequestLabels, Counter>,
    /// Connections that are open.
    pub connections: Gauge,
    /// Connections that this side ended: too slow, in the place of another, or none was free.
    pub connections_ended: Family<ConnectionLabel, Counter>,
    /// Passwords hashed, or compared with a hash.
    pub password_hashes: Counter,
    /// Sign-ins that failed or had to wait.
    pub sign_ins_refused: Counter,
    /// Jobs ended.
    pub jobs: Family<JobLabels, Counter>,
    /// Jobs that run now.
    pub jobs_running: Gauge,
    /// Bytes that came from vendors.
    pub fetched_bytes: Counter<u64, AtomicU64>,
    /// Downloads ended.
    pub fetches: Family<OutcomeLabel, Counter>,
    packages: Family<StateLabel, Gauge>,
    /// Log records dropped because the store could not follow.
    pub log_dropped: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("patchwharf");
        let requests = Family::default();
        registry.register("http_requests", "HTTP requests answered", requests.clone());
        let connections = Gauge::default();
        registry.register("connections", "Connections that are open", connections.clone());
        let connections_ended = Family::default();
        registry.register("connections_ended", "Connections that the server ended", connections_ended.clone());
        let password_hashes = Counter::default();
        let help = "Passwords hashed, or compared with a hash";
        registry.register("password_hashes", help, password_hashes.clone());
        let sign_ins_refused = Counter::default();
        registry.register("sign_ins_refused", "Sign-ins that failed or had to wait", sign_ins_refused.clone());
        let jobs = Family::default();
        registry.register("jobs", "Jobs ended", jobs.clone());
        let jobs_running = Gauge::default();
        registry.register("jobs_running", "Jobs that run now", jobs_running.clone());
        let fetched_bytes = Counter::default();
        registry.register("fetched_bytes", "Bytes that came from vendors", fetched_bytes.clone());
        let fetches = Family::default();
        registry.register("fetches", "Downloads ended", fetches.clone());
        let packages = Family::default();
        registry.register("packages", "Packages by state, as the database knows them", packages.clone());
        let log_dropped = Counter::default();
        registry.register("log_records_dropped", "Log records that the store could not take", log_dropped.clone());
        Self {
            registry: registry.into(),
            requests,
            connections,
            connections_ended,
            password_hashes,
            sign_ins_refused,
            jobs,
            jobs_running,
            fetched_bytes,
            fetches,
            packages,
            log_dropped,
        }
    }
}

impl Metrics {
    /// Packages by state, of now; a state without packages is told, too, so that an alarm on it can end.
    pub(crate) fn set_packages(&self, counted: &[ByState]) {
        for state in VersionState::ALL {
            let found = counted.iter().find(|one| one.state == state).map_or(0, |one| one.packages);
            let gauge = self.packages.get_or_create(&StateLabel { state: state.to_string() });
            gauge.set(i64::try_from(found).unwrap_or(i64::MAX));
        }
    }

    /// All counters in the text format of Prometheus (OpenMetrics 1.0).
    ///
    /// # Errors
    /// A formatter failed; never seen with a `String`.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
