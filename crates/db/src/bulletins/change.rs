//! What an administrator sets.

use patchwharf_model::BulletinId;

use super::Id;
use crate::{
    Result, Write, derived,
    sql::{IntoValue, record, rows},
};

record!(
    struct Rated {
        bulletin_id: BulletinId,
        custom_severity: Option<String>,
    }
);

/// Enables or disables bulletins; returns those that changed. Audited for each (`bulletin.enable`, `bulletin.disable`).
///
/// # Errors
/// When the database fails.
pub async fn set_enabled(w: &mut Write<'_>, ids: &[BulletinId], enabled: bool) -> Result<Vec<BulletinId>> {
    const WHAT: &str = "enable or disable bulletins";
    const SET: &str = "UPDATE bulletin SET enabled = $1 WHERE enabled <> $1 \
         AND bulletin_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($2)) RETURNING bulletin_id AS text";
    const REPEAT: &str = "UPDATE bulletin_count SET enabled = $1 WHERE enabled <> $1 \
         AND bulletin_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($2))";
    let batch = rows(WHAT, ids.iter().map(|id| (id,)))?;
    let changed = w.all::<Id>(WHAT, SET, vec![enabled.into_value(), batch.clone()]).await?;
    w.run(WHAT, REPEAT, vec![enabled.into_value(), batch]).await?;
    let (action, before, after) =
        if enabled { ("bulletin.enable", "disabled", "enabled") } else { ("bulletin.disable", "enabled", "disabled") };
    for row in &changed {
        w.audit(action, format!("bulletin {}", row.text), Some(before.into()), Some(after.into()));
    }
    Ok(changed.into_iter().map(|row| row.text).collect())
}

/// Sets or clears the administrator's own severity; returns those that changed. Audited for each.
///
/// # Errors
/// When the database fails.
pub async fn set_custom_severity(
    w: &mut Write<'_>,
    ids: &[BulletinId],
    severity: Option<&str>,
) -> Result<Vec<BulletinId>> {
    const WHAT: &str = "set the custom severity of bulletins";
    const BEFORE: &str = "SELECT bulletin_id, custom_severity FROM bulletin \
         WHERE bulletin_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($1))";
    const SET: &str = "UPDATE bulletin SET custom_severity = $1 \
         WHERE bulletin_id IN (SELECT CAST(value ->> 0 AS TEXT) FROM json_each($2))";
    let batch = rows(WHAT, ids.iter().map(|id| (id,)))?;
    let mut changed: Vec<Rated> = w.all(WHAT, BEFORE, vec![batch]).await?;
    changed.retain(|row| row.custom_severity.as_deref() != severity);
    let batch = rows(WHAT, changed.iter().map(|row| (row.bulletin_id,)))?;
    w.run(WHAT, SET, vec![severity.into_value(), batch]).await?;
    let mut ids = Vec::new();
    for row in changed {
        let object = format!("bulletin {}", row.bulletin_id);
        w.audit("bulletin.severity", object, row.custom_severity, severity.map(str::to_owned));
        ids.push(row.bulletin_id);
    }
    Ok(ids)
}

/// Bulletins whose derived columns are to be brought up to date by hand (reconcile); the change functions do it
/// themselves.
///
/// # Errors
/// When the database fails.
pub async fn recount(w: &mut Write<'_>, ids: &[BulletinId]) -> Result<()> {
    derived::bulletins(w, ids).await
}
