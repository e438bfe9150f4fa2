//! I2: a staged version has every file of its manifest, byte for byte, and manifest and rows agree.

use std::collections::BTreeMap;

use super::Scene;
use crate::{
    Finding,
    disk::Folder,
    facts::{File, Version},
    manifest::Manifest,
};

pub(super) fn look(scene: &Scene<'_>) -> Vec<Finding> {
    let files = scene.facts.files_by_version();
    let updates: BTreeMap<&str, &str> =
        scene.facts.packages.iter().map(|p| (p.package_id.as_str(), p.update_id.as_str())).collect();
    let unusable: Vec<&str> = scene.disk.unusable.iter().map(|(id, _)| id.as_str()).collect();
    let mut findings: Vec<Finding> = scene
        .disk
        .unusable
        .iter()
        .map(|(id, why)| Finding::violation("I2", "location-unusable", format!("location {id}"), why.clone()))
        .collect();
    for version in &scene.facts.versions {
        if version.state != "staged" || unusable.contains(&version.location_id.as_str()) {
            continue;
        }
        let name = format!("package {} version {}", version.package_id, version.version);
        let key = (version.location_id.clone(), version.package_id.clone(), version.version);
        let Some(folder) = scene.disk.folders.get(&key) else {
            findings.push(Finding::violation("I2", "folder-missing", &name, "staged, but its folder is not on disk"));
            continue;
        };
        let rows = files.get(&(version.package_id.as_str(), version.version)).map_or(&[][..], Vec::as_slice);
        let mut say = |code, object: String, message: String| {
            findings.push(Finding::violation("I2", code, object, message));
        };
        if rows.is_empty() {
            say("version-empty", name.clone(), "staged, but it has no files".into());
        }
        contents(version, rows, folder, &name, &mut say);
        match folder.manifest.as_deref().map(|bytes| Manifest::open(bytes, scene.keys)) {
            None => say("manifest-missing", name, format!("no package.json in {}", folder.path.display())),
            Some(Err(why)) => say("manifest-bad", name, format!("package.json {why}")),
            Some(Ok(manifest)) => {
                agrees(version, updates.get(version.package_id.as_str()).copied(), rows, &manifest, &name, &mut say);
            }
        }
    }
    findings
}

type Say<'a> = dyn FnMut(&'static str, String, String) + 'a;

/// Rows against bytes.
fn contents(version: &Version, rows: &[&File], folder: &Folder, name: &str, say: &mut Say<'_>) {
    for row in rows {
        let object = format!("{name} file {}", row.name);
        if row.state != "staged" {
            say("file-state", object.clone(), format!("the version is staged, the file is {}", row.state));
        }
        let Some(wanted) = &row.sha256 else {
            say("file-unpinned", object, "staged without a SHA-256".into());
            continue;
        };
        let Some(entry) = folder.files.get(&row.name) else {
            say("file-missing", object, format!("not in {}", folder.path.display()));
            continue;
        };
        if i64::try_from(entry.size_bytes) != Ok(row.size_bytes) {
            say(
                "file-length",
                object.clone(),
                format!("{} bytes expected, {} found", row.size_bytes, entry.size_bytes),
            );
        }
        match (&entry.sha256, &entry.error) {
            (_, Some(error)) => say("file-unreadable", object, error.clone()),
            (Some(found), None) if found != wanted => {
                say("file-digest", object, format!("SHA-256 {wanted} expected, {found} found"));
            }
            _ => {}
        }
    }
    for extra in folder.files.keys().filter(|file| rows.iter().all(|row| row.name != **file)) {
        say("file-extra", format!("{name} file {extra}"), "in the folder, but not in the database".into());
    }
    for odd in &folder.odd {
        say("file-odd", format!("{name} entry {odd}"), "a link or folder among the files".into());
    }
    let total: i64 = rows.iter().map(|row| row.size_bytes).sum();
    if total != version.size_bytes {
        say(
            "version-size",
            name.to_owned(),
            format!("{} bytes by its files, {} by its row", total, version.size_bytes),
        );
    }
}

/// Rows against the signed manifest.
fn agrees(version: &Version, update: Option<&str>, rows: &[&File], manifest: &Manifest, name: &str, say: &mut Say<'_>) {
    if (manifest.package.as_str(), manifest.version) != (version.package_id.as_str(), version.version) {
        say("manifest-other", name.to_owned(), format!("its manifest is of {}/{}", manifest.package, manifest.version));
    }
    if update != Some(manifest.update.as_str()) {
        say("manifest-update", name.to_owned(), format!("its manifest names update {}", manifest.update));
    }
    let entries = manifest.files();
    for row in rows {
        let object = format!("{name} file {}", row.name);
        let Some(entry) = entries.get(row.name.as_str()) else {
            say("manifest-lacks", object, "in the database, but not in the manifest".into());
            continue;
        };
        let vendor: Option<serde_json::Value> = serde_json::from_str(&row.vendor_digest).ok();
        if entry.size_bytes != row.size_bytes
            || Some(&entry.sha256) != row.sha256.as_ref()
            || Some(&entry.vendor_digest) != vendor.as_ref()
        {
            say("manifest-differs", object, "length or digests differ between manifest and database".into());
        }
    }
    for extra in entries.keys().filter(|file| rows.iter().all(|row| row.name != **file)) {
        say("manifest-extra", format!("{name} file {extra}"), "in the manifest, but not in the database".into());
    }
}
