//! What a manifest tells of its update.

use patchwharf_db::{
    catalogue::LostUpdate,
    packages::{Older, OlderFile, Rebuilt, RebuiltOriginal},
};
use patchwharf_model::{
    LocationId, UpdateId,
    package::Manifest,
    update::{UpdateDetail, UpdateItem, VendorDigest},
};
use patchwharf_trust::digest::sha256;

use super::judge::{Double, Replaced, Whole};
use crate::operations::{compare::payload, import};

/// The rows of a version that is whole.
pub(super) fn rebuilt(one: &Whole, lost: &LostUpdate, update_id: UpdateId, location_id: LocationId) -> Rebuilt {
    let Manifest { package, version, staged_at, files, .. } = &one.manifest;
    Rebuilt {
        package_id: *package,
        version: *version,
        next_version: one.next_version,
        update_id,
        location_id,
        staged_at: *staged_at,
        weak: files.iter().any(|file| matches!(file.vendor_digest, VendorDigest::Sha1(_))),
        unproved: !one.is_proved,
        files_digest: lost.files_digest,
        files: one.files.clone(),
        vendor: files.iter().map(|file| (file.vendor_digest, file.source.clone())).collect(),
    }
}

/// The rows of a version that it has replaced.
pub(super) fn older(one: &Replaced, location_id: LocationId) -> Older {
    let Manifest { package, version, update, staged_at, files, .. } = &one.manifest;
    let file = |file: &patchwharf_model::package::ManifestFile| OlderFile {
        name: file.name.clone(),
        size_bytes: file.size_bytes,
        sha256: file.sha256,
        vendor_digest: file.vendor_digest,
        url: file.source.clone(),
    };
    Older {
        package_id: *package,
        version: *version,
        next_version: one.next_version,
        update_id: *update,
        location_id,
        staged_at: *staged_at,
        unproved: !one.is_proved,
        files_digest: import::files_digest(&payload(&one.manifest)),
        files: files.iter().map(file).collect(),
    }
}

/// The row of its copy at another location.
pub(super) fn original(one: &Whole, double: Double, location_id: LocationId) -> RebuiltOriginal {
    let Manifest { package, version, .. } = &one.manifest;
    RebuiltOriginal { package_id: *package, version: *version, location_id, same_data: double.same_data }
}

/// Its update.
pub(super) fn lost(manifest: &Manifest) -> LostUpdate {
    let files = payload(manifest);
    let item = UpdateItem {
        key: manifest.update_key.clone(),
        bulletin: manifest.bulletin_key.clone(),
        revised: manifest.staged_at,
        vendor: String::new(),
        products: Vec::new(),
        update_type: patchwharf_model::update::UpdateType::Software,
        publication: patchwharf_model::update::PublicationState::Published,
        title: manifest.update_key.clone(),
        description: String::new(),
        classification: String::new(),
        severity: patchwharf_model::Severity::NotRated,
        cves: Vec::new(),
        kbs: Vec::new(),
        urls: Vec::new(),
        architecture: String::new(),
        version: String::new(),
        files: files.clone(),
        supersedes: Vec::new(),
        detail: UpdateDetail::default(),
    };
    // Plain data: its serialization cannot fail.
    let item = serde_json::to_string(&item).unwrap_or_default();
    LostUpdate {
        update_id: manifest.update,
        key: manifest.update_key.clone(),
        bulletin_id: manifest.bulletin,
        bulletin: manifest.bulletin_key.clone(),
        staged_at: manifest.staged_at,
        files_digest: import::files_digest(&files),
        files,
        digest: sha256(item.as_bytes()),
        item,
    }
}
