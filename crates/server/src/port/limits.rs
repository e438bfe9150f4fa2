//! How much one connection, one source and all of them may take.

use std::time::Duration;

use rustix::process::{Resource, getrlimit};

/// Connections at once; fewer where the machine allows fewer open files.
const CONNECTIONS: usize = 8_192;
/// Of these, so many are kept for this machine and for trusted proxies: whoever administrates gets in.
const KEPT: usize = 64;
/// Connections of one source at once: an office behind one address, and a sixteenth of all.
const OF_A_SOURCE: usize = 512;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long the head of the first request may take.
const FIRST: Duration = Duration::from_secs(20);
/// How long a connection may be kept without another request: longer than proxies keep theirs, so that they close first.
const IDLE: Duration = Duration::from_secs(90);
/// How long the next piece of a request's body may take.
const BODY: Duration = Duration::from_secs(60);
/// How long a client may take nothing of what is sent to it.
const STALLED: Duration = Duration::from_secs(300);
/// Most bytes of a request's head; a URL has at most as many.
const HEAD_BYTES: usize = 64 * 1024;

/// The limits of a port.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Connections at once.
    pub(crate) connections: usize,
    /// Of these, kept for who is free of the limit of a source.
    pub(crate) kept: usize,
    /// Connections of one source at once.
    pub(crate) of_a_source: usize,
    /// How long a handshake may take.
    pub(crate) handshake: Duration,
    /// How long the head of the first request may take.
    pub(crate) first: Duration,
    /// How long a connection may be kept without another request.
    pub(crate) idle: Duration,
    /// How long the next piece of a request's body may take.
    pub(crate) body: Duration,
    /// How long a client may take nothing of what is sent to it.
    pub(crate) stalled: Duration,
    /// Most bytes of a request's head.
    pub(crate) head_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS,
            kept: KEPT,
            of_a_source: OF_A_SOURCE,
            handshake: HANDSHAKE,
            first: FIRST,
            idle: IDLE,
            body: BODY,
            stalled: STALLED,
            head_bytes: HEAD_BYTES,
        }
    }
}

impl Limits {
    /// As many connections as this process can have with half of its files: the other half is the work's.
    pub(crate) fn of_this_process() -> Self {
        let files =
            getrlimit(Resource::Nofile).current.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
        let connections = CONNECTIONS.min(files / 2);
        Self {
            connections,
            kept: KEPT.min(connections / 4),
            of_a_source: OF_A_SOURCE.min(connections / 2),
            ..Self::default()
        }
    }
}
