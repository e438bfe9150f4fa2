//! Which bulletins, in which order.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    FeedId, Severity, Timestamp,
    api::{List, Order},
};

/// What a bulletin must be like. Everything given must hold; of a list, one value is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BulletinFilter {
    /// This text in name, title or description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The vendor's severity.
    #[serde(skip_serializing_if = "List::is_empty")]
    #[schema(value_type = Option<String>, example = "critical,important")]
    pub severity: List<Severity>,
    /// The administrator's own severity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_severity: Option<String>,
    /// The vendor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// In all of these states.
    #[serde(skip_serializing_if = "List::is_empty")]
    #[schema(value_type = Option<String>, example = "enabled,not-downloaded")]
    pub state: List<BulletinState>,
    /// Released at or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released_from: Option<Timestamp>,
    /// Released before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released_before: Option<Timestamp>,
    /// Revised at or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revised_from: Option<Timestamp>,
    /// Revised before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revised_before: Option<Timestamp>,
    /// With this CVE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cve: Option<String>,
    /// With this knowledge-base article, with or without `KB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kb: Option<String>,
    /// Of this feed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed: Option<FeedId>,
}

/// A property of a bulletin to filter by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BulletinState {
    /// Enabled.
    Enabled,
    /// Disabled by an administrator.
    Disabled,
    /// Every update in scope has a staged package.
    Downloaded,
    /// At least one update in scope has none.
    NotDownloaded,
    /// With a corrupt or missing package.
    Damaged,
    /// Listed, not superseded, not withdrawn.
    Current,
    /// Superseded.
    Superseded,
    /// Withdrawn by the vendor.
    Withdrawn,
    /// No longer in the catalogue.
    Unlisted,
}

impl BulletinState {
    /// All values.
    pub const ALL: [Self; 9] = [
        Self::Enabled,
        Self::Disabled,
        Self::Downloaded,
        Self::NotDownloaded,
        Self::Damaged,
        Self::Current,
        Self::Superseded,
        Self::Withdrawn,
        Self::Unlisted,
    ];

    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Downloaded => "downloaded",
            Self::NotDownloaded => "not-downloaded",
            Self::Damaged => "damaged",
            Self::Current => "current",
            Self::Superseded => "superseded",
            Self::Withdrawn => "withdrawn",
            Self::Unlisted => "unlisted",
        }
    }
}

impl fmt::Display for BulletinState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no state of a bulletin.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is not a state of a bulletin: use enabled, disabled, downloaded, not-downloaded, damaged, current, \
     superseded, withdrawn or unlisted"
)]
pub struct BadBulletinState(String);

impl FromStr for BulletinState {
    type Err = BadBulletinState;
    fn from_str(text: &str) -> Result<Self, BadBulletinState> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| BadBulletinState(text.to_owned()))
    }
}

/// What a list of bulletins is sorted by; the id breaks ties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BulletinSort {
    /// Name.
    #[default]
    Name,
    /// The vendor's severity.
    Severity,
    /// The administrator's own severity, by its letters; none comes first.
    CustomSeverity,
    /// How much of it is on disk: damaged, nothing, a part, all.
    Downloaded,
    /// Release date.
    Released,
    /// Date of the last revision.
    Revised,
    /// Count of updates.
    Updates,
    /// Count of staged packages.
    Packages,
    /// Count of damaged packages.
    BadPackages,
    /// Count of policies.
    Policies,
    /// Oldest proof among its files.
    OldestProof,
}

/// A filter, an order and a page, as query parameters: spelt out, because flattening would let unknown ones through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct BulletinQuery {
    /// This text in name, title or description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The vendor's severity: one of these.
    #[serde(skip_serializing_if = "List::is_empty")]
    #[param(value_type = Option<String>, example = "critical,important")]
    pub severity: List<Severity>,
    /// The administrator's own severity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_severity: Option<String>,
    /// The vendor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// In all of these states: enabled, disabled, downloaded, not-downloaded, damaged, current, superseded, withdrawn, unlisted.
    #[serde(skip_serializing_if = "List::is_empty")]
    #[param(value_type = Option<String>, example = "enabled,not-downloaded")]
    pub state: List<BulletinState>,
    /// Released at or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released_from: Option<Timestamp>,
    /// Released before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released_before: Option<Timestamp>,
    /// Revised at or after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revised_from: Option<Timestamp>,
    /// Revised before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revised_before: Option<Timestamp>,
    /// With this CVE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cve: Option<String>,
    /// With this knowledge-base article, with or without `KB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kb: Option<String>,
    /// Of this feed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed: Option<FeedId>,
    /// What to sort by.
    #[param(inline)]
    pub sort: BulletinSort,
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

impl BulletinQuery {
    /// The filter alone.
    #[must_use]
    pub fn filter(&self) -> BulletinFilter {
        let query = self.clone();
        BulletinFilter {
            text: query.text,
            severity: query.severity,
            custom_severity: query.custom_severity,
            vendor: query.vendor,
            state: query.state,
            released_from: query.released_from,
            released_before: query.released_before,
            revised_from: query.revised_from,
            revised_before: query.revised_before,
            cve: query.cve,
            kb: query.kb,
            feed: query.feed,
        }
    }
}
