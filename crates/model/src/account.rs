//! Who may sign in, and what their roles allow.

use serde::{Deserialize, Serialize};

use crate::named::names;

/// What an account may do. Each role may do everything that the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Reads everything, changes nothing.
    Auditor,
    /// Stages, refreshes and distributes.
    Operator,
    /// Everything, accounts and settings too.
    Administrator,
}

names!(
    Role,
    BadRole,
    "a role: auditor, operator or administrator",
    Auditor = "auditor",
    Operator = "operator",
    Administrator = "administrator",
);

/// Characters of an account's name at most.
const LONGEST_NAME: usize = 64;
/// Characters that a password has at least.
pub const SHORTEST_PASSWORD: usize = 12;
/// Bytes that a password has at most: more is no better, and hashing it is work.
pub const LONGEST_PASSWORD: usize = 1024;

/// An account's name as it is kept: lower case, so that two accounts never differ by case alone.
///
/// # Errors
/// Says what a name is made of.
pub fn account_name(text: &str) -> Result<String, BadAccountName> {
    let name = text.trim().to_lowercase();
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    let first = name.chars().next().is_some_and(char::is_alphanumeric);
    if first && name.chars().count() <= LONGEST_NAME && name.chars().all(fits) { Ok(name) } else { Err(BadAccountName) }
}

/// A text that cannot be an account's name.
#[derive(Debug, thiserror::Error)]
#[error(
    "an account's name has 1 to 64 letters, digits, dots, hyphens, underscores or @, and begins with a letter or digit"
)]
pub struct BadAccountName;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn roles_are_ordered_by_what_they_allow() {
        assert!(Role::Administrator > Role::Operator && Role::Operator > Role::Auditor);
        assert_eq!("operator".parse::<Role>().unwrap(), Role::Operator);
        assert!("root".parse::<Role>().is_err());
    }

    #[test]
    fn names_differ_by_more_than_case() {
        assert_eq!(account_name(" Anna.Berg@example.org ").unwrap(), "anna.berg@example.org");
        for bad in ["", "  ", "-x", "a b", "a/b", "<script>", &"x".repeat(65)] {
            assert!(account_name(bad).is_err(), "{bad:?}");
        }
    }
}
