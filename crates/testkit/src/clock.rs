//! A clock that a test moves by hand.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

/// A fixed time that moves only when told. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Mutex<Timestamp>>);

impl Clock {
    /// A clock that stands at an RFC 3339 time, for example `2026-11-22T12:00:00Z`.
    #[must_use]
    pub fn at(time: &str) -> Self {
        Self(Arc::new(Mutex::new(time.parse().expect("an RFC 3339 time"))))
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    /// Moves it; a negative duration moves it back.
    pub fn advance(&self, by: SignedDuration) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(by).expect("a time within range");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_moves_only_when_told() {
        let clock = Clock::at("2026-11-22T12:00:00Z");
        let other = clock.clone();
        clock.advance(SignedDuration::from_hours(-24));
        assert_eq!(other.now().to_string(), "2026-11-21T12:00:00Z");
    }
}
