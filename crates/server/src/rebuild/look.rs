//! What lies there: manifests that can be believed, by update.

use std::{collections::HashMap, sync::Arc};

use anyhow::Result;
use patchwharf_db::{catalogue, packages};
use patchwharf_model::{PackageId, Timestamp, UpdateId, package::Manifest};
use patchwharf_store::{Found, KnownKeys, Location, ManifestError};
use patchwharf_trust::digest::sha256;

use super::{Told, Work, places::Place};
use crate::operations::{cores, with_causes};

/// Folders that are looked at together.
const CHUNK: usize = 500;

/// A version whose manifest can be believed. Small: there is one for each package of the store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// Which place.
    pub(super) place: usize,
    pub(super) package: PackageId,
    pub(super) version: u64,
    pub(super) staged_at: Timestamp,
    /// The number that the package's next version gets: no folder of it, whatever is in it, has that.
    pub(super) next_version: u64,
}

/// The versions of each update, newest first.
pub(super) type Candidates = Vec<Vec<Candidate>>;

impl Work {
    /// Reads all manifests.
    pub(super) async fn look(&self, places: &[Place], told: &mut Told) -> Result<Candidates> {
        let mut updates: HashMap<[u8; 32], Vec<Candidate>> = HashMap::new();
        let mut next: HashMap<PackageId, u64> = HashMap::new();
        for (at, place) in places.iter().enumerate() {
            let Some(location) = &place.location else { continue };
            let own = Arc::clone(location);
            let mut versions = Vec::new();
            for thing in cores::blocking(move || own.survey()).await?? {
                match thing {
                    Found::Version { package, version } => {
                        versions.push((package, version));
                        let next = next.entry(package).or_default();
                        *next = (*next).max(version.saturating_add(1));
                    }
                    Found::Unreadable(error) => told.not_taken(location.path().as_str(), with_causes(&error)),
                    Found::Foreign { path } => told.foreign(location.path().join(path).as_str()),
                    Found::EmptyPackage { .. } | Found::Staging { .. } => {}
                }
            }
            for versions in versions.chunks(CHUNK) {
                let believed = self.manifests(at, location, versions, told).await?;
                for (candidate, update) in self.free(place, believed, told).await? {
                    updates.entry(update).or_default().push(candidate);
                }
            }
        }
        let mut candidates: Candidates = updates.into_values().collect();
        for of_update in &mut candidates {
            for one in of_update.iter_mut() {
                one.next_version = next.get(&one.package).copied().unwrap_or(one.version + 1);
            }
            // Of two copies the one at the place that was named last: where a relocation has moved it to.
            of_update
                .sort_unstable_by_key(|one| std::cmp::Reverse((one.staged_at, one.version, one.package, one.place)));
        }
        // The same order in every run.
        candidates.sort_unstable_by_key(|of_update| of_update.first().map(|one| one.package));
        Ok(candidates)
    }

    async fn manifests(
        &self,
        place: usize,
        location: &Arc<Location>,
        versions: &[(PackageId, u64)],
        told: &mut Told,
    ) -> Result<Vec<(Candidate, Manifest)>> {
        let ids: Vec<PackageId> = versions.iter().map(|(package, _)| *package).collect();
        let known = packages::known_packages(&self.db, &ids).await?;
        told.known += versions.iter().filter(|(package, _)| known.contains(package)).count() as u64;
        let unknown: Vec<_> = versions.iter().copied().filter(|(package, _)| !known.contains(package)).collect();
        let (own, keys) = (Arc::clone(location), self.keys.clone());
        let read = cores::for_each(unknown, move |(package, version)| {
            (*package, *version, manifest(&own, *package, *version, &keys))
        })
        .await?;
        let mut found = Vec::new();
        for (package, version, manifest) in read {
            match manifest {
                Ok(manifest) => {
                    let (staged_at, next_version) = (manifest.staged_at, version + 1);
                    found.push((Candidate { place, package, version, staged_at, next_version }, manifest));
                }
                Err(why) => told.not_taken(&format!("{}/{package}/{version}", location.path()), why),
            }
        }
        Ok(found)
    }

    /// Leaves out what the database has otherwise: updates that have a package, and updates that it knows under other ids,
    /// because their feed was added and imported anew. By what they are: feed and key.
    async fn free(
        &self,
        place: &Place,
        believed: Vec<(Candidate, Manifest)>,
        told: &mut Told,
    ) -> Result<Vec<(Candidate, [u8; 32])>> {
        let named: Vec<(String, String, UpdateId)> =
            believed.iter().map(|(_, m)| (m.feed.clone(), m.update_key.clone(), m.update)).collect();
        let ids: Vec<UpdateId> = named.iter().map(|(.., id)| *id).collect();
        let (taken, other) = match ids.is_empty() {
            true => Default::default(),
            false => {
                (packages::with_package(&self.db, &ids).await?, catalogue::under_other_ids(&self.db, &named).await?)
            }
        };
        let mut free = Vec::new();
        for (candidate, manifest) in believed {
            if other.contains(&manifest.update) {
                let folder = format!("{}/{}/{}", place.path, candidate.package, candidate.version);
                told.other_id(place, &folder, &manifest);
            } else if taken.contains(&manifest.update) {
                told.known += 1;
            } else {
                let update = sha256(format!("{}\n{}", manifest.feed, manifest.update_key).as_bytes()).0;
                free.push((candidate, update));
            }
        }
        Ok(free)
    }
}

/// A manifest that can be believed, or why it cannot. Blocks.
pub(super) fn manifest(
    location: &Location,
    package: PackageId,
    version: u64,
    keys: &KnownKeys,
) -> Result<Manifest, String> {
    let manifest = location.manifest(package, version, keys).map_err(|error| {
        let why = with_causes(&error);
        match error {
            ManifestError::OtherKey { path, .. } => {
                format!(
                    "{why}. When that server is trusted: --trust {path}; else take its files in with `location adopt`"
                )
            }
            _ => why,
        }
    })?;
    if manifest.files.is_empty() || !manifest.files.is_sorted_by(|a, b| a.name < b.name) {
        return Err("its manifest is signed and does not name its files each once, in order".to_owned());
    }
    if manifest.feed.is_empty() || manifest.update_key.is_empty() || manifest.bulletin_key.is_empty() {
        return Err("its manifest is signed and does not say of which feed, bulletin and update it is".to_owned());
    }
    Ok(manifest)
}
