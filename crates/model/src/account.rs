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

/// Names that stand on the audit trail for somebody else: the holder of the data folder, and the server itself.
const RESERVED: [&str; 10] =
    ["admin", "api", "clock", "job", "nobody", "owner", "patchwharf", "schedule", "server", "system"];

/// An account's name as it is kept: lower case, so that two accounts never differ by case alone, and in ASCII, so that
/// they never differ by letters that look alike.
///
/// # Errors
/// Says what a name is made of, or that this one is taken for good.
pub fn account_name(text: &str) -> Result<String, BadAccountName> {
    let name = text.trim().to_lowercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    let first = name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if !first || name.len() > LONGEST_NAME || !name.chars().all(fits) {
        return Err(BadAccountName::Form);
    }
    if RESERVED.contains(&name.as_str()) { Err(BadAccountName::Reserved(name)) } else { Ok(name) }
}

/// A text that cannot be an account's name.
#[derive(Debug, thiserror::Error)]
pub enum BadAccountName {
    /// It is made of something else.
    #[error(
        "an account's name has 1 to 64 letters (a to z), digits, dots, hyphens, underscores or @, and begins with a letter \
         or digit"
    )]
    Form,
    /// It stands for somebody else.
    #[error(
        "{0:?} stands on the audit trail for the server itself or for who holds its data folder; take another name"
    )]
    Reserved(String),
}

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
        for bad in ["", "  ", "-x", "a b", "a/b", "<script>", &"x".repeat(65), "\u{430}nna", "ann\u{e4}"] {
            assert!(matches!(account_name(bad), Err(BadAccountName::Form)), "{bad:?}");
        }
    }

    #[test]
    fn names_of_others_are_not_borrowed() {
        for taken in ["admin", "System", " SERVER ", "job"] {
            assert!(matches!(account_name(taken), Err(BadAccountName::Reserved(_))), "{taken:?}");
        }
        assert_eq!(account_name("admin.anna").unwrap(), "admin.anna");
    }
}
