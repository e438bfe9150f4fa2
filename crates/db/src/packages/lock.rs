//! Locks per package, by row: one writer at a time, across servers.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use patchwharf_model::{JobId, PackageId};

use crate::{
    Db, Result, Write,
    sql::{IntoValue, Skip, args, record, rows},
};

record!(
    struct Token {
        package_id: PackageId,
        token: i64,
    }
);
record!(
    struct Holder {
        package_id: PackageId,
        lock_job: Option<JobId>,
        lock_until: Option<Timestamp>,
    }
);

record!(
    struct Job {
        job: JobId,
    }
);

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
    const WHAT: &str = "lock packages";
    // PostgreSQL: rows are taken in id order, so that two lockers never wait for each other in a circle.
    const IN_ORDER: &str = "SELECT package_id FROM package WHERE package_id IN \
         (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1)) ORDER BY package_id FOR UPDATE";
    const LOCK: &str = "UPDATE package SET token = token + 1, lock_job = $1, lock_until = $2 \
         WHERE package_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($4)) \
         AND (lock_job IS NULL OR lock_job = $1 OR lock_until < $3) RETURNING package_id, token";
    const HOLDERS: &str = "SELECT package_id, lock_job, lock_until FROM package \
         WHERE package_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1))";
    let now = w.now();
    let ids: BTreeSet<PackageId> = packages.iter().copied().collect();
    let batch = rows(WHAT, ids.iter().map(|id| (id,)))?;
    if w.is_shared() {
        w.all::<Skip>(WHAT, IN_ORDER, vec![batch.clone()]).await?;
    }
    let values = vec![job.into_value(), until.into_value(), now.into_value(), batch];
    let taken = w.all::<Token>(WHAT, LOCK, values).await?;
    let mut outcomes: HashMap<PackageId, LockOutcome> =
        taken.into_iter().map(|row| (row.package_id, LockOutcome::Held { token: row.token })).collect();
    if outcomes.len() < ids.len() {
        let others = rows(WHAT, ids.iter().filter(|id| !outcomes.contains_key(id)).map(|id| (id,)))?;
        for row in w.all::<Holder>(WHAT, HOLDERS, vec![others]).await? {
            if let (Some(job), Some(until)) = (row.lock_job, row.lock_until) {
                outcomes.insert(row.package_id, LockOutcome::Busy { job, until });
            }
        }
    }
    Ok(packages.iter().map(|id| (*id, outcomes.get(id).cloned().unwrap_or(LockOutcome::Gone))).collect())
}

/// Moves the end of all locks of a job. Tokens stay. Returns how many it holds.
///
/// # Errors
/// When the database fails.
pub async fn renew_locks(w: &mut Write<'_>, job: JobId, until: Timestamp) -> Result<u64> {
    const RENEW: &str = "UPDATE package SET lock_until = $2 WHERE lock_job = $1";
    w.run("renew package locks", RENEW, args![job, until]).await
}

/// Frees locks of a job: these packages, or all with `None`.
///
/// # Errors
/// When the database fails.
pub async fn unlock(w: &mut Write<'_>, job: JobId, packages: Option<&[PackageId]>) -> Result<u64> {
    const WHAT: &str = "unlock packages";
    const ALL: &str = "UPDATE package SET lock_job = NULL, lock_until = NULL WHERE lock_job = $1";
    const THESE: &str = "UPDATE package SET lock_job = NULL, lock_until = NULL WHERE lock_job = $1 \
         AND package_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($2))";
    match packages {
        None => w.run(WHAT, ALL, args![job]).await,
        Some(ids) => {
            let batch = rows(WHAT, ids.iter().map(|id| (id,)))?;
            w.run(WHAT, THESE, vec![job.into_value(), batch]).await
        }
    }
}

/// The jobs that hold one of these packages now.
///
/// # Errors
/// When the database fails.
pub async fn held_by(db: &Db, packages: &[PackageId], now: Timestamp) -> Result<Vec<JobId>> {
    const WHAT: &str = "find the jobs that hold packages";
    const HELD: &str = "SELECT DISTINCT lock_job AS job FROM package WHERE lock_job IS NOT NULL AND lock_until >= $2 \
         AND package_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1)) ORDER BY lock_job";
    let mut values = vec![rows(WHAT, packages.iter().map(|id| (id,)))?];
    values.extend(args![now]);
    Ok(db.all::<Job>(WHAT, HELD, values).await?.into_iter().map(|row| row.job).collect())
}
