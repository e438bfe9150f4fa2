//! Locks per package, by row: one writer at a time, across servers.

use jiff::Timestamp;
use patchwharf_model::{JobId, PackageId};

use crate::{Result, Write};

/// What became of a request for a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockOutcome {
    /// Held: show this token with every change.
    Held {
        /// The fencing token, raised by the lock.
        token: i64,
    },
    /// Another job holds it: wait and say for whom.
    Busy {
        /// The holder.
        job: JobId,
        /// Until when, if it is not renewed.
        until: Timestamp,
    },
    /// There is no such package.
    Gone,
}

/// Locks packages for a job until `until`, all that are free, in id order. Same order as given. A lock that the job
/// itself holds is renewed with a new token; one that has run out is taken over.
///
/// # Errors
/// When the database fails.
pub async fn lock(
    w: &mut Write<'_>,
    packages: &[PackageId],
    job: JobId,
    until: Timestamp,
) -> Result<Vec<(PackageId, LockOutcome)>> {
    let _ = (w, packages, job, until);
    todo!()
}

/// Moves the end of all locks of a job. Tokens stay. Returns how many it holds.
///
/// # Errors
/// When the database fails.
pub async fn renew_locks(w: &mut Write<'_>, job: JobId, until: Timestamp) -> Result<u64> {
    let _ = (w, job, until);
    todo!()
}

/// Frees locks of a job: these packages, or all with `None`.
///
/// # Errors
/// When the database fails.
pub async fn unlock(w: &mut Write<'_>, job: JobId, packages: Option<&[PackageId]>) -> Result<u64> {
    let _ = (w, job, packages);
    todo!()
}
