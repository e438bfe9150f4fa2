//! Named values that belong to the deployment.

use std::collections::HashMap;

use jiff::Timestamp;
use patchwharf_model::{DeploymentId, InstanceId};

use crate::{
    Db, DbError, Result, Write,
    sql::{Text, args, record},
};

record!(
    struct Deployment {
        deployment_id: DeploymentId,
    }
);

/// The value of a setting.
///
/// # Errors
/// When the database fails.
pub async fn get(db: &Db, name: &str) -> Result<Option<String>> {
    const GET: &str = "SELECT value AS text FROM setting WHERE name = $1";
    Ok(db.first::<Text>("read a setting", GET, args![name]).await?.map(|row| row.text))
}

record!(
    struct Named {
        name: String,
        value: String,
    }
);

/// Everything that is set, by name.
///
/// # Errors
/// When the database fails.
pub async fn all(db: &Db) -> Result<HashMap<String, String>> {
    let set = db.all::<Named>("read all settings", "SELECT name, value FROM setting", args![]).await?;
    Ok(set.into_iter().map(|one| (one.name, one.value)).collect())
}

/// Sets a value and audits it (`setting.set`).
///
/// # Errors
/// When the database fails.
pub async fn set(w: &mut Write<'_>, name: &str, value: &str) -> Result<()> {
    const WHAT: &str = "change a setting";
    const GET: &str = "SELECT value AS text FROM setting WHERE name = $1";
    let before = w.first::<Text>(WHAT, GET, args![name]).await?.map(|row| row.text);
    note(w, name, value).await?;
    w.audit("setting.set", format!("setting {name}"), before, Some(value.to_owned()));
    Ok(())
}

/// Sets a value that no administrator sets: the caller writes what is to be on the audit trail.
///
/// # Errors
/// When the database fails.
pub async fn note(w: &mut Write<'_>, name: &str, value: &str) -> Result<()> {
    const SET: &str = "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2";
    w.run("change a setting", SET, args![name, value]).await?;
    Ok(())
}

/// Takes away a value that `note` has set.
///
/// # Errors
/// When the database fails.
pub async fn forget(w: &mut Write<'_>, name: &str) -> Result<()> {
    w.run("forget a setting", "DELETE FROM setting WHERE name = $1", args![name]).await?;
    Ok(())
}

/// Setting under which a server notes the public key that it signs manifests with.
const KEY_OF: &str = "manifest-key ";

/// Notes the key of a server, for the other servers of the same database; audited when it is another one.
///
/// # Errors
/// When the database fails.
pub async fn note_manifest_key(w: &mut Write<'_>, instance: InstanceId, key: &str) -> Result<()> {
    const WHAT: &str = "note the key of a server";
    const GET: &str = "SELECT value AS text FROM setting WHERE name = $1";
    let name = format!("{KEY_OF}{instance}");
    match w.first::<Text>(WHAT, GET, args![&name]).await? {
        Some(known) if known.text == key => Ok(()),
        _ => set(w, &name, key).await,
    }
}

/// The keys of all servers that have noted theirs.
///
/// # Errors
/// When the database fails.
pub async fn manifest_keys(db: &Db) -> Result<Vec<String>> {
    const KEYS: &str = "SELECT value AS text FROM setting WHERE name LIKE 'manifest-key %' ORDER BY name";
    Ok(db.all::<Text>("read the keys of the servers", KEYS, args![]).await?.into_iter().map(|row| row.text).collect())
}

/// The id of the deployment; made at the first call, by whichever server is first.
///
/// # Errors
/// When the database fails.
pub async fn deployment_id(db: &Db, now: Timestamp) -> Result<DeploymentId> {
    const WHAT: &str = "make the deployment id";
    const NAME: &str = "deployment-id";
    const MAKE: &str = "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    const READ: &str = "SELECT value AS deployment_id FROM setting WHERE name = $1";
    if let Some(found) = db.first::<Deployment>(WHAT, READ, args![NAME]).await? {
        return Ok(found.deployment_id);
    }
    let id = DeploymentId::new();
    let mut w = db.write("system", "start-up", now).await?;
    if w.run(WHAT, MAKE, args![NAME, id]).await? > 0 {
        w.audit("setting.set", format!("setting {NAME}"), None, Some(id.to_string()));
    }
    w.commit().await?;
    let found = db.first::<Deployment>(WHAT, READ, args![NAME]).await?;
    found.map(|row| row.deployment_id).ok_or_else(|| DbError::not_found("setting", NAME))
}
