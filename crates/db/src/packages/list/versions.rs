//! Versions of packages and their files.

use jiff::Timestamp;
use patchwharf_model::{
    JobId, LocationId, PackageId, Sha256, UpdateId, package::ProofStamp, package::VersionState, update::VendorDigest,
};

use super::proof;
use crate::{
    Db, Result,
    sql::{Cells, Column, Record, args, record, rows},
};

macro_rules! versions {
    ($condition:literal) => {
        concat!(
            "SELECT v.package_id, v.version, p.update_id, p.active, ",
            "CASE WHEN p.current_version = v.version THEN 1 ELSE 0 END AS is_current, p.token, v.location_id, v.state, ",
            "v.since, v.job_id, v.reason, v.weak, v.unproved, v.size_bytes, v.files_digest, v.retire_after, v.next_try_at, ",
            "v.attempts FROM package_version AS v JOIN package AS p ON p.package_id = v.package_id",
            $condition
        )
    };
}

impl Record for File {
    fn read(row: &dyn Cells) -> Result<Self> {
        Ok(Self {
            package_id: PackageId::read(row, "package_id")?,
            version: u64::read(row, "version")?,
            name: String::read(row, "name")?,
            size_bytes: u64::read(row, "length")?,
            sha256: Option::read(row, "sha256")?,
            vendor_digest: VendorDigest::read(row, "vendor_digest")?,
            url: Option::read(row, "url")?,
            state: VersionState::read(row, "state")?,
            reason: String::read(row, "reason")?,
            proof: proof::optional(row)?,
            looked_at: Option::read(row, "looked_at")?,
        })
    }
}

record!(
    /// A version of a package.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Version {
        /// The package.
        pub package_id: PackageId,
        /// Its number.
        pub version: u64,
        /// The update.
        pub update_id: UpdateId,
        /// Whether the package is its update's package.
        pub active: bool,
        /// Whether this version is served.
        pub is_current: bool,
        /// The package's fencing token.
        pub token: i64,
        /// Where its folder is.
        pub location_id: LocationId,
        /// Its state.
        pub state: VersionState,
        /// Since when.
        pub since: Timestamp,
        /// By which job.
        pub job_id: Option<JobId>,
        /// Why it is bad.
        pub reason: String,
        /// Whether some file is pinned by SHA-1 only.
        pub weak: bool,
        /// Whether nobody vouches for its digests yet: it is not served.
        pub unproved: bool,
        /// Bytes.
        pub size_bytes: u64,
        /// Of the update revision that it was made from.
        pub files_digest: Sha256,
        /// Retired: unlinked not before this.
        pub retire_after: Option<Timestamp>,
        /// When it is tried again.
        pub next_try_at: Option<Timestamp>,
        /// How often it was tried.
        pub attempts: u32,
    }
);

/// A file of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The package.
    pub package_id: PackageId,
    /// The version.
    pub version: u64,
    /// Its name.
    pub name: String,
    /// Length.
    pub size_bytes: u64,
    /// Identity of its content; none: never downloaded.
    pub sha256: Option<Sha256>,
    /// What the vendor pins.
    pub vendor_digest: VendorDigest,
    /// Where the vendor publishes it.
    pub url: Option<String>,
    /// Its state.
    pub state: VersionState,
    /// Why it is bad.
    pub reason: String,
    /// Its proof, with when it was hashed.
    pub proof: Option<(ProofStamp, Timestamp)>,
    /// When it was found to be bad.
    pub looked_at: Option<Timestamp>,
}

/// All versions of these packages, by package and number.
///
/// # Errors
/// When the database fails.
pub async fn versions(db: &Db, packages: &[PackageId]) -> Result<Vec<Version>> {
    const WHAT: &str = "read versions of packages";
    const BY: &str = versions!(
        " WHERE v.package_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1)) ORDER BY v.package_id, v.version"
    );
    db.all(WHAT, BY, vec![rows(WHAT, packages.iter().map(|id| (id,)))?]).await
}

/// All versions of all packages (also replaced ones) of these updates.
///
/// # Errors
/// When the database fails.
pub async fn versions_of(db: &Db, updates: &[UpdateId]) -> Result<Vec<Version>> {
    const WHAT: &str = "read versions of packages";
    const BY: &str = versions!(
        " WHERE p.update_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1)) ORDER BY v.package_id, v.version"
    );
    db.all(WHAT, BY, vec![rows(WHAT, updates.iter().map(|id| (id,)))?]).await
}

/// The files of these versions with their proofs, by package, version and name.
///
/// # Errors
/// When the database fails.
pub async fn files(db: &Db, versions: &[(PackageId, u64)]) -> Result<Vec<File>> {
    const WHAT: &str = "read files of packages";
    const FILES: &str = "SELECT f.package_id, f.version, f.name, f.size_bytes AS length, f.sha256, f.vendor_digest, f.url, \
         f.state, f.reason, f.looked_at, r.verified_at, r.dev, r.inode, r.size_bytes, r.mtime_ns, r.ctime_ns \
         FROM json_each($1) AS j JOIN package_file AS f ON f.package_id = CAST(j.value ->> 0 AS TEXT) \
         AND f.version = CAST(j.value ->> 1 AS BIGINT) \
         JOIN package_version AS v ON v.package_id = f.package_id AND v.version = f.version \
         LEFT JOIN proof AS r ON r.location_id = v.location_id AND r.dev = f.dev AND r.inode = f.inode \
         ORDER BY f.package_id, f.version, f.name";
    db.all(WHAT, FILES, vec![rows(WHAT, versions)?]).await
}

/// All versions at a location in id order, `limit` at a time, after the given one: for reconcile and verify of all.
///
/// # Errors
/// When the database fails.
pub async fn by_location(
    db: &Db,
    location: LocationId,
    after: Option<(PackageId, u64)>,
    limit: u32,
) -> Result<Vec<Version>> {
    const BY: &str = versions!(
        " WHERE v.location_id = $1 AND (v.package_id, v.version) > ($2, $3) ORDER BY v.package_id, v.version LIMIT $4"
    );
    let (package, version) = match after {
        None => (String::new(), 0),
        Some((package, version)) => (package.to_string(), version),
    };
    db.all("read the versions at a location", BY, args![location, package, version, limit]).await
}

/// Versions at a location that a relocation takes along or names, in id order, `limit` at a time, after the given one:
/// what is served or what a policy points at, whether whole or not. Retired versions end where they are.
///
/// # Errors
/// When the database fails.
pub async fn to_relocate(
    db: &Db,
    from: LocationId,
    after: Option<(PackageId, u64)>,
    limit: u32,
) -> Result<Vec<Version>> {
    const BY: &str = versions!(
        " WHERE v.location_id = $1 AND (v.package_id, v.version) > ($2, $3) AND (p.current_version = v.version \
         OR EXISTS (SELECT 1 FROM policy_update AS s WHERE s.package_id = v.package_id AND s.version = v.version)) \
         AND v.state || '' IN ('staged', 'corrupt', 'missing', 'retired') ORDER BY v.package_id, v.version LIMIT $4"
    );
    let (package, version) = match after {
        None => (String::new(), 0),
        Some((package, version)) => (package.to_string(), version),
    };
    db.all("find what is to be moved from a location", BY, args![from, package, version, limit]).await
}
