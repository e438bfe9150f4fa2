//! What changes an account.

use patchwharf_model::{AccountId, Role};

use super::{sessions, tokens};
use crate::{
    DbError, Result, Write,
    error::refuse_constraint,
    sql::{Number, args, record},
};

record!(
    struct Plain {
        name: String,
        role: Role,
        enabled: bool,
        has_password: bool,
    }
);

impl Plain {
    /// Whether it can let others in.
    fn administers(&self) -> bool {
        self.role == Role::Administrator && self.enabled && self.has_password
    }
}

async fn one(w: &mut Write<'_>, what: &'static str, id: AccountId) -> Result<Plain> {
    const ONE: &str = "SELECT name, role, enabled, CAST(CASE WHEN password = '' THEN 0 ELSE 1 END AS BIGINT) AS \
         has_password FROM account WHERE account_id = $1";
    w.first(what, ONE, args![id]).await?.ok_or_else(|| DbError::not_found("account", id))
}

/// The name of an account, for the audit trail: an id alone tells nobody who it was.
pub(super) async fn name(w: &mut Write<'_>, id: AccountId) -> Result<String> {
    Ok(one(w, "look up an account", id).await?.name)
}

/// Makes an account without a password: its link sets one.
///
/// # Errors
/// `Refused` when the name is in use.
pub async fn create(w: &mut Write<'_>, name: &str, role: Role) -> Result<AccountId> {
    const INSERT: &str = "INSERT INTO account (account_id, name, role, enabled, created_at) VALUES ($1, $2, $3, 1, $4)";
    let (id, now) = (AccountId::new(), w.now());
    let done = w.run("make an account", INSERT, args![id, name, role, now]).await;
    refuse_constraint(done, || format!("the name {name:?} is used by another account"))?;
    w.audit("account.create", format!("account {id}"), None, Some(format!("{name}: {role}")));
    Ok(id)
}

/// Changes what an account may do; its sessions end, so that the next one begins with the new role.
///
/// # Errors
/// `NotFound`; `Refused` for the last administrator.
pub async fn set_role(w: &mut Write<'_>, id: AccountId, role: Role) -> Result<()> {
    const WHAT: &str = "change the role of an account";
    let before = one(w, WHAT, id).await?;
    if before.role == role {
        return Ok(());
    }
    w.run(WHAT, "UPDATE account SET role = $2 WHERE account_id = $1", args![id, role]).await?;
    must_leave_an_administrator(w, WHAT, &before).await?;
    sessions::end_all(w, id).await?;
    let Plain { name, role: was, .. } = before;
    w.audit("account.role", format!("account {id}"), Some(format!("{name}: {was}")), Some(format!("{name}: {role}")));
    Ok(())
}

/// Lets an account sign in, or not any more; then its sessions end.
///
/// # Errors
/// `NotFound`; `Refused` for the last administrator.
pub async fn set_enabled(w: &mut Write<'_>, id: AccountId, enabled: bool) -> Result<()> {
    const WHAT: &str = "enable or disable an account";
    let before = one(w, WHAT, id).await?;
    if before.enabled == enabled {
        return Ok(());
    }
    w.run(WHAT, "UPDATE account SET enabled = $2 WHERE account_id = $1", args![id, enabled]).await?;
    must_leave_an_administrator(w, WHAT, &before).await?;
    if !enabled {
        sessions::end_all(w, id).await?;
    }
    let action = if enabled { "account.enable" } else { "account.disable" };
    w.audit(action, format!("account {id}"), None, Some(before.name));
    Ok(())
}

/// Removes an account with its sessions, tokens and links. What it did stays on the audit trail.
///
/// # Errors
/// `NotFound`; `Refused` for the last administrator.
pub async fn remove(w: &mut Write<'_>, id: AccountId) -> Result<()> {
    const WHAT: &str = "remove an account";
    let before = one(w, WHAT, id).await?;
    for table in [
        "DELETE FROM session WHERE account_id = $1",
        "DELETE FROM api_token WHERE account_id = $1",
        "DELETE FROM sign_in_link WHERE account_id = $1",
        "DELETE FROM known_device WHERE account_id = $1",
        "DELETE FROM account WHERE account_id = $1",
    ] {
        w.run(WHAT, table, args![id]).await?;
    }
    must_leave_an_administrator(w, WHAT, &before).await?;
    w.audit("account.remove", format!("account {id}"), Some(format!("{}: {}", before.name, before.role)), None);
    Ok(())
}

/// Sets a password, as its hash. All sessions end, for nobody knows which of them somebody else has; browsers that were known
/// are strangers again.
///
/// # Errors
/// `NotFound`.
pub async fn set_password(w: &mut Write<'_>, id: AccountId, hash: &str) -> Result<()> {
    const WHAT: &str = "set a password";
    let account = one(w, WHAT, id).await?;
    w.run(WHAT, "UPDATE account SET password = $2 WHERE account_id = $1", args![id, hash]).await?;
    w.run(WHAT, "DELETE FROM sign_in_link WHERE account_id = $1", args![id]).await?;
    w.run(WHAT, "DELETE FROM known_device WHERE account_id = $1", args![id]).await?;
    if account.role == Role::Administrator && account.enabled {
        // Somebody can let others in from now on: the link of a first start is over.
        w.run(WHAT, "DELETE FROM sign_in_link WHERE account_id IS NULL", args![]).await?;
    }
    sessions::end_all(w, id).await?;
    w.audit("account.password", format!("account {id}"), None, Some(account.name));
    Ok(())
}

/// Takes everything that lets an account in but its password: sessions, tokens, links, browsers that it was known by.
/// Returns how many sessions and tokens there were.
///
/// # Errors
/// `NotFound`.
pub async fn sign_out(w: &mut Write<'_>, id: AccountId) -> Result<(u64, u64)> {
    const WHAT: &str = "sign an account out";
    let account = one(w, WHAT, id).await?;
    w.run(WHAT, "DELETE FROM sign_in_link WHERE account_id = $1", args![id]).await?;
    w.run(WHAT, "DELETE FROM known_device WHERE account_id = $1", args![id]).await?;
    let sessions = sessions::end_all(w, id).await?;
    let tokens = tokens::revoke_all(w, id).await?;
    w.audit("account.sign-out", format!("account {id}"), None, Some(account.name));
    Ok((sessions, tokens))
}

/// Somebody must be able to let others in: what would leave nobody is refused, and its transaction dropped.
async fn must_leave_an_administrator(w: &mut Write<'_>, what: &'static str, before: &Plain) -> Result<()> {
    const LEFT: &str = "SELECT COUNT(*) AS number FROM account WHERE role = 'administrator' AND enabled = 1 \
         AND password <> ''";
    if !before.administers() {
        return Ok(());
    }
    match w.first::<Number>(what, LEFT, args![]).await? {
        Some(left) if left.number > 0 => Ok(()),
        _ => Err(DbError::Refused(format!(
            "{} is the last administrator who can sign in; make another one first, and let them set their password",
            before.name
        ))),
    }
}
