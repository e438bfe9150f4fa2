//! Links that set a password, each once.

use jiff::Timestamp;
use patchwharf_model::{AccountId, Sha256};

use super::change;
use crate::{
    Db, Result, Write,
    sql::{args, record},
};

record!(
    /// What a link is for.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Link {
        /// The account whose password it sets; none: it makes the first administrator.
        pub account_id: Option<AccountId>,
        /// That account's name.
        pub name: Option<String>,
        /// When it ends.
        pub expires_at: Timestamp,
    }
);

record!(
    struct Used {
        account_id: Option<AccountId>,
    }
);

/// Makes a link the only one of its account, or the only one for the first administrator.
///
/// # Errors
/// When the database fails.
pub async fn make(w: &mut Write<'_>, account: Option<AccountId>, digest: Sha256, expires_at: Timestamp) -> Result<()> {
    const WHAT: &str = "make a link that sets a password";
    const OTHERS: &str = "DELETE FROM sign_in_link WHERE COALESCE(account_id, '') = $1 OR expires_at <= $2";
    const MAKE: &str = "INSERT INTO sign_in_link (digest, account_id, expires_at) VALUES ($1, $2, $3)";
    let now = w.now();
    let of = account.map(|id| id.to_string()).unwrap_or_default();
    w.run(WHAT, OTHERS, args![&of, now]).await?;
    w.run(WHAT, MAKE, args![digest, account, expires_at]).await?;
    let (object, name) = match account {
        None => ("the first administrator".to_owned(), None),
        Some(id) => (format!("account {id}"), Some(change::name(w, id).await?)),
    };
    w.audit("link.create", object, None, name);
    Ok(())
}

/// What a link is for, if it still works. That of a first start works only until somebody can let others in.
///
/// # Errors
/// When the database fails.
pub async fn look(db: &Db, digest: Sha256, now: Timestamp) -> Result<Option<Link>> {
    const LOOK: &str = "SELECT l.account_id, a.name, l.expires_at FROM sign_in_link AS l \
         LEFT JOIN account AS a ON a.account_id = l.account_id WHERE l.digest = $1 AND l.expires_at > $2 \
         AND (l.account_id IS NOT NULL OR NOT EXISTS (SELECT 1 FROM account AS b WHERE b.role = 'administrator' \
         AND b.enabled = 1 AND b.password <> ''))";
    db.first("look at a link", LOOK, args![digest, now]).await
}

/// Uses a link up. None: it does not work (any more), also because an administrator was faster than the link of a first
/// start. Inside: the account, if it is one's.
///
/// # Errors
/// When the database fails.
pub async fn take(w: &mut Write<'_>, digest: Sha256) -> Result<Option<Option<AccountId>>> {
    const TAKE: &str = "DELETE FROM sign_in_link WHERE digest = $1 AND expires_at > $2 \
         AND (account_id IS NOT NULL OR NOT EXISTS (SELECT 1 FROM account AS b WHERE b.role = 'administrator' \
         AND b.enabled = 1 AND b.password <> '')) RETURNING account_id";
    let now = w.now();
    let used: Option<Used> = w.first("use a link", TAKE, args![digest, now]).await?;
    Ok(used.map(|link| link.account_id))
}
