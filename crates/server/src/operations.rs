//! The operations: one module each, each a job, each idempotent and resumable.

pub mod reconcile;

use std::{error::Error, fmt};

use patchwharf_model::{
    Timestamp,
    job::{JobRequest, Report},
};

use crate::jobs::{JobContext, StopReason};

/// How an operation ended.
#[derive(Debug)]
pub enum Ending {
    /// It came to its end. A report with a failed item makes the job `failed`.
    Done(Report),
    /// It cannot go on now (no space, package held by another job, vendor down): again not before then.
    Later {
        /// The earliest time of the next attempt.
        not_before: Timestamp,
        /// What it waits for, for people.
        waiting_for: String,
    },
    /// It was asked to stop and did.
    Stopped(StopReason),
}

/// Why an operation could not come to an end. The engine logs it with its sources and fails the job, or runs it again
/// when `transient`.
#[derive(Debug)]
pub struct OperationError {
    /// Stable code: `database`, `store`, `not-found` ...
    pub code: &'static str,
    /// What was attempted on what, why it failed, what to do next.
    pub text: String,
    /// Whether the same attempt can succeed later without anyone's doing (database busy, server away).
    pub transient: bool,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl OperationError {
    /// An error with its code and text.
    #[must_use]
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), transient: false, source: None }
    }

    /// Adds what caused it.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Marks it as passing: the engine tries again after a while.
    #[must_use]
    pub fn transient(mut self) -> Self {
        self.transient = true;
        self
    }
}

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for OperationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|s| &**s as &(dyn Error + 'static))
    }
}

/// Runs what a job asks for.
///
/// # Errors
/// The operation could not come to an end; things that failed one by one are items of the report instead.
pub async fn run(request: JobRequest, ctx: &JobContext) -> Result<Ending, OperationError> {
    let _ = ctx;
    Err(OperationError::new("not-built", format!("jobs of kind {} cannot be run yet", request.kind())))
}
