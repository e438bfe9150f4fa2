//! What a running operation is given.

use std::sync::{Arc, Mutex, PoisonError};

use patchwharf_model::{JobId, Timestamp, job::ReportItem};

use super::{ProgressHandle, Stop};
use crate::app::App;

/// What a running operation is given: the server, its job, and where to say how it goes.
#[derive(Clone)]
pub struct JobContext {
    /// The server.
    pub app: Arc<App>,
    /// The job.
    pub job: JobId,
    /// Who asked for it.
    pub actor: String,
    /// How many times it was begun, this one included.
    pub attempt: u32,
    /// Where to say how far it is.
    pub progress: ProgressHandle,
    /// Whether to end early. Checked between steps; a file on its way is given up and resumed later.
    pub stop: Stop,
    pub(super) items: Arc<Mutex<Vec<ReportItem>>>,
}

impl JobContext {
    /// Says how one thing ended. Written in batches, and before the job ends; a thing named again replaces what was
    /// said of it before.
    pub fn report_item(&self, item: ReportItem) {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).push(item);
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.app.clock.now()
    }
}
