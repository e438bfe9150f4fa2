//! Package locations: root folders under which package folders lie.

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use patchwharf_model::LocationId;

use crate::{Db, Result, Write, sql::record};

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
    let _ = db;
    todo!()
}

/// One location.
///
/// # Errors
/// `NotFound`, or when the database fails.
pub async fn show(db: &Db, id: LocationId) -> Result<Location> {
    let _ = (db, id);
    todo!()
}

/// The location that new packages go to, if any was made.
///
/// # Errors
/// When the database fails.
pub async fn default(db: &Db) -> Result<Option<Location>> {
    let _ = db;
    todo!()
}

/// Adds a location under an id that the caller wrote into its `location.json`. The first one becomes the default.
///
/// # Errors
/// `Refused` when the path or id is in use.
pub async fn create(w: &mut Write<'_>, id: LocationId, path: &Utf8Path) -> Result<()> {
    let _ = (w, id, path);
    todo!()
}

/// Makes this one the location for new packages.
///
/// # Errors
/// `NotFound`.
pub async fn set_default(w: &mut Write<'_>, id: LocationId) -> Result<()> {
    let _ = (w, id);
    todo!()
}

/// The folder has moved as a whole: same id, other path.
///
/// # Errors
/// `NotFound`, or `Refused` when the path is in use.
pub async fn set_path(w: &mut Write<'_>, id: LocationId, path: &Utf8Path) -> Result<()> {
    let _ = (w, id, path);
    todo!()
}

/// Forgets a location without package versions.
///
/// # Errors
/// `NotFound`; `Refused` while versions are recorded there, or while it is the default.
pub async fn remove(w: &mut Write<'_>, id: LocationId) -> Result<()> {
    let _ = (w, id);
    todo!()
}
