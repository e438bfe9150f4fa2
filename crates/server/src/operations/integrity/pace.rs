//! How fast and how long a check may read: bytes per second that all its threads share, and the wish to stop.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use patchwharf_store::Meter;
use tokio::time::Instant;

use crate::{
    bandwidth::Bandwidth,
    jobs::{ProgressHandle, Stop},
};

/// A thread that waits for its turn looks so often whether it should stop.
const LOOK: Duration = Duration::from_millis(50);

/// What the threads of a check ask before they read.
#[derive(Debug)]
pub(super) struct Pace {
    bandwidth: Bandwidth,
    stop: Stop,
    halted: AtomicBool,
    progress: ProgressHandle,
}

impl Pace {
    /// At most so many bytes per second; none: as fast as they come.
    pub(super) fn new(bytes_per_second: Option<u64>, stop: Stop, progress: ProgressHandle) -> Self {
        let bandwidth = Bandwidth::new(bytes_per_second.unwrap_or(0));
        Self { bandwidth, stop, halted: AtomicBool::new(false), progress }
    }

    /// Lets nothing pass any more.
    pub(super) fn halt(&self) {
        self.halted.store(true, Ordering::Release);
    }

    /// Whether nothing passes any more.
    pub(super) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Acquire) || self.stop.reason().is_some()
    }
}

impl Meter for Pace {
    fn pass(&self, bytes: u64) -> bool {
        let now = Instant::now();
        let due = self.bandwidth.paid(bytes, now);
        let mut left = due.saturating_duration_since(now);
        while !left.is_zero() && !self.is_halted() {
            std::thread::sleep(left.min(LOOK));
            left = due.saturating_duration_since(Instant::now());
        }
        if self.is_halted() {
            return false;
        }
        self.progress.bytes(bytes);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_the_rate_can_be_stopped() {
        let stop = Stop::new();
        let pace = Pace::new(Some(1), stop.clone(), ProgressHandle::default());
        assert!(Pace::new(None, stop.clone(), ProgressHandle::default()).pass(u64::MAX >> 1));
        std::thread::scope(|scope| {
            // A megabyte at a byte per second: without the wish to stop this would take eleven days.
            let waiting = scope.spawn(|| pace.pass(1 << 20));
            stop.ask(crate::jobs::StopReason::Paused);
            assert!(matches!(waiting.join(), Ok(false)));
        });
    }
}
