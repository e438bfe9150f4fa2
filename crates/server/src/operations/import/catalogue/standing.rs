//! Once all has come in: what has vanished, who supersedes whom, what is to be staged.

use std::sync::Arc;

use patchwharf_db::catalogue::UpdateStanding;
use patchwharf_model::UpdateId;

use super::{Catalogue, Shrink};
use crate::operations::import::supersedence::{Standing, resolve};

impl Catalogue {
    /// Whether more than half of the updates, and more than 20, have vanished (S-23).
    pub(in crate::operations::import) fn shrink(&self) -> Option<Shrink> {
        let listed =
            self.entries.iter().filter(|e| e.known.as_ref().is_some_and(|known| known.listed && !known.withdrawn));
        let (mut missing, mut all) = (0, 0);
        for entry in listed {
            all += 1;
            missing += usize::from(!entry.present);
        }
        (missing > 20 && missing * 2 > all).then_some(Shrink { missing, listed: all })
    }

    /// Who supersedes whom, now that all is known.
    pub(in crate::operations::import) fn resolve(&mut self) -> Standing {
        let edges = std::mem::take(&mut self.edges);
        let mut standing = resolve(self.entries.len(), edges, |node| self.entries[node as usize].key.to_string());
        // An update that left the catalogue without being withdrawn still supersedes what it superseded.
        for (entry, superseded_by) in self.entries.iter().zip(&mut standing.superseded_by) {
            let before = entry.known.as_ref().and_then(|known| known.superseded_by.as_deref());
            let Some(at) = before.filter(|_| superseded_by.is_none()).and_then(|key| self.index.get(key)) else {
                continue;
            };
            let newer = &self.entries[*at as usize];
            let kept = newer.taken.is_none() && newer.known.as_ref().is_some_and(|known| !known.withdrawn);
            if kept && !standing.in_cycle[*at as usize] {
                *superseded_by = Some(*at);
            }
        }
        standing
    }

    /// The key of the update that supersedes this one.
    pub(in crate::operations::import) fn superseder(&self, standing: &Standing, at: usize) -> Option<Arc<str>> {
        standing.superseded_by[at].map(|newer| Arc::clone(&self.entries[newer as usize].key))
    }

    /// Updates whose standing is not yet what it should be.
    pub(in crate::operations::import) fn changed_standing(&self, standing: &Standing) -> Vec<UpdateStanding> {
        let mut changes = Vec::new();
        for (at, entry) in self.entries.iter().enumerate() {
            let superseded_by = self.superseder(standing, at);
            let listed = entry.taken.is_some();
            let before = entry.known.as_ref();
            let id = entry.taken.as_ref().and_then(|taken| taken.update_id).or(before.map(|known| known.update_id));
            let Some(update_id) = id else { continue };
            // What was written in this generation was written as listed, superseded as before.
            let written = entry.taken.as_ref().is_some_and(|taken| taken.changed);
            let listed_before = written || before.is_some_and(|known| known.listed);
            let superseded_before = before.and_then(|known| known.superseded_by.as_deref());
            if listed_before != listed || superseded_before != superseded_by.as_deref() {
                let superseded_by = superseded_by.map(|key| key.to_string());
                changes.push(UpdateStanding { update_id, superseded_by, listed });
            }
        }
        changes
    }

    /// Live updates that the feed's rule wants staged.
    pub(in crate::operations::import) fn to_stage(&self, standing: &Standing) -> Vec<UpdateId> {
        let live = self.entries.iter().zip(&standing.superseded_by).filter(|(_, superseded)| superseded.is_none());
        live.filter_map(|(entry, _)| entry.taken.as_ref().filter(|taken| taken.stage)?.update_id).collect()
    }
}
