//! Update packages as kept on this server.

use serde::{Deserialize, Serialize};

use super::{List, Order, OriginalCopy, PolicyReference};
use crate::{
    BulletinId, FileName, JobId, LocationId, PackageId, Sha256, Timestamp, UpdateId, package::VersionState,
    update::VendorDigest,
};

/// A package in a list. Its state is that of the version that counts: the served one, or the newest where none is served.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PackageSummary {
    /// Its GUID: also the name of its folder.
    pub id: PackageId,
    /// Its update.
    pub update: UpdateId,
    /// The vendor's key of that update.
    pub update_key: String,
    /// The update's title.
    pub title: String,
    /// The bulletin, if a catalogue lists the update.
    pub bulletin: Option<BulletinId>,
    /// The bulletin's name.
    pub bulletin_name: Option<String>,
    /// Whether it is its update's package; a package replaced by another GUID is not.
    pub active: bool,
    /// The version that is served.
    pub current_version: Option<u64>,
    /// The version that the following fields speak of: the served one, else the newest; none: it has none.
    pub version: Option<u64>,
    /// Its state.
    pub state: Option<VersionState>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Why, for the bad states.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Vendor digest SHA-1 only.
    pub weak: bool,
    /// Its rows were made again from its manifest, and nobody vouches for its digests yet: it is not served.
    #[serde(default)]
    pub unproved: bool,
    /// Where it lies.
    pub location: Option<LocationId>,
    /// Bytes of its files.
    pub size_bytes: u64,
    /// The job that changes it now.
    pub locked_by: Option<JobId>,
    /// When its files were looked at last, whether they were right or not: the oldest of them.
    pub verified_at: Option<Timestamp>,
}

/// A package with its versions and files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PackageDetail {
    /// The row.
    #[serde(flatten)]
    pub summary: PackageSummary,
    /// Policies that need it.
    pub policies: Vec<PolicyReference>,
    /// Versions, newest first.
    pub versions: Vec<PackageVersion>,
}

/// One version of a package.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PackageVersion {
    /// Its number; rises whenever the content changes.
    pub version: u64,
    /// Its state.
    pub state: VersionState,
    /// Since when.
    pub since: Timestamp,
    /// By which job.
    pub job: Option<JobId>,
    /// Why, for the bad states.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Vendor digest SHA-1 only.
    pub weak: bool,
    /// Nobody vouches for its digests yet: it is not served.
    #[serde(default)]
    pub unproved: bool,
    /// Bytes of its files.
    pub size_bytes: u64,
    /// Where it lies.
    pub location: LocationId,
    /// Its folder on the server.
    pub path: String,
    /// Copies of it that relocations have left behind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub originals: Vec<OriginalCopy>,
    /// Retired: its files go after this.
    pub retire_after: Option<Timestamp>,
    /// When what failed is tried again.
    pub next_try_at: Option<Timestamp>,
    /// How often it has been tried.
    pub attempts: u32,
    /// Its files, ordered by name.
    pub files: Vec<PackageFile>,
}

/// One file of a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PackageFile {
    /// Its name.
    pub name: FileName,
    /// The length that it must have.
    pub size_bytes: u64,
    /// The digest that it must have; none until the first download of a file pinned by SHA-1 only.
    pub sha256: Option<Sha256>,
    /// What the vendor pins.
    pub vendor_digest: VendorDigest,
    /// Its state: `wanted`, `staged`, `corrupt`, `missing`, `unreachable`, `vendor-changed`.
    pub state: VersionState,
    /// Why, for the bad states: expected and found digest, or the error.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Where it came from.
    pub url: Option<String>,
    /// When its bytes were looked at last, whether they were right or not.
    pub verified_at: Option<Timestamp>,
    /// How many other names, in any package, are the same data on disk: no second copy.
    #[serde(default)]
    pub same_data: u64,
    /// Of those, the ones of this package (`version/name`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub same_data_as: Vec<String>,
}

/// What a list of packages is sorted by; the id breaks ties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PackageSort {
    /// When it was made.
    #[default]
    Created,
    /// Since when it is in its state.
    Since,
    /// Bytes.
    Size,
    /// The oldest look at its files.
    Verified,
}

/// A filter, an order and a page, as query parameters: spelt out, because flattening would let unknown ones through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct PackageQuery {
    /// In one of these states.
    #[serde(skip_serializing_if = "List::is_empty")]
    #[param(value_type = Option<String>, example = "corrupt,missing")]
    pub state: List<VersionState>,
    /// Of this bulletin: id, name or `FEED/NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulletin: Option<String>,
    /// Of this update: id, key or `FEED/KEY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<String>,
    /// At this location (the version that the list shows): its id or path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Vendor digest SHA-1 only, or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weak: Option<bool>,
    /// Not vouched for by anybody yet, or vouched for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unproved: Option<bool>,
    /// Also packages that were replaced.
    pub replaced: bool,
    /// This text in the update's title or key, or in the bulletin's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What to sort by.
    #[param(inline)]
    pub sort: PackageSort,
    /// In which direction.
    #[param(inline)]
    pub order: Order,
    /// Continue after this place: `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Rows per page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// What the store holds. A hard link is no second copy, neither in size nor as a safeguard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StoreTotals {
    /// Packages with proved files.
    pub packages: u64,
    /// Their files, each as often as it is named.
    pub files: u64,
    /// Bytes of those files, each as often as it is named.
    pub size_bytes: u64,
    /// Bytes on disk: the same data counted once.
    pub disk_bytes: u64,
}

/// Which packages an action is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PackageChoice {
    /// Ids of packages, or keys or ids of their updates (`FEED/KEY` where a key exists in several feeds).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
    /// The packages of these bulletins: ids, names or `FEED/NAME`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bulletins: Vec<String>,
    /// Every package.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// Deletes packages, rows and folders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PackageDelete {
    /// Which.
    pub of: PackageChoice,
    /// Also those that a policy needs; its switch stays on and shows "package missing".
    #[serde(default)]
    pub although_needed: bool,
    /// For a deletion of many: how many packages it is, as the preview says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<u64>,
}

/// Stages everything that is current, enabled and not downloaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DownloadStart {
    /// Only say what would be staged.
    pub dry_run: bool,
}

/// Stages anew what vendors have revised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReviseStart {
    /// Only say what would be revised.
    pub dry_run: bool,
}

/// Compares database and disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReconcileStart {
    /// Only say what would be done.
    pub dry_run: bool,
}

/// How a file fetched by hand is given; the body is its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct SupplyQuery {
    /// The name by which the catalogue knows the file; left out: its digest decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}
