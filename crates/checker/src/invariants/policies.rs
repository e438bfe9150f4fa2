//! Policies point at packages that exist and follow their update's package.

use std::collections::BTreeMap;

use super::Scene;
use crate::Finding;

pub(super) fn look(scene: &Scene<'_>) -> Vec<Finding> {
    let packages: BTreeMap<&str, _> = scene.facts.packages.iter().map(|p| (p.package_id.as_str(), p)).collect();
    let versions = scene.facts.versions_by_key();
    let names: BTreeMap<&str, &str> =
        scene.facts.policies.iter().map(|p| (p.policy_id.as_str(), p.name.as_str())).collect();
    let asks: BTreeMap<&str, bool> =
        scene.facts.policies.iter().map(|p| (p.policy_id.as_str(), p.on_revision == "ask")).collect();
    let mut findings = Vec::new();
    for switch in &scene.facts.policy_updates {
        let policy = names.get(switch.policy_id.as_str()).copied().unwrap_or(&switch.policy_id);
        let object = format!("policy {policy} update {}", switch.update_id);
        let mut say = |code, message: String| findings.push(Finding::violation("I5", code, &object, message));
        for (what, package, version) in [
            ("points at", &switch.package_id, switch.version),
            ("waits for", &switch.pending_package, switch.pending_version),
        ] {
            let Some(id) = package else { continue };
            match packages.get(id.as_str()) {
                None => say("policy-package", format!("{what} package {id}, which does not exist")),
                Some(found) if found.update_id != switch.update_id => {
                    say("policy-package", format!("{what} package {id} of update {}", found.update_id));
                }
                Some(_) => {}
            }
            let Some(version) = version else { continue };
            match versions.get(&(id.as_str(), version)) {
                None => {
                    say("policy-version", format!("{what} version {version} of package {id}, which does not exist"))
                }
                Some(found) if found.unproved != 0 => {
                    say(
                        "policy-unproved",
                        format!("{what} version {version} of package {id}, which nobody vouches for"),
                    );
                }
                Some(_) => {}
            }
        }
        let follows = scene.facts.packages.iter().find(|p| p.active == 1 && p.update_id == switch.update_id);
        if let (Some(id), Some(now)) = (&switch.package_id, follows)
            && *id != now.package_id
            && now.current_version.is_some()
            && switch.pending_package.is_none()
            && !asks.get(switch.policy_id.as_str()).copied().unwrap_or(false)
        {
            say("policy-behind", format!("still points at package {id}, the update's package is {}", now.package_id));
        }
    }
    findings
}
