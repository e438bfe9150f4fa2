//! Proof stamps: a stamp that still fits vouches for the bytes that are there.

use std::collections::{BTreeMap, BTreeSet};

use super::Scene;
use crate::Finding;

pub(super) fn look(scene: &Scene<'_>) -> Vec<Finding> {
    let proofs: BTreeMap<(&str, i64, i64), _> =
        scene.facts.proofs.iter().map(|p| ((p.location_id.as_str(), p.dev, p.inode), p)).collect();
    let versions = scene.facts.versions_by_key();
    let mut used = BTreeSet::new();
    let mut findings = Vec::new();
    for file in &scene.facts.files {
        let Some(version) = versions.get(&(file.package_id.as_str(), file.version)) else { continue };
        let (Some(dev), Some(inode)) = (file.dev, file.inode) else {
            if file.state == "staged" && version.state == "staged" {
                let object = format!("package {} version {} file {}", file.package_id, file.version, file.name);
                findings.push(Finding::violation(
                    "I4",
                    "proof-missing",
                    object,
                    "staged, but nothing says when it was proved",
                ));
            }
            continue;
        };
        let key = (version.location_id.as_str(), dev, inode);
        used.insert(key);
        let object = format!("package {} version {} file {}", file.package_id, file.version, file.name);
        let Some(proof) = proofs.get(&key) else {
            if file.state == "staged" && version.state == "staged" {
                findings.push(Finding::leftover("I4", "proof-missing", object, "staged, to be proved again"));
            }
            continue;
        };
        // Of what is being deleted the file may be gone already, and its inode another file's.
        let is_there = version.state != "deleting";
        if is_there && file.state == "staged" && Some(&proof.sha256) != file.sha256.as_ref() {
            let message = format!("the proof is of {}, the row says {:?}", proof.sha256, file.sha256);
            findings.push(Finding::violation("I4", "proof-differs", &object, message));
        }
        let folder = (version.location_id.clone(), file.package_id.clone(), file.version);
        let Some(entry) = scene.disk.folders.get(&folder).and_then(|folder| folder.files.get(&file.name)) else {
            continue;
        };
        let fits = i64::try_from(entry.dev) == Ok(dev)
            && i64::try_from(entry.inode) == Ok(inode)
            && i64::try_from(entry.size_bytes) == Ok(proof.size_bytes)
            && entry.mtime_ns == i128::from(proof.mtime_ns)
            && entry.ctime_ns == i128::from(proof.ctime_ns);
        if let Some(found) = &entry.sha256
            && fits
            && *found != proof.sha256
        {
            let message = format!("the stamp fits, but the bytes are {found}, not {}", proof.sha256);
            findings.push(Finding::violation("I4", "proof-wrong", &object, message));
        }
    }
    for proof in scene.facts.proofs.iter().filter(|p| !used.contains(&(p.location_id.as_str(), p.dev, p.inode))) {
        let object = format!("location {} inode {}:{}", proof.location_id, proof.dev, proof.inode);
        findings.push(Finding::leftover("I3", "proof-unused", object, "no file of the database has this inode"));
    }
    findings
}
