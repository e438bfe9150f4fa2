//! What a check is about: which packages, which locations.

use std::{collections::HashSet, sync::Arc};

use patchwharf_db::locations;
use patchwharf_model::{
    LocationId, PackageId,
    job::{IntegrityCheck, Selection},
};
use patchwharf_store::Location;

use crate::{
    jobs::JobContext,
    operations::{OperationError, selection},
};

/// What a check is about.
#[derive(Debug)]
pub(super) struct Scope {
    /// Only these packages; none: everything that lies there.
    pub(super) packages: Option<HashSet<PackageId>>,
    /// Only this location.
    pub(super) location: Option<LocationId>,
    /// Open locations.
    pub(super) open: Vec<Arc<Location>>,
    /// Locations that the database knows and that are not open: id and path.
    pub(super) closed: Vec<(LocationId, String)>,
}

impl Scope {
    /// What a wish names.
    pub(super) async fn of(ctx: &JobContext, wish: &IntegrityCheck) -> Result<Self, OperationError> {
        let packages = match &wish.of {
            Selection::All => None,
            of => Some(selection::packages_of(&ctx.app.db, of).await?.into_iter().collect()),
        };
        let wanted = |id: LocationId| wish.location.is_none_or(|only| only == id);
        let open: Vec<Arc<Location>> = ctx.app.locations.iter().filter(|location| wanted(location.id())).collect();
        let known = locations::list(&ctx.app.db).await?;
        let is_open = |id: LocationId| open.iter().any(|location| location.id() == id);
        let closed = known
            .into_iter()
            .filter(|row| wanted(row.location_id) && !is_open(row.location_id))
            .map(|row| (row.location_id, row.path.into_string()))
            .collect();
        Ok(Self { packages, location: wish.location, open, closed })
    }

    /// Whether the check is about something with this package and at this location.
    pub(super) fn has(&self, package: Option<PackageId>, location: Option<LocationId>) -> bool {
        let of_packages = match (&self.packages, package) {
            (None, _) => true,
            (Some(only), Some(package)) => only.contains(&package),
            (Some(_), None) => false,
        };
        of_packages && self.location.is_none_or(|only| location == Some(only))
    }
}
