//! I3: nothing on disk without an owner, no row without its folder.

use std::collections::BTreeSet;

use super::Scene;
use crate::Finding;

/// States in which a version's folder is on disk. A missing or corrupt one may be without.
const WITH_FOLDER: [&str; 6] = ["staged", "retired", "corrupt", "missing", "vendor-changed", "deleting"];
/// States of files that are still to come.
const ON_ITS_WAY: [&str; 6] = ["wanted", "staging", "unreachable", "vendor-changed", "corrupt", "missing"];

pub(super) fn look(scene: &Scene<'_>) -> Vec<Finding> {
    let versions = scene.facts.versions_by_key();
    let originals: BTreeSet<(&str, &str, i64)> = scene
        .facts
        .originals
        .iter()
        .map(|original| (original.location_id.as_str(), original.package_id.as_str(), original.version))
        .collect();
    let mut findings = Vec::new();
    for ((location, package, number), folder) in &scene.disk.folders {
        let place = folder.path.display();
        match versions.get(&(package.as_str(), *number)) {
            None => findings.push(Finding::leftover("I3", "folder-without-row", place, "no version in the database")),
            Some(_) if originals.contains(&(location.as_str(), package.as_str(), *number)) => {}
            Some(version) if version.location_id != *location => {
                let message = format!("the database says that it is at location {}", version.location_id);
                findings.push(Finding::leftover("I3", "folder-elsewhere", place, message));
            }
            Some(version) if !WITH_FOLDER.contains(&version.state.as_str()) => {
                let message = format!("the database says {}", version.state);
                findings.push(Finding::leftover("I3", "folder-early", place, message));
            }
            Some(_) => {}
        }
    }
    for version in scene.facts.versions.iter().filter(|version| version.state == "retired") {
        let key = (version.location_id.clone(), version.package_id.clone(), version.version);
        if !scene.disk.folders.contains_key(&key) {
            let object = format!("package {} version {}", version.package_id, version.version);
            findings.push(Finding::violation("I3", "row-without-folder", object, "retired, but its folder is gone"));
        }
    }
    for version in scene.facts.versions.iter().filter(|version| version.state == "deleting") {
        let object = format!("package {} version {}", version.package_id, version.version);
        findings.push(Finding::leftover("I3", "deletion-unfinished", object, "marked for deletion, still there"));
    }
    for path in &scene.disk.empty {
        findings.push(Finding::leftover("I3", "folder-empty", path.display(), "a package folder without a version"));
    }
    for path in &scene.disk.strangers {
        findings.push(Finding::leftover(
            "I3",
            "stranger",
            path.display(),
            "no part of a package location; the server never touches it",
        ));
    }
    findings.extend(staging(scene));
    findings.extend(uploads(scene));
    findings
}

/// `uploads` holds files that a job is still to take, and nothing else.
fn uploads(scene: &Scene<'_>) -> Vec<Finding> {
    let open = |name: &str| {
        let jobs = scene.facts.jobs.iter().filter(|job| job.kind == "supply" && job.ended_at.is_none());
        jobs.into_iter().any(|job| job.payload.contains(name))
    };
    let left = scene.uploads.iter().filter(|name| !open(name));
    left.map(|name| Finding::leftover("I3", "upload-unowned", format!("uploads/{name}"), "no job is to take it"))
        .collect()
}

/// `.staging` holds files that somebody still waits for, and nothing else.
fn staging(scene: &Scene<'_>) -> Vec<Finding> {
    let awaited: BTreeSet<String> = scene
        .facts
        .files
        .iter()
        .filter(|file| ON_ITS_WAY.contains(&file.state.as_str()))
        .filter_map(|file| {
            let digest: serde_json::Value = serde_json::from_str(&file.vendor_digest).ok()?;
            digest.as_object()?.values().next()?.as_str().map(str::to_owned)
        })
        .collect();
    scene
        .disk
        .staging
        .iter()
        .filter(|(_, name)| !awaited.contains(name))
        .map(|(location, name)| {
            Finding::leftover(
                "I3",
                "staging-unowned",
                format!("location {location} .staging/{name}"),
                "nobody waits for it",
            )
        })
        .collect()
}
