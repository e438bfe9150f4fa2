//! States that change in place: what verify, serve and failed downloads report.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use patchwharf_model::{JobId, LocationId, PackageId, Sha256, package::ProofStamp, package::VersionState};
use serde::Serialize;

use super::{
    Proof,
    proof::{self, Inode},
};
use crate::{
    Result, Write, derived,
    sql::{IntoValue, record, rows},
};

record!(
    struct Changed {
        package_id: PackageId,
        version: u64,
    }
);
record!(
    struct Sharer {
        package_id: PackageId,
    }
);
record!(
    struct Verdict {
        package_id: PackageId,
        version: u64,
        location_id: LocationId,
    }
);

async fn write_good(
    w: &mut Write<'_>,
    what: &'static str,
    job: Option<JobId>,
    files: Vec<impl Serialize>,
    proofs: &[(LocationId, Proof)],
) -> Result<Vec<PackageId>> {
    const GOOD: &str = "UPDATE package_file SET state = j.new_state, reason = j.why, looked_at = NULL, dev = j.device, inode = j.number, \
         sha256 = j.content FROM (SELECT CAST(value ->> 0 AS TEXT) AS id, CAST(value ->> 1 AS BIGINT) AS version, \
         CAST(value ->> 2 AS TEXT) AS name, CAST(value ->> 3 AS TEXT) AS new_state, CAST(value ->> 4 AS TEXT) AS why, \
         CAST(value ->> 5 AS BIGINT) AS device, CAST(value ->> 6 AS BIGINT) AS number, \
         CAST(value ->> 7 AS TEXT) AS content FROM json_each($1)) AS j WHERE package_file.package_id = j.id \
         AND package_file.version = j.version AND package_file.name = j.name";
    const FORMER: &str = "SELECT DISTINCT v.location_id, f.dev, f.inode FROM json_each($1) AS j \
         CROSS JOIN package_file AS f CROSS JOIN package_version AS v WHERE f.package_id = CAST(j.value ->> 0 AS TEXT) \
         AND f.version = CAST(j.value ->> 1 AS BIGINT) AND f.name = CAST(j.value ->> 2 AS TEXT) \
         AND (f.dev <> CAST(j.value ->> 5 AS BIGINT) OR f.inode <> CAST(j.value ->> 6 AS BIGINT)) \
         AND v.package_id = f.package_id AND v.version = f.version";
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let batch = rows(what, files)?;
    // A file system that is mounted under another device number gives every file another one.
    let former: Vec<Inode> = w.all(what, FORMER, vec![batch.clone()]).await?;
    w.run(what, GOOD, vec![batch]).await?;
    proof::drop_unused(w, what, &former).await?;
    proof::put(w, what, job, proofs).await
}

/// A bad file loses its proof, and keeps when it was looked at. Every other name of the same inode loses the proof, too: those
/// are to be looked at again. Returns the packages that have such a name.
async fn write_bad(
    w: &mut Write<'_>,
    what: &'static str,
    files: Vec<impl Serialize>,
    looked_at: Timestamp,
) -> Result<Vec<PackageId>> {
    const SHARERS: &str = "SELECT DISTINCT o.package_id FROM json_each($1) AS j JOIN package_file AS f \
         ON f.package_id = CAST(j.value ->> 0 AS TEXT) AND f.version = CAST(j.value ->> 1 AS BIGINT) \
         AND f.name = CAST(j.value ->> 2 AS TEXT) JOIN package_file AS o ON o.inode = f.inode AND o.dev = f.dev";
    // At every location: after a relocation by hard links one inode has names at two.
    const PROOFS: &str = "DELETE FROM proof WHERE (location_id, dev, inode) IN (SELECT l.location_id, f.dev, f.inode \
         FROM json_each($1) AS j JOIN package_file AS f ON f.package_id = CAST(j.value ->> 0 AS TEXT) \
         AND f.version = CAST(j.value ->> 1 AS BIGINT) AND f.name = CAST(j.value ->> 2 AS TEXT) \
         CROSS JOIN location AS l)";
    const BAD: &str = "UPDATE package_file SET state = j.new_state, reason = j.why, looked_at = $2, dev = NULL, inode = NULL \
         FROM (SELECT CAST(value ->> 0 AS TEXT) AS id, CAST(value ->> 1 AS BIGINT) AS version, \
         CAST(value ->> 2 AS TEXT) AS name, CAST(value ->> 3 AS TEXT) AS new_state, CAST(value ->> 4 AS TEXT) AS why \
         FROM json_each($1)) AS j WHERE package_file.package_id = j.id AND package_file.version = j.version \
         AND package_file.name = j.name";
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let batch = rows(what, files)?;
    let sharers: Vec<Sharer> = w.all(what, SHARERS, vec![batch.clone()]).await?;
    w.run(what, PROOFS, vec![batch.clone()]).await?;
    w.run(what, BAD, vec![batch, looked_at.into_value()]).await?;
    Ok(sharers.into_iter().map(|row| row.package_id).collect())
}

