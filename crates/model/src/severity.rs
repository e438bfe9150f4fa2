//! How grave a vendor says a bulletin is.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Vendor severity; the order is the order of gravity.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The vendor gives none.
    #[default]
    NotRated,
    /// Low.
    Low,
    /// Moderate.
    Moderate,
    /// Important.
    Important,
    /// Critical.
    Critical,
}

impl Severity {
    /// All values, gravest last.
    pub const ALL: [Self; 5] = [Self::NotRated, Self::Low, Self::Moderate, Self::Important, Self::Critical];

    /// The stable name used in API, database and command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotRated => "not-rated",
            Self::Low => "low",
            Self::Moderate => "moderate",
            Self::Important => "important",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no severity.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a severity: use not-rated, low, moderate, important or critical")]
pub struct BadSeverity(String);

impl FromStr for Severity {
    type Err = BadSeverity;
    fn from_str(text: &str) -> Result<Self, BadSeverity> {
        Self::ALL
            .into_iter()
            .find(|s| s.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| BadSeverity(text.to_owned()))
    }
}
