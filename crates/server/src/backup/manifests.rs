//! The manifests of versions, as they lie on disk, believed only where they tell the same as the database. The server that
//! makes the backup signs them anew: on a new host its key is the only one.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use camino::Utf8Path;
use patchwharf_db::backup::KeptFile;
use patchwharf_model::{PackageId, package::Manifest};
use patchwharf_store::{KnownKeys, Location, SignedManifest};

use super::{Tally, Work, earlier};
use crate::{
    app::known_keys,
    operations::{OperationError, assembly::told::with_causes, cores},
};

/// A manifest, with its signature and without.
pub(super) type Signed = (SignedManifest, Manifest);

/// Reads the manifests of these files' versions that were not read yet; those that are damaged, out of earlier backups in the
/// folder.
pub(super) async fn read(
    work: &Work<'_>,
    folder: &Utf8Path,
    files: &[KeptFile],
    tally: &mut Tally,
) -> Result<(), OperationError> {
    let mut versions: BTreeMap<(PackageId, u64), Vec<KeptFile>> = BTreeMap::new();
    for file in files.iter().filter(|file| !tally.manifests.contains_key(&(file.package_id, file.version))) {
        versions.entry((file.package_id, file.version)).or_default().push(file.clone());
    }
    let (locations, keys) = (Arc::clone(&work.locations), known_keys(work.db, work.key, &work.config.data).await?);
    let known = keys.clone();
    let read = cores::for_each(versions.iter().map(|(key, files)| (*key, files.clone())).collect(), move |one| {
        let ((package, version), files): &((PackageId, u64), Vec<KeptFile>) = one;
        ((*package, *version), on_disk(&locations, &known, *package, *version, files))
    })
    .await?;
    tally.unbelieved.clear();
    for (version, manifest) in read {
        match manifest {
            Ok(manifest) => tally.believe(work, version, manifest)?,
            Err(why) => {
                tally.unbelieved.insert(version, why);
            }
        }
    }
    if tally.unbelieved.is_empty() {
        return Ok(());
    }
    let (folder, deployment, wanted) =
        (folder.to_owned(), work.deployment, tally.unbelieved.keys().copied().collect::<HashSet<_>>());
    let found = cores::blocking(move || earlier::manifests(&folder, deployment, &keys, wanted)).await?;
    for (version, manifest) in found {
        if versions.get(&version).is_some_and(|files| tell_the_same(&manifest, files))
            && let Some(why) = tally.unbelieved.remove(&version)
        {
            tally.believe(work, version, manifest)?;
            tally.from_earlier.insert(version, why);
        }
    }
    Ok(())
}

impl Tally {
    fn believe(
        &mut self,
        work: &Work<'_>,
        version: (PackageId, u64),
        manifest: Manifest,
    ) -> Result<(), OperationError> {
        let signed = SignedManifest::new(&manifest, work.key);
        let failed = |error| OperationError::new("internal", "a manifest cannot be written").because(error);
        self.manifests.insert(version, (signed.map_err(failed)?, manifest));
        Ok(())
    }
}

fn on_disk(
    locations: &[Arc<Location>],
    keys: &KnownKeys,
    package: PackageId,
    version: u64,
    files: &[KeptFile],
) -> Result<Manifest, String> {
    let id = files.first().map(|file| file.location_id);
    let location = locations.iter().find(|location| Some(location.id()) == id);
    let location = location.ok_or_else(|| "its package location is not open".to_owned())?;
    let manifest = location.manifest(package, version, keys).map_err(|error| with_causes(&error))?;
    match tell_the_same(&manifest, files) {
        true => Ok(manifest),
        false => Err("its manifest and the database disagree; `package verify` tells more".into()),
    }
}

fn tell_the_same(manifest: &Manifest, files: &[KeptFile]) -> bool {
    manifest.files.len() == files.len()
        && manifest.files.iter().all(|ours| {
            files.iter().any(|row| {
                (ours.name.as_str(), ours.size_bytes, ours.sha256) == (row.name.as_str(), row.size_bytes, row.sha256)
            })
        })
}
