//! Accounts, their sessions, tokens and links. Secrets come in as digests and never go out.

mod change;
pub mod links;
pub mod sessions;
pub mod tokens;
pub mod views;

use jiff::Timestamp;
use patchwharf_model::{AccountId, Role};

use crate::{
    Db, DbError, Result,
    sql::{args, record},
};

pub use change::{create, remove, set_enabled, set_password, set_role, sign_out};

record!(
    /// An account.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Account {
        /// Its id.
        pub account_id: AccountId,
        /// Its name, lower case.
        pub name: String,
        /// What it may do.
        pub role: Role,
        /// Whether it may sign in.
        pub enabled: bool,
        /// Whether it has a password.
        pub has_password: bool,
        /// When it was made.
        pub created_at: Timestamp,
        /// The last sign-in.
        pub signed_in_at: Option<Timestamp>,
        /// Sessions that are on record.
        pub sessions: u64,
        /// Tokens that have not expired.
        pub tokens: u64,
    }
);

record!(
    /// What a sign-in is judged by.
    #[derive(Clone)]
    pub struct Credentials {
        /// The account.
        pub account_id: AccountId,
        /// Its name.
        pub name: String,
        /// What it may do.
        pub role: Role,
        /// Whether it may sign in.
        pub enabled: bool,
        /// Its password's hash; empty: none.
        pub password: String,
    }
);

const LIST: &str = "SELECT a.account_id, a.name, a.role, a.enabled, \
     CAST(CASE WHEN a.password = '' THEN 0 ELSE 1 END AS BIGINT) AS has_password, a.created_at, a.signed_in_at, \
     (SELECT COUNT(*) FROM session AS s WHERE s.account_id = a.account_id) AS sessions, \
     (SELECT COUNT(*) FROM api_token AS t WHERE t.account_id = a.account_id AND t.expires_at > $1) AS tokens \
     FROM account AS a ORDER BY a.name";

/// All accounts, by name.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, now: Timestamp) -> Result<Vec<Account>> {
    db.all("list accounts", LIST, args![now]).await
}

/// One account, by id or name.
///
/// # Errors
/// `NotFound`.
pub async fn show(db: &Db, account: &str, now: Timestamp) -> Result<Account> {
    let all = list(db, now).await?;
    let name = account.to_lowercase();
    let found = all.into_iter().find(|one| one.account_id.to_string() == account || one.name == name);
    found.ok_or_else(|| DbError::not_found("account", account))
}

/// Whether there is an account that can sign in as an administrator.
///
/// # Errors
/// When the database fails.
pub async fn any_administrator(db: &Db) -> Result<bool> {
    const ANY: &str = "SELECT COUNT(*) AS number FROM account WHERE role = 'administrator' AND enabled = 1 \
         AND password <> ''";
    let found = db.first::<crate::sql::Number>("look for an administrator", ANY, args![]).await?;
    Ok(found.is_some_and(|row| row.number > 0))
}

/// What a sign-in of this name is judged by.
///
/// # Errors
/// When the database fails.
pub async fn credentials(db: &Db, name: &str) -> Result<Option<Credentials>> {
    const FIND: &str = "SELECT account_id, name, role, enabled, password FROM account WHERE name = $1";
    db.first("look up an account", FIND, args![name]).await
}
