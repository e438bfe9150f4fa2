//! Versions on disk that a restored older database has lost.

use std::collections::HashMap;

use jiff::Timestamp;
use patchwharf_model::{JobId, LocationId, PackageId, Sha256, UpdateId, update::VendorDigest};

use crate::{
    Db, Result, Write, derived,
    packages::{LockOutcome, Replaces, StagedFile, StagedVersion, commit_staged, lock, unlock, unproved},
    sql::{IntoValue, args, record, rows},
};

record!(
    struct Place {
        package_id: PackageId,
        active: bool,
        served: bool,
        created_at: Timestamp,
    }
);

record!(
    /// The package that an update has now.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Served {
        /// The update.
        pub update_id: UpdateId,
        /// Its active package.
        pub package_id: PackageId,
        /// The version that is current.
        pub version: u64,
        /// Where that lies.
        pub location_id: LocationId,
        /// When the package was begun: no version of it is older.
        pub created_at: Timestamp,
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
    /// When it was staged.
    pub staged_at: Timestamp,
    /// Whether some file is pinned by SHA-1 only.
    pub weak: bool,
    /// SHA-256 over names, sizes and digests of its files.
    pub files_digest: Sha256,
    /// Its files with their proofs.
    pub files: Vec<StagedFile>,
    /// What the vendor pins and where it publishes each of `files`, one for one.
    pub vendor: Vec<(VendorDigest, Option<String>)>,
}

/// What became of taking a version back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adoption {
    /// It is current.
    Done,
    /// A job works on its update; nothing was changed, do not commit.
    Busy,
    /// Its update has this package, which is newer; nothing was changed.
    Older(PackageId),
}

/// The packages that these updates have now, those with a version only.
///
/// # Errors
/// When the database fails.
pub async fn served_of(db: &Db, updates: &[UpdateId]) -> Result<Vec<Served>> {
    const WHAT: &str = "find the packages that updates have";
    const OF: &str = "SELECT p.update_id, p.package_id, v.version, v.location_id, p.created_at FROM json_each($1) AS j \
         CROSS JOIN package AS p JOIN package_version AS v ON v.package_id = p.package_id \
         AND v.version = p.current_version WHERE p.update_id = CAST(j.value ->> 0 AS TEXT) AND p.active = 1";
    db.all(WHAT, OF, vec![rows(WHAT, updates.iter().map(|id| (id,)))?]).await
}

/// Takes a version back that the database has lost: its package is made where it is not there, and becomes its update's
/// package in place of an older one, never of a newer one. It is unproved unless a feed's current catalogue lists the update
/// with the same content.
///
/// # Errors
/// When the database fails.
pub async fn adopt(
    w: &mut Write<'_>,
    job: Option<JobId>,
    retire_after: Timestamp,
    version: &Adopted,
) -> Result<Adoption> {
    const WHAT: &str = "take back a version that the database has lost";
    const PLACES: &str = "SELECT package_id, active, created_at, \
         CASE WHEN current_version IS NULL THEN 0 ELSE 1 END AS served FROM package WHERE update_id = $1";
    const MAKE: &str = "INSERT INTO package (package_id, update_id, active, next_version, token, since, size_bytes, \
         proved_at, created_at) VALUES ($1, $2, 0, 1, 1, $3, 0, 0, $4)";
    const NUMBER: &str = "UPDATE package SET next_version = $2 WHERE package_id = $1 AND next_version < $2";
    const VERSION: &str = "INSERT INTO package_version (package_id, version, location_id, state, since, job_id, weak, \
         unproved, size_bytes, files_digest) VALUES ($1, $2, $3, 'staging', $4, $5, $6, 1, $7, $8)";
    const FILES: &str = "INSERT INTO package_file (state, package_id, version, name, size_bytes, sha256, vendor_digest, \
         url) SELECT 'wanted', $1, $2, CAST(value ->> 0 AS TEXT), CAST(value ->> 1 AS BIGINT), \
         CAST(value ->> 2 AS TEXT), CAST(value ->> 3 AS TEXT), CAST(value ->> 4 AS TEXT) FROM json_each($3)";
    let (now, id) = (w.now(), version.package_id);
    let job = job.unwrap_or_else(JobId::new);
    let places: Vec<Place> = w.all(WHAT, PLACES, args![version.update_id]).await?;
    let old = places.iter().find(|place| place.active && place.package_id != id);
    if let Some(newer) = old.filter(|old| old.served && old.created_at > version.staged_at) {
        return Ok(Adoption::Older(newer.package_id));
    }
    let old = old.map(|old| old.package_id);
    if places.iter().all(|place| place.package_id != id) {
        w.run(WHAT, MAKE, args![id, version.update_id, now, version.staged_at]).await?;
    }
    w.run(WHAT, NUMBER, args![id, version.version + 1]).await?;
    let ids: Vec<PackageId> = [Some(id), old].into_iter().flatten().collect();
    let mut tokens = HashMap::new();
    for (package, outcome) in lock(w, &ids, job, now).await? {
        let LockOutcome::Held { token } = outcome else { return Ok(Adoption::Busy) };
        tokens.insert(package, token);
    }
    let size_bytes: u64 = version.files.iter().map(|file| file.size_bytes).sum();
    let (number, digest) = (version.version, version.files_digest);
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
    unproved::prove_if_named(w, id, number).await?;
    unlock(w, job, None).await?;
    derived::packages(w, ids).await?;
    w.audit("package.adopt", format!("package {id}"), None, Some(format!("version {number}")));
    Ok(if committed.lost.is_empty() { Adoption::Done } else { Adoption::Busy })
}
