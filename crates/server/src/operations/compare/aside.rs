//! What lies in `.staging` and `.quarantine`.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use patchwharf_db::packages;
use patchwharf_model::{PackageId, Timestamp, package::VersionState};
use patchwharf_store::{Location, Quarantined};

use super::{Difference, Who};
use crate::operations::{OperationError, cores, staging};

impl Who {
    /// What nobody waits for, and what is not ours.
    pub(super) async fn staging(
        &self,
        location: &Arc<Location>,
        differences: &mut Vec<Difference>,
    ) -> Result<(), OperationError> {
        let (own, wanted) = (Arc::clone(location), staging::wanted(&self.app).await?);
        let left = cores::blocking(move || own.leftovers(&|name| wanted.contains(name))).await?;
        match left {
            Ok(left) => differences.extend(left.into_iter().map(Difference::Staging)),
            Err(error) => differences.push(super::unreadable(location, &error)),
        }
        Ok(())
    }

    /// Everything in quarantine. It may go after `packages.keep-quarantine`; not before its replacement is proved.
    pub(super) async fn quarantine(
        &self,
        location: &Arc<Location>,
        differences: &mut Vec<Difference>,
    ) -> Result<(), OperationError> {
        let own = Arc::clone(location);
        let looked = cores::blocking(move || Ok((own.quarantined()?, own.strangers_in_quarantine()?)));
        let items = match looked.await? {
            Ok((items, strangers)) => {
                differences.extend(strangers.into_iter().map(|path| Difference::Stranger { path }));
                items
            }
            Err(error) => {
                differences.push(super::unreadable(location, &error));
                return Ok(());
            }
        };
        // While the clock is doubted, nothing is old.
        let (keep, now) = (self.app.config.packages.keep_quarantine, self.app.ages.now());
        let end = |item: &Quarantined| item.since.checked_add(keep).unwrap_or(Timestamp::MAX);
        let unproved = self.unproved(&items).await?;
        differences.extend(items.into_iter().map(|item| {
            let keep_until = (!keep.is_zero()).then(|| end(&item));
            let proved = item.package.is_none_or(|package| !unproved.contains(&package));
            Difference::Aside {
                over: proved && keep_until.zip(now).is_some_and(|(end, now)| end <= now),
                keep_until,
                item,
            }
        }));
        Ok(())
    }

    /// The packages of these things that the database knows and that have no staged version now.
    async fn unproved(&self, items: &[Quarantined]) -> Result<HashSet<PackageId>, OperationError> {
        let ids: Vec<PackageId> =
            items.iter().filter_map(|item| item.package).collect::<HashSet<_>>().into_iter().collect();
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let mut staged: HashMap<PackageId, bool> = HashMap::new();
        for version in packages::versions(&self.app.db, &ids).await? {
            let whole = version.is_current && version.state == VersionState::Staged;
            *staged.entry(version.package_id).or_default() |= whole || !version.active;
        }
        Ok(staged.into_iter().filter(|(_, staged)| !staged).map(|(package, _)| package).collect())
    }
}
