//! What is set and counts in running work, without asking the database each time. Taken up at the start, with each change, and
//! by the clock, for another server of the same database may have changed it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::{downloads, keep};
use crate::{app::App, operations::OperationError};

/// What counts now.
#[derive(Debug)]
pub struct Live {
    grace_millis: AtomicU64,
}

impl Live {
    /// What the configuration file says.
    #[must_use]
    pub fn new(grace: Duration) -> Self {
        Self { grace_millis: AtomicU64::new(millis(grace)) }
    }

    /// How long the files of a replaced version stay.
    pub(crate) fn grace(&self) -> Duration {
        Duration::from_millis(self.grace_millis.load(Ordering::Relaxed))
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Takes up what is set.
///
/// # Errors
/// The database failed, or there can be no client for the proxy that is set.
pub(crate) async fn take_up(app: &App) -> Result<(), OperationError> {
    app.live.grace_millis.store(millis(keep::GRACE.now(app).await?), Ordering::Relaxed);
    downloads::take_up(app).await
}
