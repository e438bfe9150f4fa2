//! The log: records go to stderr, to the log store, and to whoever tails them.

use std::{collections::BTreeMap, sync::Arc};

use patchwharf_model::Timestamp;
use serde::Serialize;
use tokio::sync::broadcast;

/// One record of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LogRecord {
    /// Number on this server, rising by one; with the server's id the identity of the record.
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
}

impl Logs {
    /// Follows the log from now on. A follower that is too slow is told how many records it missed.
    #[must_use]
    pub fn follow(&self) -> broadcast::Receiver<Arc<LogRecord>> {
        self.live.subscribe()
    }
}
