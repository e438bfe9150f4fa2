//! Taking back a version that the database has lost.

use std::sync::Arc;

use patchwharf_db::{
    packages,
    packages::{Adopted, StagedFile},
    updates::Update,
};
use patchwharf_model::{Timestamp, package::Manifest, update::VendorDigest};
use patchwharf_store::{Finding, Location, ToVerify};

use super::Who;
use crate::operations::{OperationError, cores};

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
