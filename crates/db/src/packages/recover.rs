//! What resuming and reconciling need: files still wanted, retries that are due, versions that a restored database lost.

use std::collections::HashMap;

use jiff::Timestamp;
use patchwharf_model::{JobId, LocationId, PackageId, Sha256, UpdateId, package::VersionState, update::VendorDigest};

use super::{LockOutcome, Replaces, StagedFile, StagedVersion, commit_staged, lock, unlock};
use crate::{
    Db, Result, Write, derived,
    sql::{IntoValue, args, record, rows},
};

record!(
    struct Wanted {
        vendor_digest: VendorDigest,
    }
);
record!(
    struct Place {
        package_id: PackageId,
        active: bool,
    }
);

record!(
    /// A version that is to be tried again.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Retry {
        /// Its update.
        pub update_id: UpdateId,
        /// Whether it is current, and damaged; else it was never whole.
        pub is_current: bool,
    }
);

/// A version on disk that the database does not know.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// Its package.
    pub package_id: PackageId,
    /// Its number.
    pub version: u64,
    /// Its update.
    pub update_id: UpdateId,
    /// Where its folder is.
    pub location_id: LocationId,
    /// Whether some file is pinned by SHA-1 only.
    pub weak: bool,
    /// Of the update revision that it was made from; none: not the current one.
    pub files_digest: Option<Sha256>,
    /// Its files with their proofs.
    pub files: Vec<StagedFile>,
    /// What the vendor pins and where it publishes each of `files`, one for one.
    pub vendor: Vec<(VendorDigest, Option<String>)>,
}

/// Why a file of an unfinished version is not there.
#[derive(Clone, Debug)]
pub struct FileLack {
    /// The package.
    pub package_id: PackageId,
    /// The version.
    pub version: u64,
    /// The file.
    pub name: String,
    /// `Wanted`, `Unreachable`, `VendorChanged`.
    pub state: VersionState,
    /// Why, and what to do.
    pub reason: String,
}

/// Says of files of unfinished versions why they are not there. Files of other versions are not touched.
///
/// # Errors
/// When the database fails.
pub async fn put_lacks(w: &mut Write<'_>, lacks: &[FileLack]) -> Result<()> {
    const WHAT: &str = "write why files are not there";
    const PUT: &str = "UPDATE package_file SET state = j.new_state, reason = j.why \
         FROM (SELECT CAST(value ->> 0 AS TEXT) AS id, CAST(value ->> 1 AS BIGINT) AS number, \
         CAST(value ->> 2 AS TEXT) AS called, CAST(value ->> 3 AS TEXT) AS new_state, CAST(value ->> 4 AS TEXT) AS why \
         FROM json_each($1)) AS j WHERE package_file.package_id = j.id AND package_file.version = j.number \
         AND package_file.name = j.called AND EXISTS (SELECT 1 FROM package_version AS v WHERE v.package_id = j.id \
         AND v.version = j.number AND v.state IN ('wanted', 'staging', 'unreachable', 'vendor-changed'))";
    let lines = lacks.iter().map(|l| (l.package_id, l.version, &l.name, l.state.as_str(), &l.reason));
    w.run(WHAT, PUT, vec![rows(WHAT, lines)?]).await?;
    Ok(())
}

/// The contents that unfinished versions wait for: their files on the way are kept.
///
/// # Errors
/// When the database fails.
pub async fn wanted_contents(db: &Db) -> Result<Vec<VendorDigest>> {
    const WANTED: &str = "SELECT DISTINCT f.vendor_digest FROM package_version AS v JOIN package_file AS f \
         ON f.package_id = v.package_id AND f.version = v.version \
         WHERE v.state IN ('wanted', 'staging', 'unreachable', 'vendor-changed')";
    let wanted: Vec<Wanted> = db.all("find the files that versions wait for", WANTED, args![]).await?;
    Ok(wanted.into_iter().map(|row| row.vendor_digest).collect())
}

