//! Columns that lists sort by equal what they count.

use std::collections::{BTreeMap, BTreeSet};

use super::Scene;
use crate::{
    Finding,
    facts::{Bulletin, BulletinCount, BulletinRevision, Facts, Package, UpdateRevision, Version},
};

/// What a bulletin's derived columns must be.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    updates: i64,
    packages: i64,
    bad_packages: i64,
    policies: i64,
    oldest_proof_at: i64,
}

/// What the counts of a bulletin repeat of its revision and of the bulletin.
#[derive(Debug, PartialEq, Eq)]
struct Repeated {
    severity: i64,
    released_at: i64,
    revised_at: i64,
    withdrawn: i64,
    listed: i64,
    superseded: i64,
    enabled: i64,
}

impl Repeated {
    fn by(row: &BulletinCount) -> Self {
        let BulletinCount { severity, released_at, revised_at, withdrawn, listed, superseded, enabled, .. } = *row;
        Self { severity, released_at, revised_at, withdrawn, listed, superseded, enabled }
    }

    fn of(bulletin: &Bulletin, revision: &BulletinRevision) -> Self {
        let BulletinRevision { severity, released_at, revised_at, withdrawn, listed, .. } = *revision;
        let superseded = i64::from(revision.superseded_by.is_some());
        Self { severity, released_at, revised_at, withdrawn, listed, superseded, enabled: bulletin.enabled }
    }
}

pub(super) fn look(scene: &Scene<'_>) -> Vec<Finding> {
    let facts = scene.facts;
    let versions = facts.versions_by_key();
    let proved = look_times(scene, &versions, false);
    let mut findings = packages(scene, &versions, &proved);

    let mut by_bulletin: BTreeMap<&str, Vec<&UpdateRevision>> = BTreeMap::new();
    for row in &facts.update_revisions {
        by_bulletin.entry(&row.bulletin_id).or_default().push(row);
    }
    let active: BTreeMap<&str, &Package> =
        facts.packages.iter().filter(|p| p.active == 1).map(|p| (p.update_id.as_str(), p)).collect();
    let mut policies: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for switch in &facts.policy_updates {
        policies.entry(&switch.update_id).or_default().insert(&switch.policy_id);
    }
    let current: BTreeMap<&str, i64> =
        facts.feeds.iter().map(|feed| (feed.feed_id.as_str(), feed.current_generation)).collect();
    let bulletins: BTreeMap<&str, &Bulletin> = facts.bulletins.iter().map(|b| (b.bulletin_id.as_str(), b)).collect();
    let object = |id: &str| format!("bulletin {}", bulletins.get(id).map_or(id, |b| b.name.as_str()));
    let mut revisions: BTreeMap<&str, Vec<&BulletinRevision>> = BTreeMap::new();
    for row in &facts.bulletin_revisions {
        revisions.entry(&row.bulletin_id).or_default().push(row);
    }
    let mut visible: BTreeSet<&str> = BTreeSet::new();
    for row in &facts.bulletin_counts {
        let Some(now) = current.get(row.feed_id.as_str()) else { continue };
        if row.to_gen.is_some_and(|end| end <= *now) {
            continue;
        }
        if row.from_gen <= *now {
            visible.insert(&row.bulletin_id);
        }
        // What an import has counted that is not current yet must be as true as what readers see.
        let at = row.from_gen.max(*now);
        let valid = |r: &&&UpdateRevision| r.from_gen <= at && r.to_gen.is_none_or(|end| end > at);
        let rows: Vec<&UpdateRevision> =
            by_bulletin.get(row.bulletin_id.as_str()).into_iter().flatten().filter(valid).copied().collect();
        let found = Counted {
            updates: row.updates,
            packages: row.packages,
            bad_packages: row.bad_packages,
            policies: row.policies,
            oldest_proof_at: row.oldest_proof_at,
        };
        let counted = count(&rows, &active, &versions, &policies, &proved);
        if found != counted {
            let message = format!("at generation {at}: {found:?}, counted {counted:?}");
            findings.push(Finding::violation("I5", "derived-bulletin", object(&row.bulletin_id), message));
        }
        let mut said = revisions.get(row.bulletin_id.as_str()).into_iter().flatten();
        let said = said.find(|r| r.from_gen <= at && r.to_gen.is_none_or(|end| end > at));
        let Some((bulletin, revision)) = bulletins.get(row.bulletin_id.as_str()).zip(said) else {
            let message = format!("at generation {at} it is counted, but no catalogue says anything of it");
            findings.push(Finding::violation("I5", "derived-bulletin", object(&row.bulletin_id), message));
            continue;
        };
        let (found, of) = (Repeated::by(row), Repeated::of(bulletin, revision));
        if found != of {
            let message = format!("at generation {at}: {found:?}, the catalogue says {of:?}");
            findings.push(Finding::violation("I5", "derived-bulletin", object(&row.bulletin_id), message));
        }
    }
    for row in facts.bulletin_revisions.iter().filter(|r| facts.is_visible(&r.feed_id, r.from_gen, r.to_gen)) {
        if !visible.contains(row.bulletin_id.as_str()) {
            let message = "is in the current catalogue, but nothing is counted for it, so that no list shows it";
            findings.push(Finding::violation("I5", "derived-missing", object(&row.bulletin_id), message));
        }
    }
    findings
        .extend(facts.search.iter().map(|line| Finding::violation("I5", "derived-search", "text index", line.clone())));
    findings
}

