//! The clock: the one place where the server reads the time.

mod ages;
mod steady;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use patchwharf_model::Timestamp;

pub use ages::Ages;

/// Where "now" comes from: the machine, or a time that a test moves by hand.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<Fixed>>);

#[derive(Debug)]
struct Fixed {
    at: Mutex<Timestamp>,
    began: (Timestamp, Instant),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still at `at` until it is set.
    #[must_use]
    pub fn fixed(at: Timestamp) -> Self {
        Self(Some(Arc::new(Fixed { at: Mutex::new(at), began: (at, Instant::now()) })))
    }

    /// The time, in whole microseconds as databases keep it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let now = match &self.0 {
            Some(fixed) => *fixed.at.lock().unwrap_or_else(PoisonError::into_inner),
            None => Timestamp::now(),
        };
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// The time of a clock that nobody sets, for spans; a fixed one's goes on with it.
    #[must_use]
    pub fn instant(&self) -> Instant {
        let Some(fixed) = &self.0 else { return Instant::now() };
        let (at, instant) = fixed.began;
        let gone = Duration::try_from(self.now().duration_since(at)).unwrap_or_default();
        instant.checked_add(gone).unwrap_or(instant)
    }

    /// Whether a test moves it.
    pub(crate) fn is_fixed(&self) -> bool {
        self.0.is_some()
    }

    /// Moves a fixed clock; does nothing to the machine's.
    pub fn set(&self, at: Timestamp) {
        if let Some(fixed) = &self.0 {
            *fixed.at.lock().unwrap_or_else(PoisonError::into_inner) = at;
        }
    }
}