/// Versions whose time to be tried again has come, and that no job works on.
///
/// # Errors
/// When the database fails.
pub async fn due_for_retry(db: &Db, now: Timestamp, limit: u32) -> Result<Vec<Retry>> {
    const DUE: &str = "SELECT p.update_id, MAX(CASE WHEN p.current_version = v.version THEN 1 ELSE 0 END) AS is_current \
         FROM package_version AS v JOIN package AS p ON p.package_id = v.package_id AND p.active = 1 \
         WHERE v.state IN ('unreachable', 'corrupt', 'missing') AND v.next_try_at <= $1 \
         AND (p.lock_job IS NULL OR p.lock_until < $1) GROUP BY p.update_id ORDER BY p.update_id LIMIT $2";
    db.all("find what is to be tried again", DUE, args![now, limit]).await
}

/// Takes a version back that the database has lost: its package is made where it is not there, and becomes its update's
/// package in place of an older one. False: a job works on its update, nothing was changed; do not commit.
///
/// # Errors
/// When the database fails.
pub async fn adopt(w: &mut Write<'_>, job: Option<JobId>, retire_after: Timestamp, version: &Adopted) -> Result<bool> {
    const WHAT: &str = "take back a version that the database has lost";
    const PLACES: &str = "SELECT package_id, active FROM package WHERE update_id = $1";
    const MAKE: &str = "INSERT INTO package (package_id, update_id, active, next_version, token, since, size_bytes, \
         proved_at, created_at) VALUES ($1, $2, 0, 1, 1, $3, 0, 0, $3)";
    const NUMBER: &str = "UPDATE package SET next_version = $2 WHERE package_id = $1 AND next_version < $2";
    const VERSION: &str = "INSERT INTO package_version (package_id, version, location_id, state, since, job_id, weak, \
         size_bytes, files_digest) VALUES ($1, $2, $3, 'staging', $4, $5, $6, $7, $8)";
    const FILES: &str = "INSERT INTO package_file (state, package_id, version, name, size_bytes, sha256, vendor_digest, \
         url) SELECT 'wanted', $1, $2, CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT), \
         CAST(value ->> 2 AS TEXT), CAST(value ->> 3 AS TEXT), CAST(value ->> 4 AS TEXT) FROM json_each($3)";
    let (now, id) = (w.now(), version.package_id);
    let job = job.unwrap_or_else(JobId::new);
    let places: Vec<Place> = w.all(WHAT, PLACES, args![version.update_id]).await?;
    let old = places.iter().find(|place| place.active && place.package_id != id).map(|place| place.package_id);
    if places.iter().all(|place| place.package_id != id) {
        w.run(WHAT, MAKE, args![id, version.update_id, now]).await?;
    }
    w.run(WHAT, NUMBER, args![id, version.version + 1]).await?;
    let ids: Vec<PackageId> = [Some(id), old].into_iter().flatten().collect();
    let mut tokens = HashMap::new();
    for (package, outcome) in lock(w, &ids, job, now).await? {
        let LockOutcome::Held { token } = outcome else { return Ok(false) };
        tokens.insert(package, token);
    }
    let size_bytes: u64 = version.files.iter().map(|file| file.size_bytes).sum();
    // Not what the catalogue names now: the next staging brings the revision.
    let digest = version.files_digest.unwrap_or(Sha256([0; 32]));
    let number = version.version;
    w.run(WHAT, VERSION, args![id, number, version.location_id, now, job, version.weak, size_bytes, digest]).await?;
    let files = version.files.iter().zip(&version.vendor).map(|(file, (vendor, url))| {
        let vendor = serde_json::to_string(vendor).unwrap_or_default();
        (&file.name, file.size_bytes, file.sha256, vendor, url)
    });
    w.run(WHAT, FILES, vec![id.into_value(), number.into_value(), rows(WHAT, files)?]).await?;
    let token = |package: &PackageId| tokens.get(package).copied().unwrap_or_default();
    let staged = StagedVersion {
        package_id: id,
        version: number,
        token: token(&id),
        weak: version.weak,
        files: version.files.clone(),
        replaces: old.map(|old| Replaces { package_id: old, token: token(&old) }),
    };
    let committed = commit_staged(w, job, retire_after, &[staged]).await?;
    unlock(w, job, None).await?;
    derived::packages(w, ids).await?;
    w.audit("package.adopt", format!("package {id}"), None, Some(format!("version {number}")));
    Ok(committed.lost.is_empty())
}
