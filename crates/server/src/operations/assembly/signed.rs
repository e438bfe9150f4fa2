//! Rows held against the signed manifests: what was signed counts (G-05).

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use patchwharf_db::packages::File;
use patchwharf_model::{PackageId, package::Manifest};
use patchwharf_store::Location;

use super::told::with_causes;
use crate::{
    jobs::JobContext,
    operations::{OperationError, cores},
};

/// Reads the manifests of the versions that these files are of. A row that says otherwise than its manifest is made to
/// say what was signed, so that the bytes are compared with that. Returns the packages whose manifest is missing, not to
/// be believed, or does not say what the rows say, and why.
pub(crate) async fn hold_against(
    ctx: &JobContext,
    files: &mut [(Arc<Location>, File)],
) -> Result<HashMap<PackageId, String>, OperationError> {
    let mut versions: BTreeMap<(PackageId, u64), Arc<Location>> = BTreeMap::new();
    for (location, file) in files.iter() {
        versions.entry((file.package_id, file.version)).or_insert_with(|| Arc::clone(location));
    }
    let keys = ctx.app.known_keys().await?;
    let read = cores::for_each(versions.into_iter().collect(), move |((package, version), location)| {
        (*package, location.manifest(*package, *version, &keys).map_err(|error| with_causes(&error)))
    })
    .await?;
    let mut distrusted = HashMap::new();
    let mut manifests: HashMap<PackageId, Manifest> = HashMap::new();
    for (package, manifest) in read {
        match manifest {
            Ok(manifest) => drop(manifests.insert(package, manifest)),
            Err(why) => drop(distrusted.insert(package, why)),
        }
    }
    for (_, file) in files {
        let Some(manifest) = manifests.get_mut(&file.package_id) else { continue };
        let Some(at) = manifest.files.iter().position(|told| told.name.as_str() == file.name) else {
            distrusted.insert(file.package_id, format!("the signed manifest knows no file {}", file.name));
            continue;
        };
        // What is left at the end is signed and in no row.
        let told = manifest.files.swap_remove(at);
        if (Some(told.sha256), told.size_bytes) != (file.sha256, file.size_bytes) {
            let row = file.sha256.map(|sha256| sha256.to_string()).unwrap_or_default();
            let why = format!("file {}: the database says SHA-256 {row}, signed was {}", file.name, told.sha256);
            distrusted.insert(file.package_id, why);
            (file.sha256, file.size_bytes) = (Some(told.sha256), told.size_bytes);
        }
    }
    for (package, manifest) in manifests {
        if let Some(told) = manifest.files.first() {
            distrusted.insert(package, format!("the database does not know the signed file {}", told.name));
        }
    }
    Ok(distrusted)
}
