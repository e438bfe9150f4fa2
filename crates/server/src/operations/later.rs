//! Endings of jobs that cannot go on now and look again in a moment.

use std::time::Duration;

use patchwharf_model::{JobId, PackageId, Timestamp};

use super::Ending;
use crate::jobs::JobContext;

/// After this a job that waits looks again.
const SOON: Duration = Duration::from_secs(5);

/// The job waits for something, and looks again in a few seconds.
pub(crate) fn soon(ctx: &JobContext, waiting_for: impl Into<String>) -> Ending {
    let not_before = ctx.now().checked_add(SOON).unwrap_or(Timestamp::MAX);
    Ending::Later { not_before, waiting_for: waiting_for.into() }
}

/// The job waits for room on a disk.
pub(crate) fn for_space(ctx: &JobContext, what: impl std::fmt::Display) -> Ending {
    soon(ctx, format!("waiting for space: {what}"))
}

/// The job waits for packages that others hold, if there are any.
pub(crate) fn for_packages(ctx: &JobContext, busy: &[(PackageId, JobId)]) -> Option<Ending> {
    let ((package, job), others) = (busy.first()?, busy.len() - 1);
    Some(match others {
        0 => soon(ctx, format!("package {package}, which job {job} holds")),
        n => soon(ctx, format!("package {package}, which job {job} holds, and {n} more")),
    })
}
