//! What changes an account.

use patchwharf_model::{AccountId, Role};

use super::sessions;
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
    }
);

async fn one(w: &mut Write<'_>, what: &'static str, id: AccountId) -> Result<Plain> {
    const ONE: &str = "SELECT name, role, enabled FROM account WHERE account_id = $1";
    w.first(what, ONE, args![id]).await?.ok_or_else(|| DbError::not_found("account", id))
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
    sessions::end_all(w, id, None).await?;
    let (before, after) = (before.role.to_string(), role.to_string());
    w.audit("account.role", format!("account {id}"), Some(before), Some(after));
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
        sessions::end_all(w, id, None).await?;
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

/// Sets a password, as its hash. All sessions end but `keep`; browsers that were known are strangers again.
///
/// # Errors
/// `NotFound`.
pub async fn set_password(
    w: &mut Write<'_>,
    id: AccountId,
    hash: &str,
    keep: Option<patchwharf_model::SessionId>,
) -> Result<()> {
    const WHAT: &str = "set a password";
    one(w, WHAT, id).await?;
    w.run(WHAT, "UPDATE account SET password = $2 WHERE account_id = $1", args![id, hash]).await?;
    w.run(WHAT, "DELETE FROM sign_in_link WHERE account_id = $1", args![id]).await?;
    w.run(WHAT, "DELETE FROM known_device WHERE account_id = $1", args![id]).await?;
    sessions::end_all(w, id, keep).await?;
    w.audit("account.password", format!("account {id}"), None, None);
    Ok(())
}

/// Somebody must be able to let others in: what would leave nobody is refused, and its transaction dropped.
async fn must_leave_an_administrator(w: &mut Write<'_>, what: &'static str, before: &Plain) -> Result<()> {
    const LEFT: &str = "SELECT COUNT(*) AS number FROM account WHERE role = 'administrator' AND enabled = 1";
    if before.role != Role::Administrator || !before.enabled {
        return Ok(());
    }
    match w.first::<Number>(what, LEFT, args![]).await? {
        Some(left) if left.number > 0 => Ok(()),
        _ => Err(DbError::Refused(format!(
            "{} is the last administrator; make another one first, who can let others in",
            before.name
        ))),
    }
}
