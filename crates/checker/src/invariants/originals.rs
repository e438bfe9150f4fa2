//! Copies that relocations have left behind: each is of a version that is served from elsewhere, and none is taken for a
//! second copy that is the same data.

use std::collections::BTreeSet;

use super::Scene;
use crate::{Finding, disk::Folder};

pub(super) fn look(scene: &Scene<'_>) -> Vec<Finding> {
    let versions = scene.facts.versions_by_key();
    let usable: BTreeSet<&str> = scene
        .facts
        .locations
        .iter()
        .map(|location| location.location_id.as_str())
        .filter(|id| scene.disk.unusable.iter().all(|(unusable, _)| unusable != id))
        .collect();
    let mut findings = Vec::new();
    for original in &scene.facts.originals {
        let object = format!(
            "original of package {} version {} at {}",
            original.package_id, original.version, original.location_id
        );
        let Some(version) = versions.get(&(original.package_id.as_str(), original.version)) else {
            findings.push(Finding::violation("I3", "original-of-nothing", object, "there is no such version"));
            continue;
        };
        if version.location_id == original.location_id {
            let message = "the version is served from there: it is no original";
            findings.push(Finding::violation("I5", "original-is-served", object, message));
            continue;
        }
        if !usable.contains(original.location_id.as_str()) {
            continue;
        }
        let at = |location: &str| {
            scene.disk.folders.get(&(location.to_owned(), original.package_id.clone(), original.version))
        };
        match (at(&original.location_id), at(&version.location_id)) {
            (None, _) => {
                findings.push(Finding::leftover("I3", "original-gone", object, "its folder is not there any more"));
            }
            (Some(copy), Some(served)) if original.same_data == 0 && shares(copy, served) => {
                let message = "recorded as a copy of its own, but a file of it is the same data as what is served";
                findings.push(Finding::violation("I5", "original-same-data", object, message));
            }
            _ => {}
        }
    }
    findings
}

/// Whether two folders have a file of one inode.
fn shares(a: &Folder, b: &Folder) -> bool {
    let inodes: BTreeSet<(u64, u64)> = b.files.values().map(|file| (file.dev, file.inode)).collect();
    a.files.values().any(|file| inodes.contains(&(file.dev, file.inode)))
}
