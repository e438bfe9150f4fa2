//! I1: what was acknowledged is still so.

use std::{collections::BTreeMap, fs, path::Path};

use crate::{CheckError, Finding, disk::Disk, facts::Facts};

/// The last word about each object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    packages: BTreeMap<String, Word>,
    jobs: BTreeMap<String, Word>,
    feeds: BTreeMap<String, Word>,
    policies: BTreeMap<String, Word>,
    bulletins: BTreeMap<String, Word>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    /// It is there.
    There,
    /// It is there, in this state or at least at this version.
    At(String),
    /// It is gone.
    Gone,
    /// Something was asked for and the answer never came: it may be either.
    Open,
}

/// Reads a log. A last line without an end was being written when the writer died and does not count.
pub(crate) fn read(path: &Path) -> Result<Log, CheckError> {
    let text = fs::read_to_string(path).map_err(CheckError::read(path))?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut log = Log::default();
    for (number, line) in whole.lines().enumerate() {
        log.note(line).ok_or_else(|| CheckError::Acknowledgement {
            path: path.to_owned(),
            line: number + 1,
            text: line.to_owned(),
        })?;
    }
    Ok(log)
}

impl Log {
    fn note(&mut self, line: &str) -> Option<()> {
        let mut words = line.split_whitespace();
        let (what, first, second) = (words.next()?, words.next()?, words.next());
        let (map, word) = match what {
            "staged" => (&mut self.packages, Word::At(second?.to_owned())),
            "deleted" => (&mut self.packages, Word::Gone),
            "job" => (&mut self.jobs, second.map_or(Word::There, |state| Word::At(state.to_owned()))),
            "feed" => (&mut self.feeds, Word::There),
            "policy" => (&mut self.policies, Word::There),
            "enabled" => (&mut self.bulletins, Word::At("1".into())),
            "disabled" => (&mut self.bulletins, Word::At("0".into())),
            "open" => {
                let map = match first {
                    "package" => &mut self.packages,
                    "job" => &mut self.jobs,
                    "feed" => &mut self.feeds,
                    "policy" => &mut self.policies,
                    "bulletin" => &mut self.bulletins,
                    _ => return None,
                };
                map.insert(second?.to_owned(), Word::Open);
                return Some(());
            }
            _ => return None,
        };
        map.insert(first.to_owned(), word);
        Some(())
    }

    /// What was acknowledged and is no longer so.
    pub(crate) fn compare(&self, facts: &Facts, disk: &Disk) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut lost = |object: String, message: String| {
            findings.push(Finding::violation("I1", "acknowledged-lost", object, message));
        };
        for (id, word) in &self.packages {
            let row = facts.packages.iter().find(|package| package.package_id == *id);
            match word {
                Word::At(version) if !still_staged(facts, id, version) => {
                    lost(format!("package {id}"), format!("version {version} was acknowledged as staged"));
                }
                Word::Gone if row.is_some_and(|package| package.active == 1) => {
                    lost(format!("package {id}"), "its deletion was acknowledged".into());
                }
                Word::Gone if disk.folders.keys().any(|(_, package, _)| package == id) => {
                    lost(format!("package {id}"), "its deletion was acknowledged, its folder is there".into());
                }
                _ => {}
            }
        }
        for (id, word) in &self.jobs {
            let state = facts.jobs.iter().find(|job| job.job_id == *id).map(|job| job.state.as_str());
            match (word, state) {
                (Word::There | Word::At(_), None) => lost(format!("job {id}"), "was acknowledged, is gone".into()),
                (Word::At(said), Some(found)) if said != found => {
                    lost(format!("job {id}"), format!("was acknowledged as {said}, is {found}"));
                }
                _ => {}
            }
        }
        let there = |map: &BTreeMap<String, Word>| -> Vec<String> {
            map.iter().filter(|(_, word)| **word == Word::There).map(|(id, _)| id.clone()).collect()
        };
        for id in there(&self.feeds).into_iter().filter(|id| facts.feeds.iter().all(|f| f.feed_id != *id)) {
            lost(format!("feed {id}"), "was acknowledged, is gone".into());
        }
        for id in there(&self.policies).into_iter().filter(|id| facts.policies.iter().all(|p| p.policy_id != *id)) {
            lost(format!("policy {id}"), "was acknowledged, is gone".into());
        }
        for (id, word) in &self.bulletins {
            let found = facts.bulletins.iter().find(|bulletin| bulletin.bulletin_id == *id).map(|b| b.enabled);
            if let Word::At(said) = word
                && found.map(|enabled| enabled.to_string()).as_ref() != Some(said)
            {
                lost(format!("bulletin {id}"), format!("enabled={said} was acknowledged, it is {found:?}"));
            }
        }
        findings
    }
}

/// The package, or the one that took its place for the update, has a staged version at least as new.
fn still_staged(facts: &Facts, id: &str, version: &str) -> bool {
    let staged = |package: &str, at_least: i64| {
        facts.versions.iter().any(|v| v.package_id == package && v.version >= at_least && v.state == "staged")
    };
    let Some(package) = facts.packages.iter().find(|package| package.package_id == id) else {
        // Replaced by another GUID and its retired files cleared: the log then has a line for the successor.
        return false;
    };
    version.parse().is_ok_and(|version| staged(id, version))
        || facts
            .packages
            .iter()
            .filter(|other| other.active == 1 && other.package_id != id && other.update_id == package.update_id)
            .any(|other| staged(&other.package_id, 1))
}
