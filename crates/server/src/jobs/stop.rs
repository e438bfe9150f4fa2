//! The wish that a job ends early: cancel, pause, shutdown, lost lease.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Why a job is to end early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// An administrator cancelled it.
    Cancelled,
    /// An administrator paused it; it will be resumed.
    Paused,
    /// The server stops; the job goes back to the queue.
    Shutdown,
    /// Another server holds the job now; nothing may be written any more.
    LeaseLost,
}

/// Asks a job to end early, and tells it why. Clones share one state; the first reason stays.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    token: CancellationToken,
    reason: OnceLock<StopReason>,
}

impl Stop {
    /// Nothing to stop yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the job to end.
    pub fn ask(&self, reason: StopReason) {
        if self.0.reason.set(reason).is_ok() {
            self.0.token.cancel();
        }
    }

    /// Why the job is to end; none: go on. Cheap enough for inner loops, also on blocking threads.
    #[must_use]
    pub fn reason(&self) -> Option<StopReason> {
        self.0.reason.get().copied()
    }

    /// `Err` when the job is to end: for `?` between steps.
    ///
    /// # Errors
    /// The reason.
    pub fn check(&self) -> Result<(), StopReason> {
        self.reason().map_or(Ok(()), Err)
    }

    /// Waits until the job is asked to end.
    pub async fn asked(&self) -> StopReason {
        self.0.token.cancelled().await;
        self.reason().unwrap_or(StopReason::Shutdown)
    }
}
