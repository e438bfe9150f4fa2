//! Folders without rows, and folders at a place that is not their rows'.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use patchwharf_db::{
    packages,
    packages::{Placed, Served},
    updates::{self, Update},
};
use patchwharf_model::{LocationId, PackageId, Timestamp, UpdateId, package::Manifest};
use patchwharf_store::{Location, ManifestError, layout};

use super::{Difference, Who, with_causes};
use crate::operations::{OperationError, cores};

/// Folders in one query.
const CHUNK: usize = 500;

/// A folder without a row, and its manifest if that can be believed. None: it is not there any more.
type Orphan = (PackageId, u64, Option<Result<Manifest, ManifestError>>);

impl Who {
    /// Looks at every folder that no row has here.
    pub(super) async fn orphans(
        &self,
        location: &Arc<Location>,
        disk: &BTreeSet<(PackageId, u64)>,
        rows: &[Placed],
        differences: &mut Vec<Difference>,
    ) -> Result<(), OperationError> {
        let here: HashSet<(PackageId, u64)> = rows.iter().map(|v| (v.package_id, v.version)).collect();
        let unknown: Vec<(PackageId, u64)> = disk.iter().filter(|key| !here.contains(key)).copied().collect();
        for unknown in unknown.chunks(CHUNK) {
            // A version that was numbered and placed since the rows were read is no orphan.
            let ids: Vec<PackageId> = unknown.iter().map(|(package, _)| *package).collect();
            let mut known: HashMap<PackageId, Vec<Placed>> = HashMap::new();
            for v in packages::placed(&self.app.db, &ids).await? {
                known.entry(v.package_id).or_default().push(v);
            }
            let recorded = self.recorded(location.id(), unknown).await?;
            let (mut orphans, mut twice) = (Vec::new(), Vec::new());
            for (package, version) in unknown.iter().copied() {
                let of_package = known.get(&package).map_or(&[][..], Vec::as_slice);
                match of_package.iter().find(|v| v.version == version) {
                    None => orphans.push((package, version)),
                    Some(_) if recorded.contains(&(package, version)) => {}
                    Some(row) if row.location_id == location.id() || self.is_held(row) => {}
                    Some(row) => twice.push((package, version, row.location_id)),
                }
            }
            self.twice(location, twice, differences).await?;
            self.judge(location, orphans, &known, differences).await?;
        }
        Ok(())
    }

    /// Folders of versions that belong elsewhere: copies, or what somebody had put beside an original that was removed.
    async fn twice(
        &self,
        location: &Arc<Location>,
        twice: Vec<(PackageId, u64, LocationId)>,
        differences: &mut Vec<Difference>,
    ) -> Result<(), OperationError> {
        if twice.is_empty() {
            return Ok(());
        }
        let keys: Vec<(PackageId, u64)> = twice.iter().map(|(package, version, _)| (*package, *version)).collect();
        let mut files: HashMap<(PackageId, u64), HashSet<String>> = HashMap::new();
        for file in packages::files_to_check(&self.app.db, &keys).await? {
            files.entry((file.package_id, file.version)).or_default().insert(file.name);
        }
        let own = Arc::clone(location);
        let things = twice.into_iter().map(|(package, version, belongs)| {
            let names = files.remove(&(package, version)).unwrap_or_default();
            (package, version, belongs, names)
        });
        let found = cores::for_each(things.collect(), move |(package, version, belongs, names)| {
            let (package, version, belongs) = (*package, *version, *belongs);
            let open = own.open_version(package, version).ok().filter(|open| open.manifest_stamp().is_none());
            // Neither its manifest nor a file of it: nothing of this server's is there.
            let is_strangers = open
                .and_then(|open| open.extra(&[]).ok())
                .is_some_and(|there| !there.is_empty() && !there.iter().any(|name| names.contains(name)));
            match is_strangers {
                true => Difference::Stranger { path: layout::version_path(package, version) },
                false => Difference::Twice { package, version, belongs },
            }
        });
        differences.extend(found.await?);
        Ok(())
    }

    /// Whether a job changes the package now: it may be about to switch the row.
    fn is_held(&self, row: &Placed) -> bool {
        row.lock_job.is_some_and(|job| Some(job) != self.job)
            && row.lock_until.is_some_and(|until| until > self.app.clock.now())
    }

