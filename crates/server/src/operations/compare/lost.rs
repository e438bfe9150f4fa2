//! Taking back a version that the database has lost.

use std::sync::Arc;

use patchwharf_db::{
    packages,
    packages::{Adopted, StagedFile},
    updates::Update,
};
use patchwharf_model::{
    Timestamp,
    package::{Manifest, ManifestFile},
    update::{PayloadFile, VendorDigest},
};
use patchwharf_store::{Finding, Location, ToVerify};

use super::{Who, orphans::replaced};
use crate::operations::{OperationError, cores, import};

/// What became of taking a version back.
pub(super) enum Adoption {
    /// It is current.
    Done,
    /// A job works on its update.
    Busy,
    /// It is not what its manifest says.
    Refused(String),
}

impl Who {
    /// Takes a version back.
    pub(super) async fn adopt(
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
            staged_at: manifest.staged_at,
            weak: manifest.files.iter().any(|file| matches!(file.vendor_digest, VendorDigest::Sha1(_))),
            files_digest: import::files_digest(&payload(manifest)),
            vendor: manifest.files.iter().map(|file| (file.vendor_digest, file.source.clone())).collect(),
            files,
        };
        let retire_after = now.checked_add(self.app.live.grace()).unwrap_or(Timestamp::MAX);
        let mut w = self.app.db.write("system", &self.source, now).await?;
        match packages::adopt(&mut w, self.job, retire_after, &adopted).await? {
            packages::Adoption::Busy => return Ok(Adoption::Busy),
            packages::Adoption::Older(by) => return Ok(Adoption::Refused(replaced(manifest, by))),
            packages::Adoption::Done => {}
        }
        w.commit().await?;
        Ok(Adoption::Done)
    }
}

/// The files that a manifest names, as a catalogue would name them.
pub(crate) fn payload(manifest: &Manifest) -> Vec<PayloadFile> {
    let file = |file: &ManifestFile| PayloadFile {
        name: file.name.clone(),
        size_bytes: file.size_bytes,
        digest: file.vendor_digest,
        url: file.source.clone(),
        languages: Vec::new(),
    };
    manifest.files.iter().map(file).collect()
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
