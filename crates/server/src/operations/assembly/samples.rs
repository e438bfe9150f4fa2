//! Builds for unit tests.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use patchwharf_db::updates::Update;
use patchwharf_model::{
    BulletinId, FeedId, FileName, LocationId, PackageId, Severity, Sha256, Timestamp, UpdateId,
    update::{PayloadFile, VendorDigest},
};

use super::build::{Build, BuildFile, Origin};

/// A file; equal seeds mean equal content.
pub(crate) fn file(name: &str, seed: u8) -> PayloadFile {
    PayloadFile {
        name: FileName::new(name).unwrap(),
        size_bytes: 100,
        digest: VendorDigest::Sha256(Sha256([seed; 32])),
        url: Some(format!("http://vendor.example/{name}")),
        languages: Vec::new(),
    }
}

/// An update.
pub(crate) fn update(files: Vec<PayloadFile>) -> Update {
    Update {
        update_id: UpdateId::new(),
        update_key: "sp1".into(),
        feed_id: FeedId(uuid::Uuid::nil()),
        feed: "feed".into(),
        bulletin_id: BulletinId::new(),
        bulletin: "B-1".into(),
        bulletin_enabled: true,
        revised_at: Timestamp::UNIX_EPOCH,
        title: String::new(),
        vendor: String::new(),
        classification: String::new(),
        architecture: String::new(),
        version: String::new(),
        severity: Severity::NotRated,
        update_type: "software".into(),
        withdrawn: false,
        listed: true,
        superseded_by: None,
        size_bytes: files.iter().map(|file| file.size_bytes).sum(),
        files_digest: Sha256([1; 32]),
        files,
        package_id: None,
        current_version: None,
        state: None,
        unproved: None,
        staged_files_digest: None,
        proved_at: None,
    }
}

/// A build with files to fetch.
pub(crate) fn build(files: &[(&str, u8)]) -> Build {
    let files: Vec<PayloadFile> = files.iter().map(|(name, seed)| file(name, *seed)).collect();
    Build {
        update: Arc::new(update(files.clone())),
        package: PackageId::new(),
        token: 1,
        version: 1,
        location: LocationId(uuid::Uuid::nil()),
        from: None,
        replaces: None,
        files: files.into_iter().map(|file| BuildFile { file, sha256: None, origin: Origin::Fetch }).collect(),
        attempts: 0,
        resumed: false,
        in_place: None,
    }
}