fn count(
    rows: &[&UpdateRevision],
    active: &BTreeMap<&str, &Package>,
    versions: &BTreeMap<(&str, i64), &Version>,
    policies: &BTreeMap<&str, BTreeSet<&str>>,
    proved: &BTreeMap<(&str, i64), i64>,
) -> Counted {
    let mut counted = Counted::default();
    let mut policy_ids: BTreeSet<&str> = BTreeSet::new();
    for row in rows {
        policy_ids.extend(policies.get(row.update_id.as_str()).into_iter().flatten());
        let live = row.withdrawn == 0 && row.superseded_by.is_none() && row.files != "[]";
        counted.updates += i64::from(live);
        let current = active
            .get(row.update_id.as_str())
            .and_then(|package| versions.get(&(package.package_id.as_str(), package.current_version?)));
        let Some(version) = current else { continue };
        if version.state == "corrupt" || version.state == "missing" {
            counted.bad_packages += 1;
        }
        if live && version.state == "staged" && version.unproved == 0 && version.files_digest == row.files_digest {
            counted.packages += 1;
        }
        if version.state == "staged"
            && let Some(at) = proved.get(&(version.package_id.as_str(), version.version))
        {
            counted.oldest_proof_at = if counted.oldest_proof_at == 0 { *at } else { counted.oldest_proof_at.min(*at) };
        }
    }
    counted.policies = policy_ids.len() as i64;
    counted
}

/// The oldest proof among the files of each version; a version with a file that has none has none. With `bad`, the time when
/// a file was found to be bad counts as well.
fn look_times<'a>(
    scene: &'a Scene<'_>,
    versions: &BTreeMap<(&'a str, i64), &'a Version>,
    bad: bool,
) -> BTreeMap<(&'a str, i64), i64> {
    let proofs: BTreeMap<(&str, i64, i64), i64> =
        scene.facts.proofs.iter().map(|p| ((p.location_id.as_str(), p.dev, p.inode), p.verified_at)).collect();
    let mut oldest: BTreeMap<(&str, i64), Option<i64>> = BTreeMap::new();
    for file in &scene.facts.files {
        let key = (file.package_id.as_str(), file.version);
        let Some(version) = versions.get(&key) else { continue };
        let inode = file.dev.zip(file.inode);
        let at = inode.and_then(|(dev, inode)| proofs.get(&(version.location_id.as_str(), dev, inode))).copied();
        let at = at.or(file.looked_at.filter(|_| bad));
        let entry = oldest.entry(key).or_insert(Some(i64::MAX));
        *entry = entry.zip(at).map(|(a, b)| a.min(b));
    }
    oldest.into_iter().filter_map(|(key, at)| Some((key, at?))).collect()
}

/// What a package's row repeats of the version that it shows.
fn packages<'a>(
    scene: &'a Scene<'_>,
    versions: &BTreeMap<(&'a str, i64), &'a Version>,
    proved: &BTreeMap<(&str, i64), i64>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let looked = look_times(scene, versions, true);
    for package in &scene.facts.packages {
        let shown = package.current_version.or_else(|| Facts::newest(versions, &package.package_id));
        let version = shown.and_then(|number| versions.get(&(package.package_id.as_str(), number)));
        let at = |times: &BTreeMap<(&str, i64), i64>| {
            version.and_then(|v| times.get(&(v.package_id.as_str(), v.version))).copied().unwrap_or(0)
        };
        let state = version.map(|v| v.state.as_str());
        let marks = version.map_or((None, 0, 0), |v| (Some(v.location_id.as_str()), v.weak, v.unproved));
        let size_bytes = version.map_or(0, |v| v.size_bytes);
        let counted = (version.map(|v| v.version), state, size_bytes, marks, (at(proved), at(&looked)));
        let marks_found = (package.location_id.as_deref(), package.weak, package.unproved);
        let times = (package.proved_at, package.verified_at);
        let found = (package.shown_version, package.state.as_deref(), package.size_bytes, marks_found, times);
        if found != counted {
            let object = format!("package {}", package.package_id);
            findings.push(Finding::violation(
                "I5",
                "derived-package",
                object,
                format!("{found:?}, counted {counted:?}"),
            ));
        }
    }
    findings
}
