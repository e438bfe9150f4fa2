//! An update as it comes in: chosen by the rules, compared with what is known, put into the batch.

use patchwharf_db::catalogue::NewUpdate;
use patchwharf_model::{
    Sha256, Timestamp,
    catalogue::Rejected,
    update::{PayloadFile, PublicationState, UpdateItem, UpdateType},
};

use super::{
    Catalogue, Row, Taken,
    digest::{digest, files_digest},
};
use crate::operations::import::{bulletins::Gathered, supersedence::Edge};

impl Catalogue {
    pub(in crate::operations::import) fn update(&mut self, update: UpdateItem) -> Option<Rejected> {
        let at = self.at(&update.key);
        if self.entries[at as usize].present {
            return self.twice(at, &update);
        }
        self.entries[at as usize].present = true;
        self.newest = self.newest.max((update.revised != Timestamp::UNIX_EPOCH).then_some(update.revised));
        let Some(files) = self.rules.choose(&update) else {
            self.left_out += 1;
            self.left_out_of.insert(update.bulletin);
            return None;
        };
        let files: Vec<PayloadFile> = files.into_iter().cloned().collect();
        let withdrawn = update.publication == PublicationState::Expired;
        let stage = !withdrawn && self.auto_stage.as_ref().is_some_and(|rules| rules.choose(&update).is_some());
        let (text, digest) = digest(&update, &files);
        let known = self.entries[at as usize].known.as_ref();
        let changed = known.is_none_or(|known| known.digest != digest || known.withdrawn != withdrawn);
        let update_id = known.map(|known| known.update_id);
        let superseded_by = known.and_then(|known| known.superseded_by.clone());
        let bulletin = self.gather(&update, withdrawn);
        if !withdrawn {
            for superseded in &update.supersedes {
                let superseded = self.at(superseded);
                self.edges.push(Edge { newer: at, older: superseded });
            }
        }
        self.entries[at as usize].taken =
            Some(Taken { digest, bulletin, withdrawn, changed, stage: stage && !files.is_empty(), update_id });
        if changed {
            self.batch_bytes += text.len();
            self.batch.push(self.row(update, files, withdrawn, superseded_by, text, digest));
        }
        None
    }

    fn row(
        &self,
        update: UpdateItem,
        files: Vec<PayloadFile>,
        withdrawn: bool,
        superseded_by: Option<String>,
        item: String,
        digest: Sha256,
    ) -> Row {
        let unknown = update.revised == Timestamp::UNIX_EPOCH;
        let row = NewUpdate {
            key: update.key,
            bulletin: update.bulletin,
            revised_at: if unknown { self.now } else { update.revised },
            title: update.title,
            vendor: update.vendor,
            classification: update.classification,
            architecture: update.architecture,
            version: update.version,
            severity: update.severity,
            update_type: update_type(update.update_type).to_owned(),
            withdrawn,
            superseded_by,
            size_bytes: files.iter().map(|file| file.size_bytes).sum(),
            files_digest: files_digest(&files),
            files,
            item,
            digest,
        };
        (row, update.supersedes)
    }

    /// A key that the catalogue has twice: the first stays (S-16).
    fn twice(&mut self, at: u32, update: &UpdateItem) -> Option<Rejected> {
        let first = self.entries[at as usize].taken.as_ref()?;
        let files: Vec<PayloadFile> = self.rules.choose(update)?.into_iter().cloned().collect();
        if digest(update, &files).1 == first.digest {
            return None;
        }
        self.rejected += 1;
        let bulletin = &self.gathered[first.bulletin as usize].name;
        let reason = format!(
            "the catalogue has this update twice with different contents: first in bulletin {bulletin:?}, then as {:?} in \
             bulletin {:?}; the first was kept, tell the vendor",
            update.title, update.bulletin
        );
        Some(Rejected { item: update.key.clone(), reason })
    }

    fn gather(&mut self, update: &UpdateItem, withdrawn: bool) -> u32 {
        let at = match self.bulletins.get(&update.bulletin) {
            Some(at) => *at,
            None => {
                let at = u32::try_from(self.gathered.len()).unwrap_or(u32::MAX);
                self.bulletins.insert(update.bulletin.clone(), at);
                self.gathered.push(Gathered::new(update.bulletin.clone()));
                at
            }
        };
        self.gathered[at as usize].add(update, withdrawn);
        at
    }
}

fn update_type(update_type: UpdateType) -> &'static str {
    match update_type {
        UpdateType::Software => "software",
        UpdateType::Driver => "driver",
        UpdateType::Detectoid => "detectoid",
    }
}
