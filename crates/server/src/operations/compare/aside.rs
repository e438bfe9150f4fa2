//! What lies in `.staging` and `.quarantine`.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use camino::Utf8PathBuf;
use patchwharf_db::{packages, updates};
use patchwharf_model::{PackageId, Timestamp, UpdateId, package::VersionState};
use patchwharf_store::{Location, Quarantined};

use super::{Difference, Who};
use crate::{
    operations::{OperationError, cores, staging},
    settings::keep,
};

/// Packages in one query.
const CHUNK: usize = 500;

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

    /// Everything in quarantine. It may go after `packages.keep-quarantine`; not before its replacement is proved. What no
    /// row knows goes only when its manifest tells of an update that has a whole package: it may be all that there is.
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
        let (keep, now) = (keep::QUARANTINE.now(&self.app).await?, self.app.ages.now());
        let end = |item: &Quarantined| item.since.checked_add(keep).unwrap_or(Timestamp::MAX);
        let staged = self.staged(&items).await?;
        let strangers = items.iter().filter(|item| item.package.is_some_and(|id| !staged.contains_key(&id)));
        let copied = self.copied(location, strangers.cloned().collect()).await?;
        differences.extend(items.into_iter().map(|item| {
            let known = item.package.map(|package| staged.get(&package).copied());
            let proved = known.is_none_or(|known| known.unwrap_or_else(|| copied.contains(&item.path)));
            // What is not known here and has no copy is kept until somebody removes it.
            let is_only = known == Some(None) && !proved;
            let keep_until = (!keep.is_zero() && !is_only).then(|| end(&item));
            Difference::Aside {
                over: proved && keep_until.zip(now).is_some_and(|(end, now)| end <= now),
                keep_until,
                item,
            }
        }));
        Ok(())
    }

    /// Of the packages of these things, those that the database knows, and whether each is staged now.
    async fn staged(&self, items: &[Quarantined]) -> Result<HashMap<PackageId, bool>, OperationError> {
        let ids: Vec<PackageId> =
            items.iter().filter_map(|item| item.package).collect::<HashSet<_>>().into_iter().collect();
        let mut staged: HashMap<PackageId, bool> = HashMap::new();
        for ids in ids.chunks(CHUNK) {
            for version in packages::versions(&self.app.db, ids).await? {
                let whole = version.is_current && version.state == VersionState::Staged;
                *staged.entry(version.package_id).or_default() |= whole || !version.active;
            }
        }
        Ok(staged)
    }

    /// Of these things, of which no row knows the package, the ones whose every version tells of an update that has a
    /// package which is whole and served.
    async fn copied(
        &self,
        location: &Arc<Location>,
        items: Vec<Quarantined>,
    ) -> Result<HashSet<Utf8PathBuf>, OperationError> {
        if items.is_empty() {
            return Ok(HashSet::new());
        }
        let (own, keys) = (Arc::clone(location), self.app.known_keys().await?);
        let told = cores::for_each(items, move |item| {
            let manifests = own.quarantined_manifests(item, &keys).unwrap_or_default();
            let updates: Option<Vec<UpdateId>> = manifests.into_iter().map(|one| Some(one.ok()?.update)).collect();
            (item.path.clone(), updates.filter(|updates| !updates.is_empty()))
        });
        let told: Vec<(Utf8PathBuf, Vec<UpdateId>)> =
            told.await?.into_iter().filter_map(|(path, updates)| Some((path, updates?))).collect();
        let ids: HashSet<UpdateId> = told.iter().flat_map(|(_, updates)| updates).copied().collect();
        let ids: Vec<UpdateId> = ids.into_iter().collect();
        let mut whole: HashSet<UpdateId> = HashSet::new();
        for ids in ids.chunks(CHUNK) {
            let updates = updates::by_ids(&self.app.db, ids).await?.into_iter();
            let served = updates.filter(|u| u.state == Some(VersionState::Staged) && u.unproved == Some(false));
            whole.extend(served.map(|u| u.update_id));
        }
        let copied = told.into_iter().filter(|(_, updates)| updates.iter().all(|id| whole.contains(id)));
        Ok(copied.map(|(path, _)| path).collect())
    }
}