    async fn judge(
        &self,
        location: &Arc<Location>,
        orphans: Vec<(PackageId, u64)>,
        known: &HashMap<PackageId, Vec<Placed>>,
        differences: &mut Vec<Difference>,
    ) -> Result<(), OperationError> {
        let (own, keys) = (Arc::clone(location), self.app.known_keys().await?);
        let mut looked: Vec<Orphan> = cores::for_each(orphans, move |(package, version)| {
            // Deleted since the survey: first its folder went, then its row.
            let manifest = own.open_version(*package, *version).ok().map(|open| open.manifest(&keys));
            (*package, *version, manifest)
        })
        .await?;
        // Of several that are lost the newest is taken back last, and stays.
        looked.sort_by_key(|(.., manifest)| manifest.as_ref().and_then(|m| Some(m.as_ref().ok()?.staged_at)));
        let named: Vec<UpdateId> =
            looked.iter().filter_map(|(.., manifest)| manifest.as_ref()?.as_ref().ok()).map(|m| m.update).collect();
        let mut updates: HashMap<UpdateId, Update> = HashMap::new();
        if !named.is_empty() {
            updates.extend(updates::by_ids(&self.app.db, &named).await?.into_iter().map(|u| (u.update_id, u)));
        }
        let newer = self.newer(&looked).await?;
        for (package, version, manifest) in looked {
            let orphan = |why| Difference::Orphan { package, version, why };
            differences.push(match manifest {
                None => continue,
                Some(Err(error @ ManifestError::OtherKey { .. })) => {
                    Difference::Foreign { package, version, why: with_causes(&error) }
                }
                Some(Err(error)) => orphan(with_causes(&error)),
                Some(Ok(manifest)) if !lost(&manifest, known) => {
                    orphan("its number was used and retired; it is a copy from elsewhere".to_owned())
                }
                Some(Ok(manifest)) => match (newer.get(&(package, version)), updates.get(&manifest.update)) {
                    (Some(by), _) => orphan(replaced(&manifest, *by)),
                    (None, Some(update)) => {
                        Difference::Lost { manifest: Box::new(manifest), update: Box::new(update.clone()) }
                    }
                    (None, None) => {
                        orphan(format!("update {} of feed {} is not known here", manifest.update_key, manifest.feed))
                    }
                },
            });
        }
        Ok(())
    }
}

impl Who {
    /// Of these folders, the ones whose update has a package by now that was staged later, and that package.
    async fn newer(&self, looked: &[Orphan]) -> Result<HashMap<(PackageId, u64), PackageId>, OperationError> {
        let manifests: Vec<&Manifest> =
            looked.iter().filter_map(|(.., manifest)| manifest.as_ref()?.as_ref().ok()).collect();
        if manifests.is_empty() {
            return Ok(HashMap::new());
        }
        let updates: Vec<UpdateId> = manifests.iter().map(|m| m.update).collect::<HashSet<_>>().into_iter().collect();
        let keys = self.app.known_keys().await?;
        let served = packages::served_of(&self.app.db, &updates).await?.into_iter();
        let served = served.map(|served| (self.app.locations.get(served.location_id).ok(), served)).collect();
        let staged = cores::for_each(served, move |(location, served): &(Option<Arc<Location>>, Served)| {
            let manifest = location.as_ref().and_then(|at| at.manifest(served.package_id, served.version, &keys).ok());
            // One that cannot be read is not older than its package.
            let staged_at = manifest.map_or(served.created_at, |manifest| manifest.staged_at.max(served.created_at));
            (served.update_id, (served.package_id, staged_at))
        });
        let staged: HashMap<UpdateId, (PackageId, Timestamp)> = staged.await?.into_iter().collect();
        let newer = manifests.into_iter().filter_map(|manifest| {
            let (package, staged_at) = staged.get(&manifest.update)?;
            let is_newer = *package != manifest.package && *staged_at > manifest.staged_at;
            is_newer.then_some(((manifest.package, manifest.version), *package))
        });
        Ok(newer.collect())
    }
}

/// Why a version is not taken back whose update has a newer package.
pub(super) fn replaced(manifest: &Manifest, by: PackageId) -> String {
    format!("it was staged at {:.0}, and package {by}, which its update has, later", manifest.staged_at)
}

/// Whether the database can have lost this version: it never gave the number out.
fn lost(manifest: &Manifest, known: &HashMap<PackageId, Vec<Placed>>) -> bool {
    let newest = known.get(&manifest.package).and_then(|versions| versions.iter().map(|v| v.version).max());
    newest.is_none_or(|newest| manifest.version > newest)
}
