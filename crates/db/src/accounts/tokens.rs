//! Personal tokens of the API.

use jiff::Timestamp;
use patchwharf_model::{AccountId, Role, Sha256, TokenId};

use super::change;
use crate::{
    Db, Result, Write,
    sql::{args, record},
};

record!(
    /// A token with the account that it is of.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Found {
        /// The token.
        pub token_id: TokenId,
        /// Its account.
        pub account_id: AccountId,
        /// The account's name.
        pub name: String,
        /// The account's role of now.
        pub account_role: Role,
        /// What the token may do at most.
        pub role: Role,
        /// When it was last used.
        pub used_at: Option<Timestamp>,
    }
);

record!(
    /// A token as its owner sees it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Token {
        /// Its id.
        pub token_id: TokenId,
        /// What its owner calls it.
        pub name: String,
        /// What it may do at most.
        pub role: Role,
        /// When it was made.
        pub created_at: Timestamp,
        /// When it ends.
        pub expires_at: Timestamp,
        /// When it was last used.
        pub used_at: Option<Timestamp>,
    }
);

record!(
    struct Gone {
        account_id: AccountId,
        name: String,
    }
);

/// The token of a secret, if it counts.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &Db, digest: Sha256, now: Timestamp) -> Result<Option<Found>> {
    const FIND: &str = "SELECT t.token_id, t.account_id, a.name, a.role AS account_role, t.role, t.used_at \
         FROM api_token AS t JOIN account AS a ON a.account_id = t.account_id \
         WHERE t.digest = $1 AND t.expires_at > $2 AND a.enabled = 1";
    db.first("look up a token", FIND, args![digest, now]).await
}

/// Makes a token; those of the account that have expired go.
///
/// # Errors
/// When the database fails.
pub async fn create(
    w: &mut Write<'_>,
    account: AccountId,
    name: &str,
    role: Role,
    digest: Sha256,
    expires_at: Timestamp,
) -> Result<TokenId> {
    const WHAT: &str = "make a token";
    const OVER: &str = "DELETE FROM api_token WHERE account_id = $1 AND expires_at <= $2";
    const INSERT: &str = "INSERT INTO api_token (token_id, account_id, name, role, digest, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let (id, now) = (TokenId::new(), w.now());
    w.run(WHAT, OVER, args![account, now]).await?;
    w.run(WHAT, INSERT, args![id, account, name, role, digest, now, expires_at]).await?;
    let owner = change::name(w, account).await?;
    let after = format!("{owner}: {name}: {role} until {expires_at}");
    w.audit("token.create", format!("account {account}"), None, Some(after));
    Ok(id)
}

/// Takes a token back: one of an account, or whosever it is. Returns whether it was there.
///
/// # Errors
/// When the database fails.
pub async fn revoke(w: &mut Write<'_>, account: Option<AccountId>, id: TokenId) -> Result<bool> {
    const WHAT: &str = "take a token back";
    const REVOKE: &str = "DELETE FROM api_token WHERE token_id = $1 AND ($2 = '' OR account_id = $2) \
         RETURNING account_id, name";
    let of = account.map(|id| id.to_string()).unwrap_or_default();
    let Some(gone) = w.first::<Gone>(WHAT, REVOKE, args![id, of]).await? else { return Ok(false) };
    let owner = change::name(w, gone.account_id).await?;
    let before = format!("{owner}: {}: token {id}", gone.name);
    w.audit("token.revoke", format!("account {}", gone.account_id), Some(before), None);
    Ok(true)
}

/// Takes all tokens of an account back. Returns how many.
///
/// # Errors
/// When the database fails.
pub async fn revoke_all(w: &mut Write<'_>, account: AccountId) -> Result<u64> {
    const REVOKE: &str = "DELETE FROM api_token WHERE account_id = $1";
    let gone = w.run("take the tokens of an account back", REVOKE, args![account]).await?;
    if gone > 0 {
        let owner = change::name(w, account).await?;
        w.audit("token.revoke", format!("account {account}"), Some(format!("{owner}: {gone} tokens")), None);
    }
    Ok(gone)
}

/// Notes that a token was used.
///
/// # Errors
/// When the database fails.
pub async fn touch(w: &mut Write<'_>, id: TokenId) -> Result<()> {
    let now = w.now();
    w.run("note the use of a token", "UPDATE api_token SET used_at = $2 WHERE token_id = $1", args![id, now]).await?;
    Ok(())
}

/// The tokens of an account that count, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db, account: AccountId, now: Timestamp) -> Result<Vec<Token>> {
    const LIST: &str = "SELECT token_id, name, role, created_at, expires_at, used_at FROM api_token \
         WHERE account_id = $1 AND expires_at > $2 ORDER BY created_at DESC, token_id";
    db.all("list tokens", LIST, args![account, now]).await
}
