//! Software bulletins and their updates.

mod filter;
mod update;

use serde::{Deserialize, Serialize};

pub use filter::{BulletinFilter, BulletinQuery, BulletinSort, BulletinState};
pub use update::{UpdateDetailView, UpdateReference, UpdateSummary};

use super::PolicyReference;
use crate::{BulletinId, FeedId, PackageId, Severity, Timestamp, package::VersionState};

/// A row of the Patch Remediation Center.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BulletinSummary {
    /// Its id.
    pub id: BulletinId,
    /// The vendor's name for it: MS24-018, DSA-5380-1, sp65001.
    pub name: String,
    /// The feed that lists it.
    pub feed: FeedId,
    /// That feed's name.
    pub feed_name: String,
    /// Title.
    pub title: String,
    /// Vendor.
    pub vendor: String,
    /// The vendor's severity.
    pub severity: Severity,
    /// The administrator's own severity.
    pub custom_severity: Option<String>,
    /// Whether its updates may be offered to computers.
    pub enabled: bool,
    /// Whether every update in scope has a staged package.
    pub downloaded: bool,
    /// Updates in scope: not superseded, not withdrawn.
    pub updates: u64,
    /// Of those, with a staged package.
    pub packages: u64,
    /// Of those, with a corrupt or missing one.
    pub bad_packages: u64,
    /// Policies with a switch for one of its updates.
    pub policies: u64,
    /// The oldest proof among its staged files.
    pub oldest_proof_at: Option<Timestamp>,
    /// First released.
    pub released_at: Option<Timestamp>,
    /// Last revised.
    pub revised_at: Timestamp,
    /// Name of the bulletin that takes its place.
    pub superseded_by: Option<String>,
    /// Withdrawn by the vendor.
    pub withdrawn: bool,
    /// Whether the current catalogue lists it.
    pub listed: bool,
    /// The beginning of its description; text, never markup.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub excerpt: String,
    /// Of its packages that are not as they should be, the gravest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<BulletinTrouble>,
}

/// A package of a bulletin that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BulletinTrouble {
    /// The package.
    pub package: PackageId,
    /// Its state.
    pub state: VersionState,
    /// Why: file, expected and found digest, or the error.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Nobody vouches for its digests yet: it is not served.
    #[serde(default)]
    pub unproved: bool,
}

/// A bulletin with all that is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BulletinDetail {
    /// The row.
    #[serde(flatten)]
    pub summary: BulletinSummary,
    /// Description; text, never markup.
    pub description: String,
    /// CVE names.
    pub cves: Vec<String>,
    /// Knowledge-base articles.
    pub kbs: Vec<String>,
    /// Its updates, superseded and withdrawn ones included.
    pub software_updates: Vec<UpdateSummary>,
}

/// Which bulletins an action is for: names or ids, or everything that fits a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BulletinChoice {
    /// Ids, names, or `FEED/NAME` where a name exists in several feeds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bulletins: Vec<String>,
    /// Everything that fits; `{}` is everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<BulletinFilter>,
    /// How many bulletins this is meant to be, as the preview counted them: refused when it is another number by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<u64>,
}

/// What an action on bulletins would touch; nothing is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BulletinPreview {
    /// How many bulletins; an action that says this number as `confirm` is done to so many or not at all.
    pub bulletins: u64,
    /// The names of the first twenty.
    pub names: Vec<String>,
    /// The policies that refer to their updates.
    pub policies: Vec<PolicyReference>,
    /// Their updates, without superseded and withdrawn ones.
    pub updates: u64,
    /// Bytes of the files of those updates.
    pub size_bytes: u64,
    /// Of those updates, the ones without a package.
    pub missing: u64,
    /// Bytes of the files of the updates without a package: what staging fetches at most.
    pub missing_bytes: u64,
}

/// Sets the custom severity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulletinSeverity {
    /// Of which bulletins.
    pub of: BulletinChoice,
    /// The severity: 1 to 50 characters; `null` takes it away.
    pub severity: Option<String>,
}

/// Starts a refresh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulletinRefresh {
    /// Of which bulletins.
    pub of: BulletinChoice,
    /// Complete: a new package with everything fetched anew. Otherwise quick: only what is bad is fetched.
    #[serde(default)]
    pub complete: bool,
}

/// What an action changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BulletinChange {
    /// Bulletins that the choice named.
    pub chosen: u64,
    /// Of those, how many are not as they were.
    pub changed: u64,
    /// Policies that the change concerns.
    pub policies: u64,
}
