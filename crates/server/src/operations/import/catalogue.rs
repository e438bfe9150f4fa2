//! A catalogue as it comes in, compared with what is known. Only keys, digests and edges of all updates are held, and
//! the contents of one batch.

mod digest;
mod incoming;
mod report;
mod standing;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use patchwharf_db::catalogue::{KnownUpdate, NewUpdate};
use patchwharf_model::{Sha256, Timestamp, UpdateId, api::FeedRules, catalogue::BulletinInfo};

use super::{bulletins::Gathered, supersedence::Edge};
pub(crate) use digest::files_digest;

/// Updates of one transaction.
const BATCH_UPDATES: usize = 1_000;
/// So many are worth one when the database has nothing else to do.
const FEW_UPDATES: usize = 200;
/// Bytes of one transaction.
const BATCH_BYTES: usize = 16 << 20;

/// All updates of a feed: those that are known, and those that come in.
#[derive(Debug)]
pub(super) struct Catalogue {
    rules: FeedRules,
    auto_stage: Option<FeedRules>,
    now: Timestamp,
    index: HashMap<Arc<str>, u32>,
    pub(super) entries: Vec<Entry>,
    edges: Vec<Edge>,
    pub(super) bulletins: HashMap<String, u32>,
    pub(super) gathered: Vec<Gathered>,
    pub(super) infos: HashMap<String, BulletinInfo>,
    batch: Vec<Row>,
    batch_bytes: usize,
    newest: Option<Timestamp>,
    left_out: u64,
    /// Bulletins of updates that the rules leave out.
    pub(super) left_out_of: HashSet<String>,
    rejected: u64,
}

/// One key.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Arc<str>,
    pub(super) known: Option<KnownUpdate>,
    /// The catalogue has it, taken or not.
    present: bool,
    pub(super) taken: Option<Taken>,
}

/// An update that the rules take.
#[derive(Debug)]
pub(super) struct Taken {
    digest: Sha256,
    /// Its place in `gathered`.
    pub(super) bulletin: u32,
    pub(super) withdrawn: bool,
    /// Written in this generation.
    changed: bool,
    /// To be staged by rule.
    stage: bool,
    /// Known before, or told by the database when it was written.
    update_id: Option<UpdateId>,
}

/// An update to write, and the keys that it supersedes.
pub(super) type Row = (NewUpdate, Vec<String>);

/// Most updates have vanished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shrink {
    pub(super) missing: usize,
    pub(super) listed: usize,
}

impl Catalogue {
    pub(super) fn new(
        rules: FeedRules,
        auto_stage: Option<FeedRules>,
        known: HashMap<String, KnownUpdate>,
        now: Timestamp,
    ) -> Self {
        let mut catalogue = Self {
            rules,
            auto_stage,
            now,
            index: HashMap::with_capacity(known.len()),
            entries: Vec::with_capacity(known.len()),
            edges: Vec::new(),
            bulletins: HashMap::new(),
            gathered: Vec::new(),
            infos: HashMap::new(),
            batch: Vec::new(),
            batch_bytes: 0,
            newest: None,
            left_out: 0,
            left_out_of: HashSet::new(),
            rejected: 0,
        };
        for (key, mut update) in known {
            update.update_key = String::new();
            let at = catalogue.at(&key);
            catalogue.entries[at as usize].known = Some(update);
        }
        catalogue
    }

    /// The place of a key; made when it is new.
    fn at(&mut self, key: &str) -> u32 {
        if let Some(at) = self.index.get(key) {
            return *at;
        }
        // `entries` of a catalogue are limited to two million, and each has a limited number of edges.
        let at = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let key: Arc<str> = key.into();
        self.index.insert(Arc::clone(&key), at);
        self.entries.push(Entry { key, known: None, present: false, taken: None });
        at
    }

    pub(super) fn bulletin(&mut self, info: BulletinInfo) {
        self.infos.insert(info.key.clone(), info);
    }

    pub(super) fn rejected(&mut self) {
        self.rejected += 1;
    }

    /// The newest entry's time.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    pub(super) fn batch_is_full(&self) -> bool {
        self.batch.len() >= BATCH_UPDATES || self.batch_bytes >= BATCH_BYTES
    }

    pub(super) fn batch_is_worth_it(&self) -> bool {
        self.batch.len() >= FEW_UPDATES
    }

    pub(super) fn take_batch(&mut self) -> Vec<Row> {
        self.batch_bytes = 0;
        std::mem::take(&mut self.batch)
    }

    /// Notes the id that the database gave an update.
    pub(super) fn written(&mut self, key: &str, id: UpdateId) {
        let at = self.at(key);
        if let Some(taken) = &mut self.entries[at as usize].taken {
            taken.update_id = Some(id);
        }
    }
}