/// What the caller believes of a package. The change is made only where it still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The package.
    pub package_id: PackageId,
    /// The version.
    pub version: u64,
    /// The fencing token that was read with it.
    pub token: i64,
}

/// A version's new state.
#[derive(Clone, Debug)]
pub struct StateChange {
    /// Which, as the caller knows it.
    pub held: Held,
    /// The state.
    pub state: VersionState,
    /// Why; empty for good states.
    pub reason: String,
    /// When it is tried again.
    pub next_try_at: Option<Timestamp>,
}

/// The result of looking at a version's bytes.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Which, as the caller knows it.
    pub held: Held,
    /// `Staged`, `Corrupt` or `Missing`. A retired version stays retired.
    pub state: VersionState,
    /// Why; empty when staged.
    pub reason: String,
    /// Its files: those that were looked at.
    pub files: Vec<FileResult>,
}

/// The result for one file.
#[derive(Clone, Debug)]
pub struct FileResult {
    /// Its name.
    pub name: String,
    /// `Staged`, `Corrupt`, `Missing`, `Unreachable`, `VendorChanged`, `Wanted`.
    pub state: VersionState,
    /// Expected and found digest, or the error; empty when staged.
    pub reason: String,
    /// The proof when it is good.
    pub proof: Option<(ProofStamp, Sha256)>,
}

impl FileResult {
    /// It is as it must be.
    #[must_use]
    pub fn good(name: impl Into<String>, proof: (ProofStamp, Sha256)) -> Self {
        Self { name: name.into(), state: VersionState::Staged, reason: String::new(), proof: Some(proof) }
    }

    /// It is not.
    #[must_use]
    pub fn bad(name: impl Into<String>, state: VersionState, reason: impl Into<String>) -> Self {
        Self { name: name.into(), state, reason: reason.into(), proof: None }
    }
}

/// Changes states in bulk and brings derived columns up to date. Of a version that is being deleted only the reason
/// changes. The token is compared, not raised. Returns the
/// packages where it was no longer true: ask again for those.
///
/// # Errors
/// When the database fails.
pub async fn set_states(w: &mut Write<'_>, job: Option<JobId>, changes: &[StateChange]) -> Result<Vec<PackageId>> {
    const WHAT: &str = "change the states of packages";
    const SET: &str = "UPDATE package_version SET since = CASE WHEN package_version.state = j.new_state \
         THEN package_version.since ELSE $1 END, state = j.new_state, reason = j.why, next_try_at = j.again, \
         attempts = CASE WHEN j.again IS NULL THEN 0 ELSE package_version.attempts + 1 END, \
         job_id = COALESCE($2, package_version.job_id) FROM (SELECT CAST(value ->> 0 AS TEXT) AS id, \
         CAST(value ->> 1 AS BIGINT) AS number, CAST(value ->> 2 AS BIGINT) AS seen, \
         CAST(value ->> 3 AS TEXT) AS new_state, CAST(value ->> 4 AS TEXT) AS why, \
         CAST(value ->> 5 AS BIGINT) AS again FROM json_each($3)) AS j \
         WHERE package_version.package_id = j.id AND package_version.version = j.number \
         AND EXISTS (SELECT 1 FROM package AS p WHERE p.package_id = j.id AND p.token = j.seen) \
         AND (package_version.state || '' NOT IN ('retired', 'deleting') \
         OR (package_version.state || '' = 'deleting' AND j.new_state = 'deleting')) RETURNING package_id, version";
    let now = w.now();
    let lines = changes.iter().map(|c| {
        let again = c.next_try_at.map(Timestamp::as_microsecond);
        (c.held.package_id, c.held.version, c.held.token, c.state.as_str(), &c.reason, again)
    });
    let values = vec![now.into_value(), job.into_value(), rows(WHAT, lines)?];
    let done: Vec<Changed> = w.all(WHAT, SET, values).await?;
    let done: HashSet<(PackageId, u64)> = done.into_iter().map(|row| (row.package_id, row.version)).collect();
    derived::packages(w, done.iter().map(|d| d.0)).await?;
    Ok(changes
        .iter()
        .map(|c| c.held)
        .filter(|h| !done.contains(&(h.package_id, h.version)))
        .map(|h| h.package_id)
        .collect())
}

