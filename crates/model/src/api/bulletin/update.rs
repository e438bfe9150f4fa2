//! Software updates as clients see them.

use serde::{Deserialize, Serialize};

use crate::{
    BulletinId, PackageId, Severity, Timestamp, UpdateId,
    package::VersionState,
    update::{PayloadFile, UpdateDetail, UpdateType},
};

/// An update in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UpdateSummary {
    /// Its id.
    pub id: UpdateId,
    /// The vendor's key.
    pub key: String,
    /// Its bulletin.
    pub bulletin: BulletinId,
    /// That bulletin's name.
    pub bulletin_name: String,
    /// Title.
    pub title: String,
    /// Classification.
    pub classification: String,
    /// Architecture; empty: any or unknown.
    pub architecture: String,
    /// The version that it brings.
    pub version: String,
    /// The vendor's severity.
    pub severity: Severity,
    /// What it is.
    pub update_type: UpdateType,
    /// Last revised.
    pub revised_at: Timestamp,
    /// Bytes of its files.
    pub size_bytes: u64,
    /// Number of its files.
    pub files: u64,
    /// Its package here, if it has one.
    pub package: Option<PackageId>,
    /// That package's state.
    pub package_state: Option<VersionState>,
    /// Nobody vouches for the digests of that package yet: it is not served.
    #[serde(default)]
    pub unproved: bool,
    /// What is staged is of an older revision than the catalogue's: staging the bulletin brings the new one.
    #[serde(default)]
    pub outdated: bool,
    /// A file has no URL: it must be fetched by hand and given to `package supply`.
    pub needs_file: bool,
    /// Key of the update that takes its place.
    pub superseded_by: Option<String>,
    /// Withdrawn by the vendor.
    pub withdrawn: bool,
    /// Whether the current catalogue lists it.
    pub listed: bool,
}

/// An update with all that the catalogue says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UpdateDetailView {
    /// The row.
    #[serde(flatten)]
    pub summary: UpdateSummary,
    /// Vendor.
    pub vendor: String,
    /// Product names.
    pub products: Vec<String>,
    /// Description; text, never markup.
    pub description: String,
    /// CVE names.
    pub cves: Vec<String>,
    /// Knowledge-base articles.
    pub kbs: Vec<String>,
    /// Where to read more; data from the vendor.
    pub urls: Vec<String>,
    /// Files that the feed's rules choose.
    pub payload: Vec<PayloadFile>,
    /// Keys of updates that it supersedes.
    pub supersedes: Vec<String>,
    /// Of those and of the one that supersedes it, the updates that the feed has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<UpdateReference>,
    /// Rules, prerequisites and install handlers.
    pub detail: UpdateDetail,
}

/// An update that another one names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UpdateReference {
    /// Its id.
    pub id: UpdateId,
    /// The vendor's key.
    pub key: String,
    /// The name of its bulletin.
    pub bulletin_name: String,
}
