//! What lies in a location.

use std::{collections::BTreeSet, ops::ControlFlow, sync::Arc};

use patchwharf_model::PackageId;
use patchwharf_store::{Found as OnDisk, Location};

use super::{Found, Run};
use crate::operations::{OperationError, assembly::told::with_causes, cores};

/// What lies in a location.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// Folders of versions.
    pub(super) versions: BTreeSet<(PackageId, u64)>,
    empty: Vec<PackageId>,
    foreign: Vec<String>,
    unreadable: Vec<String>,
}

/// Walks a location.
pub(super) async fn scan(location: &Arc<Location>) -> Result<Disk, OperationError> {
    let own = Arc::clone(location);
    cores::blocking(move || {
        let mut disk = Disk::default();
        own.scan(&mut |found| {
            match found {
                OnDisk::Version { package, version } => {
                    disk.versions.insert((package, version));
                }
                OnDisk::EmptyPackage { package } => disk.empty.push(package),
                OnDisk::Foreign { path } => disk.foreign.push(path.to_string()),
                OnDisk::Unreadable(error) => disk.unreadable.push(with_causes(&error)),
                OnDisk::Staging { .. } => {}
            }
            ControlFlow::Continue(())
        })
        .map_err(|e| OperationError::new("store", format!("cannot read {}", own.path())).because(e))?;
        Ok(disk)
    })
    .await?
}

impl Run {
    /// Empty package folders go; what is not ours is named and left alone.
    pub(super) async fn rest(
        &self,
        location: &Arc<Location>,
        disk: Disk,
        found: &mut Found,
    ) -> Result<(), OperationError> {
        for path in disk.foreign {
            found.add(format!("{}/{path}", location.path()), "foreign", false, "not ours; it is never touched");
        }
        for why in disk.unreadable {
            found.add(location.path().to_string(), "unreadable", true, why);
        }
        if self.dry_run {
            for package in disk.empty {
                found.add(format!("package {package}"), "would-be-cleared", false, "its folder is empty");
            }
            return Ok(());
        }
        let own = Arc::clone(location);
        let removed = cores::blocking(move || {
            disk.empty
                .into_iter()
                .filter(|package| matches!(own.remove_empty_package(*package), Ok(true)))
                .collect::<Vec<_>>()
        })
        .await?;
        for package in removed {
            found.add(format!("package {package}"), "cleared", false, "its folder was empty");
        }
        Ok(())
    }
}
