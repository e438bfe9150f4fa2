//! A limit on bytes per second that many share: all downloads, or all threads of an integrity check.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// A token bucket that may go into debt: a chunk that has come is paid for by waiting before the next is read.
#[derive(Debug)]
pub(crate) struct Bandwidth {
    bytes_per_second: AtomicU64,
    paid_until: Mutex<Option<Instant>>,
}

/// Saved-up allowance after a pause.
const BURST: Duration = Duration::from_millis(100);

impl Bandwidth {
    /// 0 means no limit.
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: AtomicU64::new(bytes_per_second), paid_until: Mutex::new(None) }
    }

    /// Another limit, for what comes from now on; 0 means none.
    pub(crate) fn set(&self, bytes_per_second: u64) {
        self.bytes_per_second.store(bytes_per_second, Ordering::Relaxed);
    }

    fn limit(&self) -> u64 {
        self.bytes_per_second.load(Ordering::Relaxed)
    }

    /// Pays for bytes that have come.
    pub(crate) async fn pay(&self, bytes: usize) {
        if self.limit() > 0 {
            sleep_until(self.paid(bytes as u64, Instant::now())).await;
        }
    }

    /// When so many bytes more, come at `now`, are within the limit; without a limit `now`.
    pub(crate) fn paid(&self, bytes: u64, now: Instant) -> Instant {
        let limit = self.limit();
        if limit == 0 {
            return now;
        }
        let cost = Duration::from_secs_f64(bytes as f64 / limit as f64);
        let mut paid = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
        let until = paid.map_or(now, |at| at.max(now.checked_sub(BURST).unwrap_or(now))) + cost;
        *paid = Some(until);
        until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_seconds_worth_of_bytes_takes_ten_seconds() {
        let limit = Bandwidth::new(1000);
        let start = Instant::now();
        let last = (0..100).map(|_| limit.paid(100, start)).last();
        assert_eq!(last, Some(start + Duration::from_secs(10)));
    }

    #[test]
    fn another_limit_counts_for_what_comes_from_then_on() {
        let limit = Bandwidth::new(1000);
        let start = Instant::now();
        assert_eq!(limit.paid(1000, start), start + Duration::from_secs(1));
        limit.set(2000);
        assert_eq!(limit.paid(1000, start), start + Duration::from_millis(1500));
        limit.set(0);
        assert_eq!(limit.paid(1000, start), start);
    }

    #[test]
    fn a_pause_is_not_saved_up() {
        let limit = Bandwidth::new(1000);
        let start = Instant::now();
        limit.paid(1000, start);
        let later = start + Duration::from_secs(100);
        assert_eq!(limit.paid(1000, later), later + Duration::from_millis(900));
    }
}
