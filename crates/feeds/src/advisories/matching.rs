//! Which advisory a source package in the archive belongs to.

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
}

impl<'a> Matching<'a> {
    pub(super) fn new(advisories: &'a Advisories) -> Self {
        let count = advisories.all.len();
        Self { advisories, held: vec![false; count], concerned: vec![false; count] }
    }

    /// The advisory with the highest fixed version that `version` of `source` contains.
    pub fn find(&mut self, source: &str, version: &Version) -> Option<&'a Advisory> {
        let versions = self.advisories.by_source.get(source)?;
        for (_, place) in versions {
            self.concerned[*place] = true;
        }
        let contained = versions.partition_point(|(fixed, _)| fixed <= version);
        let (_, place) = versions[..contained].last()?;
        self.held[*place] = true;
        Some(&self.advisories.all[*place])
    }

    /// The bulletins of all that was found: those that the archive holds, and those whose fixed version has left it,
    /// superseded by the lowest newer one that it holds. An advisory whose fix has not arrived is none yet.
    pub fn bulletins(&self) -> impl Iterator<Item = BulletinInfo> + '_ {
        self.advisories.all.iter().enumerate().filter(|(place, _)| self.concerned[*place]).filter_map(
            |(place, advisory)| {
                let successor = if self.held[place] { None } else { Some(self.successor(place)?) };
                Some(info(advisory, successor))
            },
        )
    }

    fn successor(&self, place: usize) -> Option<&Advisory> {
        self.advisories.all[place].fixed.iter().find_map(|(source, fixed)| {
            let newer = self.advisories.by_source.get(source)?.iter();
            let (_, found) = newer.filter(|(version, _)| version >= fixed).find(|(_, other)| self.held[*other])?;
            Some(&self.advisories.all[*found])
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
