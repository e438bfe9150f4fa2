//! What lies in a location.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use patchwharf_model::PackageId;
use patchwharf_store::{Found, Location};

use super::{Difference, with_causes};
use crate::operations::{OperationError, cores};

/// What lies in a location.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// Folders of versions.
    pub(super) versions: BTreeSet<(PackageId, u64)>,
    /// What is wrong already without a look at the database.
    pub(super) differences: Vec<Difference>,
}

/// Looks through a location, or through the folders of some packages. The inner error: it is not what was opened, and
/// nothing may be concluded from what is not there (C-22).
pub(super) async fn survey(
    location: &Arc<Location>,
    only: Option<&HashSet<PackageId>>,
) -> Result<Result<Disk, String>, OperationError> {
    let own = Arc::clone(location);
    let only: Option<Vec<PackageId>> = only.map(|ids| ids.iter().copied().collect());
    cores::blocking(move || {
        if !own.is_in_place() {
            return Err(format!(
                "{} is not the package location any more that the server has opened: its disk was unmounted, or another \
                 folder was put in its place; bring it back",
                own.path()
            ));
        }
        own.still_ours().map_err(|error| with_causes(&error))?;
        let found = match only {
            None => own.survey().map_err(|error| with_causes(&error))?,
            Some(packages) => packages.into_iter().flat_map(|package| own.folders_of(package)).collect(),
        };
        Ok(sort(&own, found))
    })
    .await
}

fn sort(location: &Location, found: Vec<Found>) -> Disk {
    let mut disk = Disk::default();
    for thing in found {
        match thing {
            Found::Version { package, version } => drop(disk.versions.insert((package, version))),
            Found::EmptyPackage { package } => disk.differences.push(Difference::Empty { package }),
            Found::Foreign { path } => disk.differences.push(Difference::Stranger { path }),
            Found::Unreadable(error) => disk.differences.push(super::unreadable(location, &error)),
            Found::Staging { .. } => {}
        }
    }
    disk
}
