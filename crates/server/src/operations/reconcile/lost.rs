//! Folders without rows: adopted back where the database has lost them, else set aside.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use patchwharf_db::{
    packages,
    packages::{Adopted, StagedFile, Version},
    updates::{self, Update},
};
use patchwharf_model::{PackageId, Timestamp, package::Manifest, update::VendorDigest};
use patchwharf_store::{Finding, Location, ToVerify};

use super::{Found, Run, disk::Disk};
use crate::operations::{OperationError, assembly::told::with_causes, cores};

/// A folder without a row, and its manifest if that can be believed.
struct Orphan {
    package: PackageId,
    version: u64,
    manifest: Result<Manifest, String>,
}

/// What became of taking a version back.
enum Adoption {
    /// It is current.
    Done,
    /// A job works on its update.
    Busy,
    /// It is not what its manifest says.
    Refused(String),
}

impl Run {
    /// Looks at every folder that no row knows.
    pub(super) async fn orphans(
        &self,
        location: &Arc<Location>,
        disk: &Disk,
        rows: &BTreeMap<(PackageId, u64), Version>,
        found: &mut Found,
    ) -> Result<(), OperationError> {
        let keys: Vec<(PackageId, u64)> = disk.versions.iter().filter(|key| !rows.contains_key(key)).copied().collect();
        for keys in keys.chunks(500) {
            // A version that was numbered and placed since the rows were read is no orphan.
            let ids: Vec<PackageId> = keys.iter().map(|(package, _)| *package).collect();
            let mut known: HashMap<PackageId, Vec<Version>> = HashMap::new();
            for v in packages::versions(&self.app.db, &ids).await? {
                known.entry(v.package_id).or_default().push(v);
            }
            let orphans: Vec<(PackageId, u64)> = keys
                .iter()
                .filter(|(package, version)| {
                    known.get(package).is_none_or(|versions| versions.iter().all(|v| v.version != *version))
                })
                .copied()
                .collect();
            let (own, key) = (Arc::clone(location), self.app.signing_key.public());
            let orphans = cores::for_each(orphans, move |(package, version)| Orphan {
                package: *package,
                version: *version,
                manifest: own.manifest(*package, *version, &key).map_err(|e| with_causes(&e)),
            })
            .await?;
            let named: Vec<_> = orphans.iter().filter_map(|o| o.manifest.as_ref().ok()).map(|m| m.update).collect();
            let updates: HashMap<_, Update> =
                updates::by_ids(&self.app.db, &named).await?.into_iter().map(|u| (u.update_id, u)).collect();
            for orphan in orphans {
                self.orphan(location, orphan, &known, &updates, found).await?;
            }
        }
        Ok(())
    }

    async fn orphan(
        &self,
        location: &Arc<Location>,
        orphan: Orphan,
        known: &HashMap<PackageId, Vec<Version>>,
        updates: &HashMap<patchwharf_model::UpdateId, Update>,
        found: &mut Found,
    ) -> Result<(), OperationError> {
        let item = format!("package {} version {}", orphan.package, orphan.version);
        let why = match &orphan.manifest {
            Err(why) => why.clone(),
            Ok(manifest) => match (lost(manifest, known), updates.get(&manifest.update)) {
                (false, _) => "its number was used and retired; it is a copy from elsewhere".to_owned(),
                (true, None) => format!("update {} of feed {} is not known here", manifest.update_key, manifest.feed),
                (true, Some(update)) if self.dry_run => {
                    let reason = format!(
                        "the database has lost it; its manifest is signed by this server ({})",
                        update.update_key
                    );
                    found.add(item, "would-be-adopted", false, reason);
                    return Ok(());
                }
                (true, Some(update)) => match self.adopt(location, manifest, update).await? {
                    Adoption::Done => {
                        let reason =
                            "the database had lost it; its manifest is signed by this server and its bytes are right";
                        found.add(item, "adopted", false, reason);
                        return Ok(());
                    }
                    Adoption::Busy => {
                        found.add(item, "waits", false, "a job works on its update; it is looked at again");
                        return Ok(());
                    }
                    Adoption::Refused(why) => why,
                },
            },
        };
        if self.dry_run {
            found.add(item, "would-be-quarantined", false, format!("no row knows it: {why}"));
            return Ok(());
        }
        let (own, now) = (Arc::clone(location), self.app.clock.now());
        let (package, version) = (orphan.package, orphan.version);
        match cores::blocking(move || own.quarantine_version(package, version, now)).await? {
            Ok(path) => found.add(item, "quarantined", false, format!("no row knows it: {why}; it is kept in {path}")),
            Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => found.add(item, "orphan", true, format!("no row knows it: {why}; {}", with_causes(&error))),
        }
        Ok(())
    }

    /// Takes a version back.
    async fn adopt(
        &self,
        location: &Arc<Location>,
        manifest: &Manifest,
        update: &Update,
    ) -> Result<Adoption, OperationError> {
        let (own, manifest_of, now) = (Arc::clone(location), manifest.clone(), self.app.clock.now());
        let files = match cores::blocking(move || proved(&own, &manifest_of, now)).await? {
            Ok(files) => files,
            Err(why) => return Ok(Adoption::Refused(why)),
        };
        let adopted = Adopted {
            package_id: manifest.package,
            version: manifest.version,
            update_id: update.update_id,
            location_id: location.id(),
            weak: manifest.files.iter().any(|file| matches!(file.vendor_digest, VendorDigest::Sha1(_))),
            files_digest: same_content(manifest, update).then_some(update.files_digest),
            vendor: manifest.files.iter().map(|file| (file.vendor_digest, file.source.clone())).collect(),
            files,
        };
        let retire_after = now.checked_add(self.app.config.packages.grace).unwrap_or(Timestamp::MAX);
        let mut w = self.app.db.write("system", &self.source, now).await?;
        let taken = packages::adopt(&mut w, self.job, retire_after, &adopted).await?;
        if !taken {
            return Ok(Adoption::Busy);
        }
        w.commit().await?;
        Ok(Adoption::Done)
    }
}

/// Whether the database can have lost this version: it never gave the number out.
fn lost(manifest: &Manifest, known: &HashMap<PackageId, Vec<Version>>) -> bool {
    let newest = known.get(&manifest.package).and_then(|versions| versions.iter().map(|v| v.version).max());
    newest.is_none_or(|newest| manifest.version > newest)
}

/// Whether a manifest holds what the catalogue names now.
fn same_content(manifest: &Manifest, update: &Update) -> bool {
    manifest.files.len() == update.files.len()
        && manifest.files.iter().all(|ours| {
            update.files.iter().any(|theirs| {
                (ours.name.as_str(), ours.size_bytes, ours.vendor_digest)
                    == (theirs.name.as_str(), theirs.size_bytes, theirs.digest)
            })
        })
}

fn proved(location: &Location, manifest: &Manifest, now: Timestamp) -> Result<Vec<StagedFile>, String> {
    manifest
        .files
        .iter()
        .map(|file| {
            let (name, size_bytes, sha256) = (file.name.clone(), file.size_bytes, file.sha256);
            let wanted = ToVerify { name: name.clone(), size_bytes, sha256 };
            match location.verify_file(manifest.package, manifest.version, &wanted) {
                Finding::Good { stamp } => Ok(StagedFile { name, size_bytes, sha256, stamp, verified_at: now }),
                _ => Err(format!("its file {name} is not what its manifest says")),
            }
        })
        .collect()
}