/// Writes results of verification in bulk (500 or more at a time): file states, proofs, version states, derived
/// columns. The token is compared, not raised. Returns the packages where it was no longer true.
///
/// # Errors
/// When the database fails.
pub async fn put_verified(
    w: &mut Write<'_>,
    job: Option<JobId>,
    verified_at: Timestamp,
    results: &[Verified],
) -> Result<Vec<PackageId>> {
    const WHAT: &str = "write the results of verification";
    const SET: &str = "UPDATE package_version SET since = CASE WHEN package_version.state IN ('retired', j.new_state) \
         THEN package_version.since ELSE $1 END, state = CASE WHEN package_version.state = 'retired' THEN 'retired' \
         ELSE j.new_state END, reason = j.why, job_id = COALESCE($2, package_version.job_id) \
         FROM (SELECT CAST(value ->> 0 AS TEXT) AS id, CAST(value ->> 1 AS BIGINT) AS number, \
         CAST(value ->> 2 AS BIGINT) AS seen, CAST(value ->> 3 AS TEXT) AS new_state, CAST(value ->> 4 AS TEXT) AS why \
         FROM json_each($3)) AS j WHERE package_version.package_id = j.id \
         AND package_version.version = j.number \
         AND EXISTS (SELECT 1 FROM package AS p WHERE p.package_id = j.id AND p.token = j.seen) \
         AND package_version.state || '' IN ('staged', 'corrupt', 'missing', 'retired') \
         RETURNING package_id, version, location_id";
    let now = w.now();
    let lines = results.iter().map(|r| (r.held.package_id, r.held.version, r.held.token, r.state.as_str(), &r.reason));
    let values = vec![now.into_value(), job.into_value(), rows(WHAT, lines)?];
    let done: Vec<Verdict> = w.all(WHAT, SET, values).await?;
    let done: HashMap<(PackageId, u64), LocationId> =
        done.into_iter().map(|row| ((row.package_id, row.version), row.location_id)).collect();
    let at = |r: &Verified| done.get(&(r.held.package_id, r.held.version)).copied();

    let (mut good, mut bad, mut proofs) = (Vec::new(), Vec::new(), Vec::new());
    for (result, location) in results.iter().filter_map(|r| at(r).map(|location| (r, location))) {
        for f in &result.files {
            let id = (result.held.package_id, result.held.version, &f.name, f.state.as_str(), &f.reason);
            match &f.proof {
                Some((stamp, sha256)) => {
                    good.push((
                        id.0,
                        id.1,
                        id.2,
                        id.3,
                        id.4,
                        stamp.dev.cast_signed(),
                        stamp.inode.cast_signed(),
                        sha256,
                    ));
                    proofs.push((location, Proof { stamp: *stamp, sha256: *sha256, verified_at }));
                }
                None => bad.push(id),
            }
        }
    }
    let proved = write_good(w, WHAT, job, good, &proofs).await?;
    let doubted = write_bad(w, WHAT, bad, verified_at).await?;
    derived::packages(w, done.keys().map(|d| d.0).chain(proved).chain(doubted)).await?;
    Ok(results.iter().filter(|r| at(r).is_none()).map(|r| r.held.package_id).collect())
}
