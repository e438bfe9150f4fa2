//! Which advisory a source package in the archive belongs to.

use std::collections::{HashMap, HashSet};

use debversion::Version;
use patchwharf_model::{Severity, catalogue::BulletinInfo};

use super::{Advisories, Advisory};

/// Finds the advisory of each source package, and remembers which ones the archive still holds.
#[derive(Debug)]
pub struct Matching<'a> {
    advisories: &'a Advisories,
    /// Whether a package of the archive belongs to the advisory.
    held: Vec<bool>,
    /// Whether the archive has a source package that the advisory names.
    concerned: Vec<bool>,
    /// Source packages that were looked for.
    seen: HashSet<&'a str>,
}

/// Per source package, for each place in its list of fixed versions: the first advisory from there on that is held. (A
/// list of advisories is nobody's signed word: looking for it anew for each would take time by the square of its length.)
type NextHeld<'a> = HashMap<&'a str, Vec<Option<usize>>>;

impl<'a> Matching<'a> {
    pub(super) fn new(advisories: &'a Advisories) -> Self {
        let count = advisories.all.len();
        Self { advisories, held: vec![false; count], concerned: vec![false; count], seen: HashSet::new() }
    }

    /// The advisory with the highest fixed version that `version` of `source` contains.
    pub fn find(&mut self, source: &str, version: &Version) -> Option<&'a Advisory> {
        let (source, versions) = self.advisories.by_source.get_key_value(source)?;
        if self.seen.insert(source) {
            for (_, place) in versions {
                self.concerned[*place] = true;
            }
        }
        let contained = versions.partition_point(|(fixed, _)| fixed <= version);
        let (_, place) = versions[..contained].last()?;
        self.held[*place] = true;
        Some(&self.advisories.all[*place])
    }

    /// The bulletins of all that was found: those that the archive holds, and those whose fixed version has left it,
    /// superseded by the lowest newer one that it holds. An advisory whose fix has not arrived is none yet.
    pub fn bulletins(&self) -> impl Iterator<Item = BulletinInfo> + '_ {
        let next_held = self.next_held();
        self.advisories.all.iter().enumerate().filter(|(place, _)| self.concerned[*place]).filter_map(
            move |(place, advisory)| {
                let successor = if self.held[place] { None } else { Some(self.successor(place, &next_held)?) };
                Some(info(advisory, successor))
            },
        )
    }

    fn next_held(&self) -> NextHeld<'a> {
        let mut all = NextHeld::new();
        for (source, versions) in &self.advisories.by_source {
            let mut next = vec![None; versions.len()];
            let mut held = None;
            for ((_, place), next) in versions.iter().zip(&mut next).rev() {
                held = Some(*place).filter(|place| self.held[*place]).or(held);
                *next = held;
            }
            all.insert(source.as_str(), next);
        }
        all
    }

    fn successor(&self, place: usize, next_held: &NextHeld<'a>) -> Option<&Advisory> {
        self.advisories.all[place].fixed.iter().find_map(|(source, fixed)| {
            let versions = self.advisories.by_source.get(source)?;
            let newer = versions.partition_point(|(version, _)| version < fixed);
            let found = (*next_held.get(source.as_str())?.get(newer)?)?;
            Some(&self.advisories.all[found])
        })
    }
}

fn info(advisory: &Advisory, successor: Option<&Advisory>) -> BulletinInfo {
    BulletinInfo {
        key: advisory.id.clone(),
        title: advisory.title.clone(),
        description: advisory.description.clone(),
        severity: Severity::NotRated,
        cves: advisory.cves.clone(),
        released: advisory.date,
        superseded_by: successor.map(|advisory| advisory.id.clone()),
    }
}
