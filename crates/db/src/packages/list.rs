//! Lists of packages and their parts.

use jiff::Timestamp;
use patchwharf_model::{
    BulletinId, JobId, LocationId, PackageId, Sha256, UpdateId, package::ProofStamp, package::VersionState,
    update::VendorDigest,
};

use crate::{Db, Page, Result, sql::record};

record!(
    /// A package as lists show it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Package {
        /// Its id.
        pub package_id: PackageId,
        /// Its update.
        pub update_id: UpdateId,
        /// The vendor's key of the update.
        pub update_key: String,
        /// The update's title; empty when no catalogue has it any more.
        pub title: String,
        /// The bulletin, if the update is in the current catalogue.
        pub bulletin_id: Option<BulletinId>,
        /// Its name.
        pub bulletin: Option<String>,
        /// Whether this is the update's package (else it was replaced or is being deleted).
        pub active: bool,
        /// The version that is served.
        pub current_version: Option<u64>,
        /// The fencing token.
        pub token: i64,
        /// The job that changes it now.
        pub lock_job: Option<JobId>,
        /// Until when.
        pub lock_until: Option<Timestamp>,
        /// The version that the following columns speak of: the current one, else the newest; none: no version.
        pub version: Option<u64>,
        /// Its state.
        pub state: Option<VersionState>,
        /// Why it is bad.
        pub reason: Option<String>,
        /// Since when.
        pub since: Option<Timestamp>,
        /// Where it is.
        pub location_id: Option<LocationId>,
        /// Bytes.
        pub size_bytes: Option<u64>,
        /// Whether some file is pinned by SHA-1 only.
        pub weak: Option<bool>,
        /// The oldest verification of its files.
        pub proved_at: Option<Timestamp>,
        /// When it was made.
        pub created_at: Timestamp,
    }
);

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
}

/// Which packages. Empty: all.
#[derive(Clone, Debug, Default)]
pub struct PackageFilter {
    /// One of these states (of the version that the list shows).
    pub states: Vec<VersionState>,
    /// Of this bulletin.
    pub bulletin: Option<BulletinId>,
    /// Of this update.
    pub update: Option<UpdateId>,
    /// At this location.
    pub location: Option<LocationId>,
    /// Active or not.
    pub active: Option<bool>,
    /// Part of the update's key, the title or the bulletin's name, in any case.
    pub text: Option<String>,
    /// Pinned by SHA-1 only.
    pub weak: Option<bool>,
}

/// Columns that packages can be sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PackageSort {
    /// When it was made.
    #[default]
    Created,
    /// State's time.
    Since,
    /// Bytes.
    Size,
    /// Oldest proof.
    Proved,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct PackageQuery {
    /// Which.
    pub filter: PackageFilter,
    /// By what.
    pub sort: PackageSort,
    /// From the greatest down.
    pub descending: bool,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// Rows per page, 1 to 1000.
    pub limit: u32,
    /// Whether to count all matches.
    pub with_total: bool,
}

/// A page of packages.
///
/// # Errors
/// `Refused` for a cursor that is none of ours.
pub async fn list(db: &Db, query: &PackageQuery) -> Result<Page<Package>> {
    let _ = (db, query);
    todo!()
}

/// One package.
///
/// # Errors
/// `NotFound`.
pub async fn show(db: &Db, id: PackageId) -> Result<Package> {
    let _ = (db, id);
    todo!()
}

/// Packages for what people type: a package id, or an update's key or id (its active package). Same order as given.
///
/// # Errors
/// `NotFound`; `Ambiguous`.
pub async fn resolve(db: &Db, names: &[String]) -> Result<Vec<PackageId>> {
    let _ = (db, names);
    todo!()
}

/// All versions of these packages, by package and number.
///
/// # Errors
/// When the database fails.
pub async fn versions(db: &Db, packages: &[PackageId]) -> Result<Vec<Version>> {
    let _ = (db, packages);
    todo!()
}

/// All versions of all packages (also replaced ones) of these updates.
///
/// # Errors
/// When the database fails.
pub async fn versions_of(db: &Db, updates: &[UpdateId]) -> Result<Vec<Version>> {
    let _ = (db, updates);
    todo!()
}

/// The files of these versions with their proofs, by package, version and name.
///
/// # Errors
/// When the database fails.
pub async fn files(db: &Db, versions: &[(PackageId, u64)]) -> Result<Vec<File>> {
    let _ = (db, versions);
    todo!()
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
    let _ = (db, location, after, limit);
    todo!()
}
