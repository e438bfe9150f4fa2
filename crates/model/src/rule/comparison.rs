//! How a rule compares what it finds with what it names.

use std::{cmp::Ordering, str::FromStr};

use serde::{Deserialize, Serialize};

/// `bt:ScalarComparison`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Comparison {
    /// Found < named.
    LessThan,
    /// Found <= named.
    LessThanOrEqualTo,
    /// Found = named.
    #[default]
    EqualTo,
    /// Found >= named.
    GreaterThanOrEqualTo,
    /// Found > named.
    GreaterThan,
}

impl Comparison {
    /// Whether what was found stands in this relation to what the rule names.
    #[must_use]
    pub fn holds<T: Ord + ?Sized>(self, found: &T, named: &T) -> bool {
        let order = found.cmp(named);
        match self {
            Self::LessThan => order == Ordering::Less,
            Self::LessThanOrEqualTo => order != Ordering::Greater,
            Self::EqualTo => order == Ordering::Equal,
            Self::GreaterThanOrEqualTo => order != Ordering::Less,
            Self::GreaterThan => order == Ordering::Greater,
        }
    }
}

/// `bt:StringComparison`. Case is not looked at, as on Windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StringComparison {
    /// Found is what is named.
    EqualTo,
    /// Found begins with what is named.
    BeginsWith,
    /// Found has what is named in it.
    Contains,
    /// Found ends with what is named.
    EndsWith,
}

impl StringComparison {
    /// Whether what was found stands in this relation to what the rule names.
    #[must_use]
    pub fn holds(self, found: &str, named: &str) -> bool {
        let (found, named) = (found.to_lowercase(), named.to_lowercase());
        match self {
            Self::EqualTo => found == named,
            Self::BeginsWith => found.starts_with(&named),
            Self::Contains => found.contains(&named),
            Self::EndsWith => found.ends_with(&named),
        }
    }
}

/// A text that names no comparison of the schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a comparison")]
pub struct BadComparison(String);

impl FromStr for Comparison {
    type Err = BadComparison;
    fn from_str(text: &str) -> Result<Self, BadComparison> {
        Ok(match text {
            "LessThan" => Self::LessThan,
            "LessThanOrEqualTo" => Self::LessThanOrEqualTo,
            "EqualTo" => Self::EqualTo,
            "GreaterThanOrEqualTo" => Self::GreaterThanOrEqualTo,
            "GreaterThan" => Self::GreaterThan,
            _ => return Err(BadComparison(text.to_owned())),
        })
    }
}

impl FromStr for StringComparison {
    type Err = BadComparison;
    fn from_str(text: &str) -> Result<Self, BadComparison> {
        Ok(match text {
            "EqualTo" => Self::EqualTo,
            "BeginsWith" => Self::BeginsWith,
            "Contains" => Self::Contains,
            "EndsWith" => Self::EndsWith,
            _ => return Err(BadComparison(text.to_owned())),
        })
    }
}
