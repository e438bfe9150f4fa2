//! Originals that are about to be removed: off the record before a byte goes, and only where the package is still the
//! caller's.

use std::collections::HashSet;

use jiff::Timestamp;
use patchwharf_model::{JobId, LocationId, PackageId};

use super::Held;
use crate::{
    Result, Write,
    sql::{IntoValue, record, rows},
};

record!(
    struct Raised {
        package_id: PackageId,
    }
);
record!(
    struct Elsewhere {
        package_id: PackageId,
        version: u64,
    }
);
record!(
    /// The record of an original that is being removed, to be put back when it cannot be.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct TakenOriginal {
        /// The package.
        pub package_id: PackageId,
        /// The version.
        pub version: u64,
        /// Whether it has no bytes of its own.
        pub same_data: bool,
        /// Since when it lay there.
        pub moved_at: Timestamp,
        /// By which job.
        pub job_id: JobId,
    }
);

/// What may be removed now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// Versions of which the copy at the location may be unlinked: their packages are still the caller's, and they are
    /// served from elsewhere.
    pub free: HashSet<(PackageId, u64)>,
    /// The records that were taken away for it.
    pub taken: Vec<TakenOriginal>,
}

/// Takes originals at a location off the record, as the last step before they are unlinked: only where the token is the
/// one that was read and the job still has the lock. From then on nobody goes back to such a copy. The token is raised,
/// and the lock is held until `until`.
///
/// # Errors
/// When the database fails; then nothing was changed.
pub async fn take_originals(
    w: &mut Write<'_>,
    job: JobId,
    until: Timestamp,
    location: LocationId,
    held: &[Held],
) -> Result<Removal> {
    const WHAT: &str = "take originals off the record";
    const RAISE: &str = "UPDATE package SET token = token + 1, lock_until = $3 FROM (SELECT DISTINCT \
         CAST(value ->> 0 AS TEXT) AS id, CAST(value ->> 1 AS BIGINT) AS held FROM json_each($2)) AS j \
         WHERE package.package_id = j.id AND package.token = j.held AND package.lock_job || '' = $1 RETURNING package_id";
    const ELSEWHERE: &str = "SELECT v.package_id, v.version FROM json_each($1) AS j CROSS JOIN package_version AS v \
         WHERE v.package_id = CAST(j.value ->> 0 AS TEXT) AND v.version = CAST(j.value ->> 1 AS BIGINT) \
         AND v.location_id <> $2";
    const TAKE: &str = "DELETE FROM original WHERE location_id = $2 AND (package_id, version) IN \
         (SELECT CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT) FROM json_each($1)) \
         RETURNING package_id, version, same_data, moved_at, job_id";
    if held.is_empty() {
        return Ok(Removal::default());
    }
    let tokens = rows(WHAT, held.iter().map(|h| (h.package_id, h.token)))?;
    let raised: Vec<Raised> = w.all(WHAT, RAISE, vec![job.into_value(), tokens, until.into_value()]).await?;
    let raised: HashSet<PackageId> = raised.into_iter().map(|row| row.package_id).collect();
    let ours = held.iter().filter(|h| raised.contains(&h.package_id));
    let batch = rows(WHAT, ours.map(|h| (h.package_id, h.version)))?;
    let elsewhere: Vec<Elsewhere> = w.all(WHAT, ELSEWHERE, vec![batch, location.into_value()]).await?;
    let free: HashSet<(PackageId, u64)> = elsewhere.into_iter().map(|row| (row.package_id, row.version)).collect();
    let batch = rows(WHAT, &free)?;
    let taken: Vec<TakenOriginal> = w.all(WHAT, TAKE, vec![batch, location.into_value()]).await?;
    for one in &taken {
        let before = Some(format!("version {} at location {location}", one.version));
        w.audit("original.remove", format!("package {}", one.package_id), before, None);
    }
    Ok(Removal { free, taken })
}

/// Puts originals that could not be removed on the record again, where their versions are served from elsewhere still.
///
/// # Errors
/// When the database fails.
pub async fn put_back_originals(w: &mut Write<'_>, location: LocationId, originals: &[TakenOriginal]) -> Result<()> {
    const WHAT: &str = "put originals on the record again";
    const PUT: &str = "INSERT INTO original (package_id, version, location_id, same_data, moved_at, job_id) \
         SELECT v.package_id, v.version, $2, CAST(j.value ->> 2 AS BIGINT), CAST(j.value ->> 3 AS BIGINT), \
         CAST(j.value ->> 4 AS TEXT) FROM json_each($1) AS j CROSS JOIN package_version AS v \
         WHERE v.package_id = CAST(j.value ->> 0 AS TEXT) AND v.version = CAST(j.value ->> 1 AS BIGINT) \
         AND v.location_id <> $2 ON CONFLICT (package_id, version, location_id) DO NOTHING";
    if originals.is_empty() {
        return Ok(());
    }
    let line =
        |o: &TakenOriginal| (o.package_id, o.version, i64::from(o.same_data), o.moved_at.as_microsecond(), o.job_id);
    w.run(WHAT, PUT, vec![rows(WHAT, originals.iter().map(line))?, location.into_value()]).await?;
    for one in originals {
        let after = Some(format!("version {} at location {location}", one.version));
        w.audit("original.keep", format!("package {}", one.package_id), None, after);
    }
    Ok(())
}
