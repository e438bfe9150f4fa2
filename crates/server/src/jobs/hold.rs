//! Holding all jobs: while something that they need is away, none runs.

use std::sync::PoisonError;

use super::{Jobs, StopReason};

impl Jobs {
    /// Claims no job while there is a reason not to; running ones go back to the queue and say what they wait for.
    pub fn hold(&self, reason: Option<String>) {
        let holds = reason.is_some();
        *self.0.held.lock().unwrap_or_else(PoisonError::into_inner) = reason;
        if holds {
            for stop in self.running().values() {
                stop.ask(StopReason::Shutdown);
            }
        } else {
            self.wake();
        }
    }

    /// Why no job runs now.
    #[must_use]
    pub fn held(&self) -> Option<String> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
