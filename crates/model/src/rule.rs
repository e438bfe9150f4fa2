//! Applicability rules and their three-valued evaluation.

use serde::{Deserialize, Serialize};

/// True, false, or not to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The rule holds.
    True,
    /// The rule does not hold.
    False,
    /// It cannot be said: a fact is missing or the rule is of a kind that we do not know.
    Unknown,
}

/// One applicability rule (WSUS schema `BaseApplicabilityRules.xsd`, `LogicalApplicabilityRules.xsd`, `MsiApplicabilityRules.xsd`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "rule", rename_all = "kebab-case")]
pub enum Rule {
    /// Always true.
    True,
    /// Always false.
    False,
}
