//! Software update policies.

use serde::{Deserialize, Serialize};

use super::BulletinFilter;
use crate::{BulletinId, PackageId, PolicyId, Timestamp, UpdateId};

/// What a policy does when an update's package is replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnRevision {
    /// Switch to the new package once it is staged, and say so.
    #[default]
    Automatic,
    /// Stay on the old one and wait for the administrator (`policy accept`).
    Ask,
}

impl OnRevision {
    /// The stable name used in API, database and command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Ask => "ask",
        }
    }
}

impl std::fmt::Display for OnRevision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no such rule.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no rule for revisions: use automatic or ask")]
pub struct BadOnRevision(String);

impl std::str::FromStr for OnRevision {
    type Err = BadOnRevision;
    fn from_str(text: &str) -> Result<Self, BadOnRevision> {
        [Self::Automatic, Self::Ask]
            .into_iter()
            .find(|r| r.as_str() == text)
            .ok_or_else(|| BadOnRevision(text.to_owned()))
    }
}

/// A policy in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PolicySummary {
    /// Its id.
    pub id: PolicyId,
    /// Its name.
    pub name: String,
    /// Whether it is on.
    pub enabled: bool,
    /// What it does when a package is replaced.
    pub on_revision: OnRevision,
    /// Its switches.
    pub updates: u64,
    /// Of those, without a package now.
    pub package_missing: u64,
    /// Of those, with new content that waits for the administrator.
    pub pending: u64,
    /// Of those, withdrawn now because their bulletin is disabled.
    pub withdrawn: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

/// A policy with its switches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PolicyDetail {
    /// The row.
    #[serde(flatten)]
    pub summary: PolicySummary,
    /// One switch per update.
    pub switches: Vec<PolicySwitch>,
}

/// Which switches of a policy, by bulletin and update key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct SwitchQuery {
    /// Words in the update's key or title or the bulletin's name, all of them, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Continue after this place: `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Rows per page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// How a switch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SwitchState {
    /// On, and its package is staged.
    Ready,
    /// On, but its package is missing or damaged; works again when it is staged.
    PackageMissing,
    /// On, but its bulletin is disabled or the vendor has withdrawn it; comes back on enable.
    Withdrawn,
    /// On, but the vendor pins the package by SHA-1 only: it is not offered until the feed's `accept-sha1` says so.
    Weak,
    /// Off.
    Off,
}

/// A policy's switch for one update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PolicySwitch {
    /// The update.
    pub update: UpdateId,
    /// The vendor's key of it.
    pub update_key: String,
    /// Its title.
    pub title: String,
    /// Its bulletin, if a catalogue lists the update.
    pub bulletin: Option<BulletinId>,
    /// The bulletin's name.
    pub bulletin_name: Option<String>,
    /// Whether the switch is on.
    pub enabled: bool,
    /// How it stands.
    pub state: SwitchState,
    /// The package that it points at.
    pub package: Option<PackageId>,
    /// The version of that package.
    pub version: Option<u64>,
    /// A new package that waits for the administrator.
    pub pending_package: Option<PackageId>,
    /// The version of the new package.
    pub pending_version: Option<u64>,
}

/// Which updates: named, or all live ones of bulletins, which are named or fit a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyUpdates {
    /// Bulletins: ids, names or `FEED/NAME`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bulletins: Vec<String>,
    /// Updates: ids, keys or `FEED/KEY`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub updates: Vec<String>,
    /// All bulletins that fit; `{}` is every bulletin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<BulletinFilter>,
    /// How many bulletins this is meant to be, as the preview of bulletins counted them: refused when it is another number by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<u64>,
}

impl PolicyUpdates {
    /// Whether nothing is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A new policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyCreate {
    /// Its name: unique, 1 to 100 characters, no control characters.
    pub name: String,
    /// What it is for.
    pub of: PolicyUpdates,
    /// Whether it starts switched on.
    #[serde(default)]
    pub enabled: bool,
    /// What it does when a package is replaced.
    #[serde(default)]
    pub on_revision: OnRevision,
}

/// A change of a policy. What is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyPatch {
    /// On or off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// What it does when a package is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_revision: Option<OnRevision>,
}

/// How many switches a request changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SwitchesChanged {
    /// Switches that are not as they were.
    pub changed: u64,
}

/// Turns switches of a policy on or off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchesSet {
    /// Which; nothing named: all.
    #[serde(default)]
    pub of: PolicyUpdates,
    /// On or off.
    pub enabled: bool,
}
