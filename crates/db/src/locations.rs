//! Package locations: root folders under which package folders lie.

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use patchwharf_model::LocationId;

use crate::{
    Db, DbError, Result, Write,
    error::refuse_constraint,
    sql::{Number, args, record},
};

record!(
    /// A package location.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Location {
        /// Its id; also in its `location.json`.
        pub location_id: LocationId,
        /// The folder, absolute.
        pub path: Utf8PathBuf,
        /// Whether new packages go here.
        pub is_default: bool,
        /// When it was added.
        pub created_at: Timestamp,
    }
);

/// All locations, by path.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &Db) -> Result<Vec<Location>> {
    db.all("list locations", "SELECT * FROM location ORDER BY path", args![]).await
}

/// One location.
///
/// # Errors
/// `NotFound`, or when the database fails.
pub async fn show(db: &Db, id: LocationId) -> Result<Location> {
    let found = db.first("show a location", "SELECT * FROM location WHERE location_id = $1", args![id]).await?;
    found.ok_or_else(|| DbError::not_found("location", id))
}

/// The location that new packages go to, if any was made.
///
/// # Errors
/// When the database fails.
pub async fn default(db: &Db) -> Result<Option<Location>> {
    db.first("find the default location", "SELECT * FROM location WHERE is_default = 1", args![]).await
}

/// Adds a location under an id that the caller wrote into its `location.json`. The first one becomes the default.
///
/// # Errors
/// `Refused` when the path or id is in use.
pub async fn create(w: &mut Write<'_>, id: LocationId, path: &Utf8Path) -> Result<()> {
    const WHAT: &str = "add a location";
    const INSERT: &str = "INSERT INTO location (location_id, path, is_default, created_at) \
         SELECT $1, $2, CASE WHEN EXISTS (SELECT 1 FROM location) THEN 0 ELSE 1 END, $3";
    let now = w.now();
    let done = w.run(WHAT, INSERT, args![id, path.as_str(), now]).await;
    refuse_constraint(done, || format!("the folder {path} or the id {id} is a location already"))?;
    w.audit("location.create", format!("location {id}"), None, Some(path.to_string()));
    Ok(())
}

/// Makes this one the location for new packages.
///
/// # Errors
/// `NotFound`.
pub async fn set_default(w: &mut Write<'_>, id: LocationId) -> Result<()> {
    const WHAT: &str = "set the default location";
    const SET: &str = "UPDATE location SET is_default = CASE WHEN location_id = $1 THEN 1 ELSE 0 END";
    let after = one(w, WHAT, id).await?;
    let before = w.first::<Location>(WHAT, "SELECT * FROM location WHERE is_default = 1", args![]).await?;
    w.run(WHAT, SET, args![id]).await?;
    w.audit("location.default", format!("location {id}"), before.map(|l| l.path.into()), Some(after.path.into()));
    Ok(())
}

/// The folder has moved as a whole: same id, other path.
///
/// # Errors
/// `NotFound`, or `Refused` when the path is in use.
pub async fn set_path(w: &mut Write<'_>, id: LocationId, path: &Utf8Path) -> Result<()> {
    const WHAT: &str = "change a location's folder";
    const SET: &str = "UPDATE location SET path = $2 WHERE location_id = $1";
    let before = one(w, WHAT, id).await?;
    let done = w.run(WHAT, SET, args![id, path.as_str()]).await;
    refuse_constraint(done, || format!("the folder {path} is a location already"))?;
    w.audit("location.path", format!("location {id}"), Some(before.path.into()), Some(path.to_string()));
    Ok(())
}

/// Forgets a location without package versions.
///
/// # Errors
/// `NotFound`; `Refused` while versions are recorded there, or while it is the default.
pub async fn remove(w: &mut Write<'_>, id: LocationId) -> Result<()> {
    const WHAT: &str = "remove a location";
    const USED: &str = "SELECT COUNT(*) AS number FROM package_version WHERE location_id = $1";
    let before = one(w, WHAT, id).await?;
    if before.is_default {
        return Err(DbError::Refused(format!(
            "{} is the default location: make another one the default first",
            before.path
        )));
    }
    let used = w.first::<Number>(WHAT, USED, args![id]).await?.map_or(0, |n| n.number);
    if used > 0 {
        return Err(DbError::Refused(format!(
            "{used} package versions are recorded at {}: move or delete them first",
            before.path
        )));
    }
    w.run(WHAT, "DELETE FROM proof WHERE location_id = $1", args![id]).await?;
    w.run(WHAT, "DELETE FROM location WHERE location_id = $1", args![id]).await?;
    w.audit("location.remove", format!("location {id}"), Some(before.path.into()), None);
    Ok(())
}

async fn one(w: &mut Write<'_>, what: &'static str, id: LocationId) -> Result<Location> {
    let found = w.first(what, "SELECT * FROM location WHERE location_id = $1", args![id]).await?;
    found.ok_or_else(|| DbError::not_found("location", id))
}
