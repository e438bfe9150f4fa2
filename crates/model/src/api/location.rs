//! Package locations: root folders under which package folders lie.

use serde::{Deserialize, Serialize};

use super::PackageChoice;
use crate::{LocationId, Timestamp, job::AdoptionWay};

/// A root folder under which package folders lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Location {
    /// Its id, also in its `location.json`.
    pub id: LocationId,
    /// Its path on the server.
    pub path: String,
    /// Whether new packages go here.
    pub is_default: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// Whether the server has it open. Packages at one that is not open cannot be had; nothing there is touched.
    pub open: bool,
    /// Whether its file system is read-only.
    pub read_only: bool,
    /// Why it is not open.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Free bytes on its file system; none when it cannot be read.
    pub free_bytes: Option<u64>,
    /// Size of its file system in bytes.
    pub total_bytes: Option<u64>,
    /// Packages that lie here: of each the version that is served, and those that policies point at.
    pub packages: u64,
    /// Bytes of those versions.
    pub size_bytes: u64,
    /// Originals that lie here: copies that moves have left behind, until they are pruned.
    pub originals: u64,
    /// Bytes of the originals.
    pub original_bytes: u64,
}

/// A location to add: made in a folder that is empty or not there yet, or opened where one of this deployment lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LocationCreate {
    /// An absolute path on the server.
    pub path: String,
}

/// How a location is to be forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LocationRemove {
    /// Its folder is gone for good, and with it the originals there. Packages that are recorded there are missing from then
    /// on, at the default location, and can be fetched anew.
    pub lost: bool,
    /// How many packages that gives up; wanted when there are any.
    pub confirm: Option<u64>,
}

/// A relocation to be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RelocationStart {
    /// From here only; none: from every other location.
    #[serde(default)]
    pub from: Option<LocationId>,
    /// Where to; none: the default location.
    #[serde(default)]
    pub to: Option<LocationId>,
    /// Which packages; none: all.
    #[serde(default)]
    pub of: Option<PackageChoice>,
    /// Do not copy: give the bytes a second name by hard link or shared blocks. That is no second copy.
    #[serde(default)]
    pub link: bool,
    /// Fetch anew, at the new place, what is missing or damaged at the old one.
    #[serde(default)]
    pub restage: bool,
    /// Only look whether it can be done, and say how long it would take.
    #[serde(default)]
    pub dry_run: bool,
}

/// A way back to be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoStart {
    /// Where the originals lie.
    pub to: LocationId,
    /// Which packages; none: all.
    #[serde(default)]
    pub of: Option<PackageChoice>,
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// A folder whose files are to be taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdoptionStart {
    /// The folder, an absolute path on the server. Nothing in it is changed.
    pub path: String,
    /// Public keys of other deployments, 64 hexadecimal digits each: what their signed manifests say of a file counts.
    #[serde(default)]
    pub trust: Vec<String>,
    /// How the bytes come.
    #[serde(default)]
    pub way: AdoptionWay,
    /// Do not hash files that no update can need by their length: they are listed without digests.
    #[serde(default)]
    pub no_foreign_digests: bool,
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// Originals to be removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PruneStart {
    /// Which packages' originals; none: all.
    #[serde(default)]
    pub of: Option<PackageChoice>,
    /// Prove everything, remove nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// How many originals it is; wanted for many, see `confirmation-needed`.
    #[serde(default)]
    pub confirm: Option<u64>,
}

/// What removing originals would take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PrunePreview {
    /// The location.
    pub location: LocationId,
    /// Its path.
    pub path: String,
    /// Originals there that may go.
    pub originals: u64,
    /// Their bytes.
    pub size_bytes: u64,
    /// Of those bytes, the ones that are the same data on disk as what is served: they free nothing.
    pub same_data_bytes: u64,
    /// Originals that are younger than `originals.keep-for`.
    pub young: u64,
    /// Packages that are still served from there; they stay.
    pub packages: u64,
    /// The number that a request must say.
    pub confirm: Option<u64>,
}

/// A copy of a version that a relocation has left behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OriginalCopy {
    /// Where it lies.
    pub location: LocationId,
    /// Its folder on the server.
    pub path: String,
    /// Whether it is the same data on disk as another copy: then it is no second copy.
    pub same_data: bool,
    /// Since when.
    pub moved_at: Timestamp,
}

/// What lies at other locations than the default one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Elsewhere {
    /// Packages.
    pub packages: u64,
    /// Their bytes.
    pub size_bytes: u64,
}
