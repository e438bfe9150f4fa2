//! The end of what was set aside: once its time is over and nothing can need it any more, it goes for good.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use patchwharf_db::packages;
use patchwharf_model::{PackageId, package::VersionState};
use patchwharf_store::{Location, Quarantined};

use super::{Found, Run};
use crate::operations::{OperationError, cores};

impl Run {
    /// Drops what has lain in quarantine longer than `packages.keep-quarantine`; not before its replacement is proved.
    pub(super) async fn quarantine(&self, location: &Arc<Location>, found: &mut Found) -> Result<(), OperationError> {
        let keep = self.app.config.packages.keep_quarantine;
        let Some(limit) = (!keep.is_zero()).then(|| self.app.clock.now().checked_sub(keep).ok()).flatten() else {
            return Ok(());
        };
        let own = Arc::clone(location);
        let items = cores::blocking(move || own.quarantined()).await?.map_err(|error| {
            let text = format!("cannot read {}/.quarantine; check the file system", location.path());
            OperationError::new("store", text).because(error)
        })?;
        let old: Vec<Quarantined> = items.into_iter().filter(|item| item.since <= limit).collect();
        let unproved = self.unproved(&old).await?;
        for item in old {
            let name = format!("{}/{}", location.path(), item.path);
            let set_aside = format!("set aside at {}, {} bytes", item.since, item.size_bytes);
            if item.package.is_some_and(|package| unproved.contains(&package)) {
                tracing::debug!(path = name, "stays in quarantine: its package is not staged");
            } else if self.dry_run {
                found.add(name, "would-be-dropped", false, set_aside);
            } else {
                let own = Arc::clone(location);
                match cores::blocking(move || own.drop_quarantined(&item)).await? {
                    Ok(()) => found.add(name, "dropped", false, set_aside),
                    Err(error) => found.add(name, "kept", true, super::with_causes(&error)),
                }
            }
        }
        Ok(())
    }

    /// The packages of these things that the database knows and that have no staged version now.
    async fn unproved(&self, items: &[Quarantined]) -> Result<HashSet<PackageId>, OperationError> {
        let ids: Vec<PackageId> =
            items.iter().filter_map(|item| item.package).collect::<HashSet<_>>().into_iter().collect();
        let mut staged: HashMap<PackageId, bool> = HashMap::new();
        for version in packages::versions(&self.app.db, &ids).await? {
            let whole = version.is_current && version.state == VersionState::Staged;
            *staged.entry(version.package_id).or_default() |= whole || !version.active;
        }
        Ok(staged.into_iter().filter(|(_, staged)| !staged).map(|(package, _)| package).collect())
    }
}
