//! Packages go back under their own ids, by the same protocol as at staging: hashed while copied, durable, then named.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    sync::Arc,
};

use anyhow::{Context as _, Result, anyhow};
use patchwharf_model::{
    PackageId, Sha256,
    package::{Manifest, ProofStamp},
    update::VendorDigest,
};
use patchwharf_store::{Content, Existing, Expected, Finding, Location, NewVersion, PlaceError, ToVerify};
use patchwharf_trust::ManifestKey;

use super::source::{Source, Verified};
use crate::{
    backup::batches::batches,
    operations::{cores, take::take},
};

/// Versions, and bytes, in one go.
const BATCH: (usize, u64) = (200, 1 << 30);

/// The files of every version that is in place, with their proofs.
pub(super) type Placed = BTreeMap<(PackageId, u64), Vec<PlacedFile>>;

/// A file in its place.
#[derive(Clone, Debug)]
pub(super) struct PlacedFile {
    pub(super) name: String,
    pub(super) sha256: Sha256,
    pub(super) stamp: ProofStamp,
}

/// Places every version of the backup that is not in place yet.
///
/// # Errors
/// A disk failed, or something else lies where a package belongs.
pub(super) async fn place(
    source: &Source,
    verified: &Verified,
    key: &ManifestKey,
    location: &Arc<Location>,
) -> Result<Placed> {
    let mut placed = Placed::new();
    let mut known: HashMap<Sha256, Existing> = HashMap::new();
    let size_bytes = |manifest: &Manifest| manifest.files.iter().map(|file| file.size_bytes).sum();
    for batch in batches(verified.whole().cloned(), BATCH, size_bytes) {
        let (there, missing) = in_place(location, batch).await?;
        for (manifest, files) in there {
            note(&mut placed, &mut known, &manifest, files);
        }
        let contents = fetch(source, location, &missing, &known).await?;
        let versions: Vec<NewVersion> = missing
            .iter()
            .map(|manifest| {
                let content = |file: &patchwharf_model::package::ManifestFile| {
                    contents
                        .get(&file.sha256)
                        .cloned()
                        .or_else(|| known.get(&file.sha256).cloned().map(Content::Existing))
                };
                let content = manifest.files.iter().map(content).collect::<Option<Vec<_>>>();
                let content =
                    content.ok_or_else(|| anyhow!("a content of package {} is not there", manifest.package))?;
                Ok(NewVersion { manifest: manifest.clone(), content })
            })
            .collect::<Result<_>>()?;
        let results = tokio::task::block_in_place(|| location.place(versions, key));
        for (manifest, result) in missing.into_iter().zip(results) {
            let done = result.map_err(|error| match error {
                PlaceError::Occupied { path } => {
                    anyhow!("{path} holds something else than the backup; remove it and run the same command again")
                }
                other => anyhow::Error::new(other),
            })?;
            let files = done.files.into_iter();
            let files =
                files.map(|f| PlacedFile { name: f.name.to_string(), sha256: f.sha256, stamp: f.stamp }).collect();
            note(&mut placed, &mut known, &manifest, files);
        }
    }
    Ok(placed)
}

/// Linking changes the stamp of an inode: the newest one counts for all its names.
fn note(placed: &mut Placed, known: &mut HashMap<Sha256, Existing>, manifest: &Manifest, files: Vec<PlacedFile>) {
    for (file, described) in files.iter().zip(&manifest.files) {
        known.insert(
            file.sha256,
            Existing {
                package: manifest.package,
                version: manifest.version,
                name: described.name.clone(),
                stamp: file.stamp,
                sha256: file.sha256,
            },
        );
    }
    placed.insert((manifest.package, manifest.version), files);
}

/// Versions that an attempt that broke off has placed, by their bytes; and the others.
async fn in_place(
    location: &Arc<Location>,
    batch: Vec<Manifest>,
) -> Result<(Vec<(Manifest, Vec<PlacedFile>)>, Vec<Manifest>)> {
    let own = Arc::clone(location);
    let looked = cores::for_each(batch, move |manifest| {
        let files = manifest.files.iter().map(|file| {
            let wanted = ToVerify { name: file.name.clone(), size_bytes: file.size_bytes, sha256: file.sha256 };
            match own.verify_file(manifest.package, manifest.version, &wanted) {
                Finding::Good { stamp } => Some(PlacedFile { name: file.name.to_string(), sha256: file.sha256, stamp }),
                _ => None,
            }
        });
        (manifest.clone(), files.collect::<Option<Vec<_>>>())
    })
    .await?;
    let mut there = Vec::new();
    let mut missing = Vec::new();
    for (manifest, files) in looked {
        match files {
            Some(files) => there.push((manifest, files)),
            None => missing.push(manifest),
        }
    }
    Ok((there, missing))
}

/// Brings the contents that are not on disk yet into the location's `.staging`, each hashed on the way.
async fn fetch(
    source: &Source,
    location: &Arc<Location>,
    manifests: &[Manifest],
    known: &HashMap<Sha256, Existing>,
) -> Result<HashMap<Sha256, Content>> {
    let wanted: BTreeMap<Sha256, u64> = manifests
        .iter()
        .flat_map(|manifest| manifest.files.iter().map(|file| (file.sha256, file.size_bytes)))
        .filter(|(digest, _)| !known.contains_key(digest))
        .collect();
    let wanted: Vec<_> = wanted.into_iter().map(|(digest, size)| (digest, size, source.content(&digest))).collect();
    let own = Arc::clone(location);
    let taken = cores::for_each(wanted, move |(digest, size_bytes, path)| {
        let expected = Expected { digest: VendorDigest::Sha256(*digest), size_bytes: *size_bytes, pinned: None };
        let file = File::open(path).with_context(|| format!("cannot read {path}"))?;
        let verified = take(file, path, &own, expected).with_context(|| format!("{path} cannot be taken"))?;
        Ok((*digest, Content::Fetched(Arc::new(verified))))
    })
    .await?;
    taken.into_iter().collect()
}
