//! I5 and I7 of packages: one active package for an update, its current version is one that can be served or says why
//! not, every bad state has a reason.

use std::collections::BTreeMap;

use super::Scene;
use crate::{Finding, facts::Facts};

const STATES: [&str; 9] =
    ["wanted", "staging", "staged", "corrupt", "missing", "unreachable", "vendor-changed", "retired", "deleting"];
const BAD: [&str; 4] = ["corrupt", "missing", "unreachable", "vendor-changed"];
const CURRENT: [&str; 3] = ["staged", "corrupt", "missing"];

pub(super) fn look(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let versions = scene.facts.versions_by_key();
    let mut active: BTreeMap<&str, usize> = BTreeMap::new();
    for package in &scene.facts.packages {
        let name = format!("package {}", package.package_id);
        let mut say = |code, message: String| findings.push(Finding::violation("I5", code, &name, message));
        if package.active == 1 {
            *active.entry(&package.update_id).or_default() += 1;
        }
        if let Some(current) = package.current_version {
            match versions.get(&(package.package_id.as_str(), current)) {
                None => say("current-missing", format!("current version {current} does not exist")),
                Some(version) if package.active == 1 && !CURRENT.contains(&version.state.as_str()) => {
                    say("current-state", format!("current version {current} is {}", version.state));
                }
                Some(_) => {}
            }
        }
        let id = package.package_id.as_str();
        if let Some(highest) = Facts::newest(&versions, id)
            && highest >= package.next_version
        {
            say("version-reuse", format!("version {highest} exists, the next would be {}", package.next_version));
        }
        if package.current_version.is_none()
            && package.active == 1
            && let Some((_, staged)) =
                versions.range((id, i64::MIN)..=(id, i64::MAX)).find(|(_, version)| version.state == "staged")
        {
            say("staged-not-current", format!("version {} is staged, but nothing is current", staged.version));
        }
        if let (Some(job), Some(until)) = (&package.lock_job, package.lock_until)
            && until < scene.now_us
        {
            let message = format!("locked by job {job}, whose time is over");
            findings.push(Finding::leftover("I6", "lock-expired", &name, message));
        }
    }
    for (update, count) in active.into_iter().filter(|(_, count)| *count > 1) {
        let message = format!("{count} active packages");
        findings.push(Finding::violation("I5", "two-active", format!("update {update}"), message));
    }
    findings.extend(reasons(scene));
    findings
}

fn reasons(scene: &Scene<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let defaults = scene.facts.locations.iter().filter(|location| location.is_default == 1).count();
    if !scene.facts.locations.is_empty() && defaults != 1 {
        let message = format!("{defaults} default locations");
        findings.push(Finding::violation("I5", "location-default", "locations", message));
    }
    let files = scene.facts.files_by_version();
    for version in &scene.facts.versions {
        let name = format!("package {} version {}", version.package_id, version.version);
        if !STATES.contains(&version.state.as_str()) {
            let message = format!("{:?} is no state", version.state);
            findings.push(Finding::violation("I7", "state-unknown", &name, message));
        }
        if version.state == "retired" && version.retire_after.is_none() {
            findings.push(Finding::violation("I3", "retired-forever", &name, "retired without an end"));
        }
        let rows = files.get(&(version.package_id.as_str(), version.version)).map_or(&[][..], Vec::as_slice);
        let weak = rows.iter().any(|file| file.vendor_digest.contains("sha1"));
        if !rows.is_empty() && weak != (version.weak == 1) {
            let message = format!("marked weak={}, by its files' digests {weak}", version.weak);
            findings.push(Finding::violation("I2", "weak-mark", &name, message));
        }
        if BAD.contains(&version.state.as_str()) && version.reason.is_empty() {
            let message = format!("{}, and nobody says why", version.state);
            findings.push(Finding::violation("I7", "reason-missing", &name, message));
        }
    }
    for file in scene.facts.files.iter().filter(|f| BAD.contains(&f.state.as_str()) && f.reason.is_empty()) {
        let name = format!("package {} version {} file {}", file.package_id, file.version, file.name);
        let message = format!("{}, and nobody says why", file.state);
        findings.push(Finding::violation("I7", "reason-missing", name, message));
    }
    findings
}
