//! A second look: what is called mended was seen to be right.

use std::collections::{HashSet, btree_map::Entry};

use patchwharf_db::packages;
use patchwharf_model::{PackageId, finding::Finding};

use super::Check;
use crate::operations::{
    Ending, OperationError,
    integrity::prove::{Item, Manner, prove},
};

impl Check<'_> {
    /// Judges packages again, every byte from the disk. Gives the keys of what is not wrong any more; what still is was
    /// written down again, and is not offered. `Err` in the inner result: the job cannot go on now.
    pub(super) async fn look_again(
        &mut self,
        doubtful: Vec<(String, Finding)>,
    ) -> Result<Result<HashSet<String>, Ending>, OperationError> {
        let ids: HashSet<PackageId> = doubtful.iter().filter_map(|(_, finding)| finding.package).collect();
        if ids.is_empty() {
            return Ok(Ok(HashSet::new()));
        }
        for (key, _) in &doubtful {
            self.findings.remove(key);
        }
        self.judged.retain(|package, _| !ids.contains(package));
        let counted = self.counted;
        let ids: Vec<PackageId> = ids.into_iter().collect();
        let rows = packages::placed(&self.ctx.app.db, &ids).await?;
        let manner = Manner { light: false, past_cache: true, ..self.manner() };
        let looked = prove(self.ctx, manner, Item::of(self.ctx, rows), self).await?;
        // The same packages once more.
        self.counted = counted;
        let mut right = HashSet::new();
        for (key, finding) in doubtful {
            let seen = finding.package.is_some_and(|package| self.judged.get(&package).copied() == finding.version);
            if let Entry::Vacant(place) = self.findings.entry(key) {
                right.extend(seen.then(|| place.key().clone()));
                place.insert(finding);
            }
        }
        Ok(looked.map(|()| right))
    }
}
