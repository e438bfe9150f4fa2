//! Packages that an earlier rebuild has left unproved, and that a trusted key has signed.

use std::{collections::HashMap, sync::Arc};

use anyhow::Result;
use patchwharf_db::packages::{self, File};
use patchwharf_model::{LocationId, PackageId, package::Manifest};
use patchwharf_store::{KnownKeys, Location};

use super::{Told, Work, places::Place};
use crate::operations::cores;

/// Versions in one transaction.
const BATCH: usize = 500;

/// A version's manifest, read; none: a trusted key has not signed it, or it lies elsewhere.
type Read = ((PackageId, u64), Option<Manifest>);

impl Work {
    /// Takes the mark from what the keys of this run have signed: their bytes were hashed when their rows were made, and a
    /// later change is noticed as with any package.
    pub(super) async fn prove(&self, places: &[Place], told: &mut Told) -> Result<()> {
        let Some((first, rest)) = self.trust.split_first() else { return Ok(()) };
        let keys = KnownKeys::new(*first, rest.to_vec());
        let open: HashMap<LocationId, Arc<Location>> =
            places.iter().filter_map(|place| Some((place.id, Arc::clone(place.location.as_ref()?)))).collect();
        let marked = packages::unproved(&self.db).await?;
        for batch in marked.chunks(BATCH) {
            let (own, keys) = (open.clone(), keys.clone());
            let read: Vec<Read> = cores::for_each(batch.to_vec(), move |one| {
                let manifest = own.get(&one.location_id)?.manifest(one.package_id, one.version, &keys).ok();
                Some(((one.package_id, one.version), manifest))
            })
            .await?
            .into_iter()
            .flatten()
            .collect();
            let ids: Vec<(PackageId, u64)> = read.iter().map(|(id, _)| *id).collect();
            let mut rows: HashMap<(PackageId, u64), Vec<File>> = HashMap::new();
            for file in packages::files(&self.db, &ids).await? {
                rows.entry((file.package_id, file.version)).or_default().push(file);
            }
            let of = |id: &(PackageId, u64)| rows.get(id).map_or(&[][..], Vec::as_slice);
            let signed: Vec<(PackageId, u64)> = read
                .iter()
                .filter(|(id, manifest)| manifest.as_ref().is_some_and(|manifest| says_the_same(manifest, of(id))))
                .map(|(id, _)| *id)
                .collect();
            told.proved += match self.wish.dry_run {
                true => signed.len() as u64,
                false => {
                    let mut w = self.write().await?;
                    let proved = packages::prove_signed(&mut w, &signed).await?;
                    w.commit().await?;
                    proved
                }
            };
        }
        Ok(())
    }
}

fn says_the_same(manifest: &Manifest, rows: &[File]) -> bool {
    manifest.files.len() == rows.len()
        && manifest.files.iter().all(|told| {
            rows.iter().any(|row| {
                row.name == told.name.as_str()
                    && (row.size_bytes, row.sha256, row.vendor_digest)
                        == (told.size_bytes, Some(told.sha256), told.vendor_digest)
            })
        })
}
