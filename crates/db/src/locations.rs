//! Package locations: root folders under which package folders lie.

mod lost;

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

/// All locations, by path, as they stay until this transaction ends: writers take turns, on both databases.
///
/// # Errors
/// When the database fails.
pub async fn known(w: &mut Write<'_>) -> Result<Vec<Location>> {
    w.all("list locations", "SELECT * FROM location ORDER BY path", args![]).await
}

record!(
    /// What lies at a location, by its rows.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Usage {
        /// The location.
        pub location_id: LocationId,
        /// Packages of which a version that is served, or that a policy points at, lies there.
        pub packages: u64,
        /// Bytes of those versions.
        pub size_bytes: u64,
        /// Versions in all, also retired ones and those on their way.
        pub versions: u64,
        /// Versions of which an original lies there.
        pub originals: u64,
        /// Bytes of those.
        pub original_bytes: u64,
    }
);

/// What lies at each location that has anything; a scan.
///
/// # Errors
/// When the database fails.
pub async fn usage(db: &Db) -> Result<Vec<Usage>> {
    const USAGE: &str = "SELECT l.location_id, CAST(COALESCE(u.packages, 0) AS BIGINT) AS packages, \
         CAST(COALESCE(u.size_bytes, 0) AS BIGINT) AS size_bytes, CAST(COALESCE(u.versions, 0) AS BIGINT) AS versions, \
         CAST(COALESCE(o.originals, 0) AS BIGINT) AS originals, \
         CAST(COALESCE(o.size_bytes, 0) AS BIGINT) AS original_bytes FROM location AS l \
         LEFT JOIN (SELECT v.location_id, COUNT(*) AS versions, \
         COUNT(DISTINCT CASE WHEN n.package_id IS NULL THEN NULL ELSE v.package_id END) AS packages, \
         SUM(CASE WHEN n.package_id IS NULL THEN 0 ELSE v.size_bytes END) AS size_bytes FROM package_version AS v \
         LEFT JOIN (SELECT package_id, current_version AS version FROM package WHERE current_version IS NOT NULL \
         UNION SELECT package_id, version FROM policy_update WHERE version IS NOT NULL) AS n \
         ON n.package_id = v.package_id AND n.version = v.version GROUP BY v.location_id) AS u \
         ON u.location_id = l.location_id \
         LEFT JOIN (SELECT g.location_id, COUNT(*) AS originals, SUM(v.size_bytes) AS size_bytes FROM original AS g \
         JOIN package_version AS v ON v.package_id = g.package_id AND v.version = g.version GROUP BY g.location_id) AS o \
         ON o.location_id = l.location_id WHERE u.versions > 0 OR o.originals > 0 ORDER BY l.location_id";
    db.all("count what lies at each location", USAGE, args![]).await
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
    db.first("find the default location", DEFAULT, args![]).await
}

const DEFAULT: &str = "SELECT * FROM location WHERE is_default = 1";

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
    let before = w.first::<Location>(WHAT, DEFAULT, args![]).await?;
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

/// Forgets a location at which nothing is recorded. `lost`: it is gone for good, with the originals there; versions that
/// are recorded there are missing at the default location from now on, and can be fetched anew.
///
/// # Errors
/// `NotFound`; `Refused` while versions or originals are recorded there and it is not lost, or while it is the default.
pub async fn remove(w: &mut Write<'_>, id: LocationId, lost: bool) -> Result<()> {
    const WHAT: &str = "remove a location";
    const USED: &str = "SELECT COUNT(*) AS number FROM package_version WHERE location_id = $1";
    const LEFT: &str = "SELECT COUNT(*) AS number FROM original WHERE location_id = $1";
    let before = one(w, WHAT, id).await?;
    if before.is_default {
        return Err(DbError::Refused(format!(
            "{} is the default location: make another one the default first",
            before.path
        )));
    }
    let used = w.first::<Number>(WHAT, USED, args![id]).await?.map_or(0, |n| n.number);
    if used > 0 && !lost {
        return Err(DbError::Refused(format!(
            "{used} package versions are recorded at {}: move them with `patchwharf location relocate {0}`, or delete \
             them first",
            before.path
        )));
    }
    let left = w.first::<Number>(WHAT, LEFT, args![id]).await?.map_or(0, |n| n.number);
    if left > 0 && !lost {
        return Err(DbError::Refused(format!(
            "{left} originals of moved packages lie at {}: remove them with `patchwharf location prune {0}`, or say \
             --lost when that folder is gone for good",
            before.path
        )));
    }
    let given_up = match (used, w.first::<Location>(WHAT, DEFAULT, args![]).await?) {
        (0, _) => 0,
        (_, Some(to)) => lost::give_up(w, id, to.location_id, before.path.as_str()).await?,
        (_, None) => return Err(DbError::Refused("there is no default location to record its packages at".to_owned())),
    };
    w.run(WHAT, "DELETE FROM original WHERE location_id = $1", args![id]).await?;
    w.run(WHAT, "DELETE FROM proof WHERE location_id = $1", args![id]).await?;
    w.run(WHAT, "DELETE FROM location WHERE location_id = $1", args![id]).await?;
    let after = lost.then(|| format!("lost: {given_up} packages are missing, {left} originals are gone"));
    w.audit("location.remove", format!("location {id}"), Some(before.path.into()), after);
    Ok(())
}

async fn one(w: &mut Write<'_>, what: &'static str, id: LocationId) -> Result<Location> {
    let found = w.first(what, "SELECT * FROM location WHERE location_id = $1", args![id]).await?;
    found.ok_or_else(|| DbError::not_found("location", id))
}
