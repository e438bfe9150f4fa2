//! Accounts, sessions and personal tokens.

use serde::{Deserialize, Serialize};

use crate::{AccountId, Role, SessionId, Timestamp, TokenId};

/// Who asks, and what they may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Me {
    /// The name that stands on the audit trail.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The account; none: the holder of the data folder, by `admin.token`.
    pub account: Option<AccountId>,
    /// The session; none: a token.
    pub session: Option<SessionId>,
}

/// Signs in.
#[derive(Clone, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The account.
    pub name: String,
    /// Its password.
    pub password: String,
}

/// Sets a password by a link, and signs in.
#[derive(Clone, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetUp {
    /// What stands after `#` in the link.
    pub link: String,
    /// The first administrator's name; a link of an account that exists needs none.
    #[serde(default)]
    pub name: Option<String>,
    /// The new password: at least 12 characters.
    pub password: String,
}

/// What a link is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkLook {
    /// What stands after `#` in the link.
    pub link: String,
}

/// What a link is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LinkPurpose {
    /// The account whose password it sets; none: the first administrator, who chooses a name.
    pub name: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Changes the own password.
#[derive(Clone, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password of now.
    pub current: String,
    /// The new one: at least 12 characters.
    pub new: String,
}

/// Gives the own password once more, before a change of who may do what.
#[derive(Clone, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordConfirm {
    /// The password of now.
    pub password: String,
}

macro_rules! secret {
    ($($type:ident),+) => { $(
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($type), "(..)"))
            }
        }
    )+ };
}
secret!(SignIn, SetUp, PasswordChange, PasswordConfirm);

/// Ends the own session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct SignOutQuery {
    /// All sessions of the account.
    pub everywhere: bool,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its name, lower case.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whether it may sign in and its tokens count.
    pub enabled: bool,
    /// Whether it has a password: a new one has none until its link was used.
    pub has_password: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// The last sign-in.
    pub signed_in_at: Option<Timestamp>,
    /// Sessions that go on.
    pub sessions: u64,
    /// Tokens that count.
    pub tokens: u64,
}

/// Makes an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountCreate {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

/// Changes an account. What is left out stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccountPatch {
    /// What it may do. Its sessions end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Whether it may sign in. Off: its sessions end, its tokens do not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// What an account was signed out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SignedOut {
    /// Sessions that ended.
    pub sessions: u64,
    /// Tokens that do not count any more.
    pub tokens: u64,
}

/// A link by which a password is set, once and within 30 minutes.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Link {
    /// Path and fragment: open it at the server's address. Told this once.
    pub path: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A sign-in that goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whether it is the one that asks.
    pub own: bool,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used.
    pub seen_at: Timestamp,
    /// From which address it began.
    pub source: String,
    /// Which program, as it says itself.
    pub agent: String,
}

/// A personal token, without itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// What its owner calls it.
    pub name: String,
    /// What it may do, at most: never more than its account.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Option<Timestamp>,
}

/// Makes a personal token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenCreate {
    /// What to call it: 1 to 100 characters.
    pub name: String,
    /// What it may do; left out: what the account may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Days until it ends, 1 to 366; left out: 90.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// The account, by name or id: for the holder of the data folder, who has none. Others make their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// Whose tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct TokenQuery {
    /// The account, by name or id: for the holder of the data folder, who has none. Others see their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// A new token, told this once.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NewToken {
    /// What the server keeps of it.
    #[serde(flatten)]
    pub token: Token,
    /// The token itself.
    pub secret: String,
}
secret!(Link, NewToken);
