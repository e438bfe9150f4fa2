//! The log: records go to stderr, to the log store, and to whoever tails them.

mod about;
mod layer;
mod writer;

use std::{collections::BTreeMap, io, sync::Arc};

use patchwharf_model::Timestamp;
use serde::Serialize;
use tokio::sync::{Mutex, broadcast, mpsc};
use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::{config::LogConfig, metrics::Metrics};

/// Records that wait for the store; more are dropped and counted, for logging must never wait.
const QUEUE: usize = 16_384;
/// Records that a slow follower may lag behind.
const LIVE: usize = 4_096;

/// One record of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LogRecord {
    /// Number on this server, rising; with the server's id the identity of the record.
    pub number: u64,
    /// When.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// `error`, `warn`, `info`, `debug`, `trace`.
    pub level: String,
    /// The part of the server that speaks.
    pub target: String,
    /// What happened.
    pub message: String,
    /// The job, where one speaks.
    pub job: Option<String>,
    /// The bulletin that it is about.
    pub bulletin: Option<String>,
    /// The package that it is about.
    pub package: Option<String>,
    /// Further fields.
    pub fields: BTreeMap<String, String>,
}

/// The log of this server. Clones share it.
#[derive(Clone, Debug)]
pub struct Logs {
    live: broadcast::Sender<Arc<LogRecord>>,
    queue: Arc<Mutex<mpsc::Receiver<LogRecord>>>,
    layer: layer::StoreLayer,
}

impl Logs {
    /// A log that nothing is written to yet: for tests, and before [`Logs::install`].
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let layer = layer::StoreLayer::new(sender, metrics.log_dropped.clone());
        Self { live: broadcast::Sender::new(LIVE), queue: Arc::new(Mutex::new(receiver)), layer }
    }

    /// Makes this the log of the whole process: stderr at once, the store as soon as its writer runs.
    ///
    /// # Errors
    /// The filter cannot be understood, or there is a log already.
    pub fn install(&self, config: &LogConfig) -> Result<(), LogError> {
        self.subscriber(config)?.try_init().map_err(|source| LogError::Installed(Box::new(source)))
    }

    /// The subscriber that [`Logs::install`] makes the process's own.
    ///
    /// # Errors
    /// The filter cannot be understood.
    pub fn subscriber(&self, config: &LogConfig) -> Result<impl Subscriber + Send + Sync + use<>, LogError> {
        let shown = config.stderr_filter.as_ref().unwrap_or(&config.filter);
        let text = tracing_subscriber::fmt::layer()
            .with_writer(io::stderr)
            .with_target(false)
            .with_ansi(io::IsTerminal::is_terminal(&io::stderr()));
        let stderr = if config.json { text.json().boxed() } else { text.compact().boxed() };
        Ok(tracing_subscriber::registry()
            .with(stderr.with_filter(filter("log.stderr-filter", shown)?))
            .with(self.layer.clone().with_filter(filter("log.filter", &config.filter)?)))
    }

    /// Follows the log from now on. A follower that is too slow is told how many records it missed.
    #[must_use]
    pub fn follow(&self) -> broadcast::Receiver<Arc<LogRecord>> {
        self.live.subscribe()
    }
}

fn filter(setting: &'static str, text: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::try_new(text).map_err(|source| LogError::Filter {
        setting,
        filter: text.to_owned(),
        source: Box::new(source),
    })
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter.
    #[error("setting {setting}: {filter:?} is no filter; write for example `info` or `info,patchwharf_server=debug`")]
    Filter {
        /// Its name.
        setting: &'static str,
        /// As it was given.
        filter: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A second one.
    #[error("this process has a log already")]
    Installed(#[source] Box<dyn std::error::Error + Send + Sync>),
}
