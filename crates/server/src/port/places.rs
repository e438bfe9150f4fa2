//! Who is connected. Where all places are taken, the connection goes that has waited longest without asking for
//! anything: whoever comes and asks at once is served, however many hold connections open.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::Limits;
use crate::{
    access::source_of,
    config::Network,
    metrics::{ConnectionLabel, Metrics},
};

/// A source at its limit is told of this often at most.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Who is free of the limit of a source.
#[derive(Clone, Debug)]
pub(crate) struct Free {
    /// What comes from this machine's loopback.
    pub(crate) loopback: bool,
    /// Trusted proxies: many come by one address.
    pub(crate) networks: Vec<Network>,
}

impl Free {
    fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.loopback && address.is_loopback() || self.networks.iter().any(|network| network.contains(address))
    }
}

/// The connections that are open.
pub(crate) struct Places {
    limits: Limits,
    free: Free,
    metrics: Metrics,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    open: usize,
    sources: HashMap<String, Source>,
    /// Connections without a request, who has waited longest first.
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
    told: Option<Instant>,
}

#[derive(Default)]
struct Source {
    open: usize,
    waiting: BTreeSet<u64>,
}

struct Waiting {
    source: String,
    leave: CancellationToken,
}

impl Held {
    fn wait(&mut self, source: &str, leave: &CancellationToken) -> u64 {
        self.next += 1;
        self.waiting.insert(self.next, Waiting { source: source.to_owned(), leave: leave.clone() });
        if let Some(of) = self.sources.get_mut(source) {
            of.waiting.insert(self.next);
        }
        self.next
    }

    fn wait_no_more(&mut self, number: u64) -> Option<Waiting> {
        let waiting = self.waiting.remove(&number)?;
        if let Some(of) = self.sources.get_mut(&waiting.source) {
            of.waiting.remove(&number);
        }
        Some(waiting)
    }

    fn count_out(&mut self, source: &str) {
        self.open -= 1;
        if let Some(of) = self.sources.get_mut(source) {
            of.open -= 1;
            if of.open == 0 {
                self.sources.remove(source);
            }
        }
    }

    /// Has the connection go that waits under this number; false: there is none.
    fn displace(&mut self, number: Option<u64>) -> bool {
        let Some(gone) = number.and_then(|number| self.wait_no_more(number)) else { return false };
        self.count_out(&gone.source);
        gone.leave.cancel();
        true
    }
}

impl Places {
    pub(crate) fn new(limits: Limits, free: Free, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self { limits, free, metrics, held: Mutex::default() })
    }

    /// A place for a connection from there; none: all are taken by connections with a request under way.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let (source, is_free) = (source_of(peer), self.free.contains(peer));
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut fits, mut displaced) = (true, 0);
        if !is_free && let Some(of) = held.sources.get(&source).filter(|of| of.open >= self.limits.of_a_source) {
            let oldest = of.waiting.first().copied();
            fits = held.displace(oldest);
            displaced += u64::from(fits);
        }
        let most = self.limits.connections - if is_free { 0 } else { self.limits.kept };
        if fits && held.open >= most {
            let oldest = held.waiting.first_key_value().map(|(number, _)| *number);
            fits = held.displace(oldest);
            displaced += u64::from(fits);
        }
        let leave = CancellationToken::new();
        let number = fits.then(|| {
            held.open += 1;
            held.sources.entry(source.clone()).or_default().open += 1;
            held.wait(&source, &leave)
        });
        let now = Instant::now();
        let tell = (!fits || displaced > 0) && held.told.is_none_or(|told| now.duration_since(told) >= TOLD_EVERY);
        if tell {
            held.told = Some(now);
        }
        let (open, of_it) = (held.open, held.sources.get(&source).map_or(0, |of| of.open));
        drop(held);
        self.metrics.connections.set(i64::try_from(open).unwrap_or(i64::MAX));
        self.count("displaced", displaced);
        self.count("refused", u64::from(!fits));
        if tell {
            tracing::warn!(
                source,
                connections = of_it,
                all = open,
                "connections are refused or closed: so many are open as there may be, of one source or in all"
            );
        }
        number.map(|number| Place { places: Arc::clone(self), source, leave, number: Mutex::new(Some(number)) })
    }

    /// One more connection ended this way.
    pub(super) fn count(&self, why: &'static str, times: u64) {
        if times > 0 {
            self.metrics.connections_ended.get_or_create(&ConnectionLabel { why: why.to_owned() }).inc_by(times);
        }
    }
}

/// One of the places; free again when dropped.
pub(super) struct Place {
    places: Arc<Places>,
    source: String,
    leave: CancellationToken,
    /// Under which it waits; none: a request is under way.
    number: Mutex<Option<u64>>,
}

impl Place {
    /// Somebody else has the place: the connection is to be closed.
    pub(super) async fn is_taken(&self) {
        self.leave.cancelled().await;
    }

    /// A request begins.
    pub(super) fn begin(&self) {
        let Some(number) = self.number().take() else { return };
        self.held(|held| _ = held.wait_no_more(number));
    }

    /// Its answer is given.
    pub(super) fn end(&self) {
        let mut number = self.number();
        self.held(|held| {
            if number.is_none() && !self.leave.is_cancelled() {
                *number = Some(held.wait(&self.source, &self.leave));
            }
        });
    }

    fn number(&self) -> std::sync::MutexGuard<'_, Option<u64>> {
        self.number.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        change(&mut self.places.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let number = self.number().take();
        let open = self.held(|held| {
            number.and_then(|number| held.wait_no_more(number));
            // Who had to go is counted out already.
            if !self.leave.is_cancelled() {
                held.count_out(&self.source);
            }
            held.open
        });
        self.places.metrics.connections.set(i64::try_from(open).unwrap_or(i64::MAX));
    }
}
