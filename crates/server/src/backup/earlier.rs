//! What earlier backups in the folder still have of packages that are damaged on the server. A new backup that named only
//! what is whole there would let `--keep` remove the last good copy.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{BufRead as _, BufReader},
};

use camino::Utf8Path;
use patchwharf_model::{DeploymentId, PackageId, package::Manifest};
use patchwharf_store::{KnownKeys, SignedManifest, Signers as _};

use super::points::{self, Found};

/// The manifests of these versions in the newest backups that have them. What cannot be believed is passed over. Blocks.
pub(super) fn manifests(
    folder: &Utf8Path,
    deployment: DeploymentId,
    keys: &KnownKeys,
    mut wanted: HashSet<(PackageId, u64)>,
) -> HashMap<(PackageId, u64), Manifest> {
    let mut found = HashMap::new();
    for point in points::all(folder).unwrap_or_default().into_iter().rev() {
        if wanted.is_empty() {
            break;
        }
        read(&point, deployment, keys, |manifest| {
            let version = (manifest.package, manifest.version);
            if wanted.remove(&version) {
                found.insert(version, manifest);
            }
        });
    }
    found
}

fn read(point: &Found, deployment: DeploymentId, keys: &KnownKeys, mut take: impl FnMut(Manifest)) {
    let Ok((backup, key)) = &point.read else { return };
    if backup.deployment != deployment || !keys.trust(key) {
        return;
    }
    let file = backup.packages.check(&point.path).ok().and_then(|path| File::open(path).ok());
    let lines = file.map(|file| BufReader::new(file).lines()).into_iter().flatten();
    for line in lines.map_while(Result::ok) {
        let signed = serde_json::from_str::<SignedManifest>(&line).ok();
        if let Some(manifest) = signed.and_then(|signed| signed.open(key, &point.path).ok()) {
            take(manifest);
        }
    }
}
