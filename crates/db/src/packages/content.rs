//! What serving and linking need to know of files.

use camino::Utf8PathBuf;
use jiff::Timestamp;
use patchwharf_model::{LocationId, PackageId, Sha256, UpdateId, package::ProofStamp, package::VersionState};

use crate::{Db, Result};

/// A file as the server that serves it sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its location.
    pub location_id: LocationId,
    /// That location's folder; the file is `<path>/<package>/<version>/<name>`.
    pub location_path: Utf8PathBuf,
    /// Its update.
    pub update_id: UpdateId,
    /// Length.
    pub size_bytes: u64,
    /// Identity of its content; none: never downloaded.
    pub sha256: Option<Sha256>,
    /// The file's state.
    pub state: VersionState,
    /// Why it is bad.
    pub reason: String,
    /// The version's state.
    pub version_state: VersionState,
    /// The package's fencing token now (to report damage with).
    pub token: i64,
    /// The version that is current.
    pub current_version: Option<u64>,
    /// Whether the package is its update's package.
    pub active: bool,
    /// The proof, if its inode has one.
    pub proof: Option<(ProofStamp, Timestamp)>,
}

/// The version that took another's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Successor {
    /// The update's active package.
    pub package_id: PackageId,
    /// Its current version.
    pub version: u64,
    /// The file of the same name there, if it has one.
    pub sha256: Option<Sha256>,
}

/// A file on disk with the bytes that somebody needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkCandidate {
    /// Identity of its content.
    pub sha256: Sha256,
    /// The package.
    pub package_id: PackageId,
    /// The version.
    pub version: u64,
    /// The file.
    pub name: String,
    /// Length.
    pub size_bytes: u64,
    /// Its proof.
    pub stamp: ProofStamp,
    /// When it was proved.
    pub verified_at: Timestamp,
}

/// A file by its URL, in one query. None: there is no such file now (see [`successor`]).
///
/// # Errors
/// When the database fails.
pub async fn content(db: &Db, package: PackageId, version: u64, name: &str) -> Result<Option<Content>> {
    let _ = (db, package, version, name);
    todo!()
}

/// Where the content of a package is had now: its update's active package. None: nowhere.
///
/// # Errors
/// When the database fails.
pub async fn successor(db: &Db, package: PackageId, name: &str) -> Result<Option<Successor>> {
    let _ = (db, package, name);
    todo!()
}

/// Files at a location, staged and proved, with one of these contents: to link instead of downloading. At most one
/// for each digest.
///
/// # Errors
/// When the database fails.
pub async fn link_candidates(db: &Db, location: LocationId, digests: &[Sha256]) -> Result<Vec<LinkCandidate>> {
    let _ = (db, location, digests);
    todo!()
}
