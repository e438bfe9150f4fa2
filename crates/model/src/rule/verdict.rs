//! The three values.

use std::ops::Not;

use serde::{Deserialize, Serialize};

/// True, false, or not to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The rule holds.
    True,
    /// The rule does not hold.
    False,
    /// It cannot be said: a fact is missing or the rule is of a kind that we do not know.
    Unknown,
}

impl Verdict {
    /// Both hold. False wins over unknown.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::True, Self::True) => Self::True,
            _ => Self::Unknown,
        }
    }

    /// At least one holds. True wins over unknown.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        !(!self).and(!other)
    }

    /// All hold; true of nothing. Stops at the first that is false.
    pub fn all(verdicts: impl IntoIterator<Item = Self>) -> Self {
        let mut result = Self::True;
        for verdict in verdicts {
            result = result.and(verdict);
            if result == Self::False {
                break;
            }
        }
        result
    }

    /// At least one holds; false of nothing. Stops at the first that is true.
    pub fn any(verdicts: impl IntoIterator<Item = Self>) -> Self {
        !Self::all(verdicts.into_iter().map(Not::not))
    }
}

impl Not for Verdict {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// A fact that is not known gives no verdict.
impl From<Option<bool>> for Verdict {
    fn from(holds: Option<bool>) -> Self {
        holds.map_or(Self::Unknown, Self::from)
    }
}
