//! Integrity checks: how one is asked for, and how its findings are read.

use serde::{Deserialize, Serialize};

use super::{List, PackageChoice};
use crate::{
    DailyHours,
    finding::{FindingKind, Gravity, Outcome},
};

/// Starts an integrity check. Left out: everything, in full, changing nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IntegrityStart {
    /// Only these packages, or those of these bulletins; left out: the whole store, with everything that lies there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<PackageChoice>,
    /// Only this package location: its id or its path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Compare length and time stamps with the last proof instead of hashing every byte. What differs is hashed by a
    /// job of its own.
    pub light: bool,
    /// Read every file from the disk itself, not from what the kernel remembers of it.
    pub past_cache: bool,
    /// Mend what can be mended.
    pub repair: bool,
    /// With `repair`, `relocate` and `delete_unused`: only say what would be done.
    pub dry_run: bool,
    /// Bytes per second that are read at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes_per_second: Option<u64>,
    /// Only in these hours of the day, by the server's local clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_between: Option<DailyHours>,
    /// Then move packages that are not at the default location there.
    pub relocate: bool,
    /// With `relocate`: by hard link or reflink where both are on one file system.
    pub link: bool,
    /// With `relocate`: stage again what is missing or damaged at the old place.
    pub restage: bool,
    /// Then delete packages that nothing uses, by the rules that are set.
    pub delete_unused: bool,
}

/// How all findings are given at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExportFormat {
    /// A JSON array of findings.
    Json,
    /// CSV with a heading (RFC 4180); a cell that a spreadsheet would take for a formula begins with an apostrophe.
    Csv,
}

/// Which findings of a job, worst first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct FindingQuery {
    /// Of one of these kinds.
    #[serde(skip_serializing_if = "List::is_empty")]
    #[param(value_type = Option<String>, example = "file-missing,file-changed")]
    pub kind: List<FindingKind>,
    /// As bad as one of these.
    #[serde(skip_serializing_if = "List::is_empty")]
    #[param(value_type = Option<String>, example = "damage,danger")]
    pub gravity: List<Gravity>,
    /// With one of these outcomes.
    #[serde(skip_serializing_if = "List::is_empty")]
    #[param(value_type = Option<String>, example = "open,stays")]
    pub outcome: List<Outcome>,
    /// Of this package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<crate::PackageId>,
    /// This text in path, bulletin or update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// All of them at once, streamed, instead of a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub format: Option<ExportFormat>,
    /// Continue after this place: `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Rows per page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
