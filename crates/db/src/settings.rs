//! Named values that belong to the deployment.

use jiff::Timestamp;
use patchwharf_model::DeploymentId;

use crate::{Db, Result, Write};

/// The value of a setting.
///
/// # Errors
/// When the database fails.
pub async fn get(db: &Db, name: &str) -> Result<Option<String>> {
    let _ = (db, name);
    todo!()
}

/// Sets a value and audits it (`setting.set`).
///
/// # Errors
/// When the database fails.
pub async fn set(w: &mut Write<'_>, name: &str, value: &str) -> Result<()> {
    let _ = (w, name, value);
    todo!()
}

/// The id of the deployment; made at the first call, by whichever server is first.
///
/// # Errors
/// When the database fails.
pub async fn deployment_id(db: &Db, now: Timestamp) -> Result<DeploymentId> {
    let _ = (db, now);
    todo!()
}
