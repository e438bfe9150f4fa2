//! How many downloads run at once: in all, and per host.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The two limits.
#[derive(Debug)]
pub(super) struct Permits {
    all: Arc<Semaphore>,
    per_host: usize,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// The right to one download; ends when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    _host: Option<OwnedSemaphorePermit>,
    _all: Option<OwnedSemaphorePermit>,
}

impl Permits {
    pub(super) fn new(parallel: usize, per_host: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(parallel)), per_host, hosts: Mutex::default() }
    }

    /// Waits for the host first, so that a slow host never fills the places of the others while it queues.
    pub(super) async fn acquire(&self, host: &str) -> Permit {
        let semaphore = {
            let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            hosts.retain(|_, s| Arc::strong_count(s) > 1 || s.available_permits() < self.per_host);
            let new = || Arc::new(Semaphore::new(self.per_host));
            Arc::clone(hosts.entry(host.to_owned()).or_insert_with(new))
        };
        // The semaphores are never closed: the only error that `acquire_owned` has.
        let host = semaphore.acquire_owned().await.ok();
        let all = Arc::clone(&self.all).acquire_owned().await.ok();
        Permit { _host: host, _all: all }
    }
}
