//! The manifests of versions, as they lie on disk, believed only where they tell the same as the database. The server that
//! makes the backup signs them anew: on a new host its key is the only one.

use std::{collections::BTreeMap, sync::Arc};

use patchwharf_db::backup::KeptFile;
use patchwharf_model::{PackageId, package::Manifest};
use patchwharf_store::{KnownKeys, Location, SignedManifest};

use super::{Tally, Work};
use crate::{
    app::known_keys,
    operations::{OperationError, assembly::told::with_causes, cores},
};

/// A manifest, with its signature and without.
pub(super) type Signed = (SignedManifest, Manifest);

/// Reads the manifests of these files' versions that were not read yet.
pub(super) async fn read(work: &Work<'_>, files: &[KeptFile], tally: &mut Tally) -> Result<(), OperationError> {
    let mut versions: BTreeMap<(PackageId, u64), Vec<KeptFile>> = BTreeMap::new();
    for file in files.iter().filter(|file| !tally.manifests.contains_key(&(file.package_id, file.version))) {
        versions.entry((file.package_id, file.version)).or_default().push(file.clone());
    }
    let (locations, keys) = (Arc::clone(&work.locations), known_keys(work.db, work.key).await?);
    let read = cores::for_each(versions.into_iter().collect(), move |((package, version), files)| {
        ((*package, *version), one(&locations, &keys, *package, *version, files))
    })
    .await?;
    tally.unbelieved.clear();
    for (version, manifest) in read {
        match manifest {
            Ok(manifest) => {
                let signed = SignedManifest::new(&manifest, work.key);
                let failed = |error| OperationError::new("internal", "a manifest cannot be written").because(error);
                tally.manifests.insert(version, (signed.map_err(failed)?, manifest));
            }
            Err(why) => {
                tally.unbelieved.insert(version, why);
            }
        }
    }
    Ok(())
}

fn one(
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
    let same = manifest.files.len() == files.len()
        && manifest.files.iter().all(|ours| {
            files.iter().any(|row| {
                (ours.name.as_str(), ours.size_bytes, ours.sha256) == (row.name.as_str(), row.size_bytes, row.sha256)
            })
        });
    if same { Ok(manifest) } else { Err("its manifest and the database disagree; `package verify` tells more".into()) }
}
