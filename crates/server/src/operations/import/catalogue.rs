//! A catalogue as it comes in, compared with what is known. Only keys, digests and edges of all updates are held, and
//! the contents of one batch.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use patchwharf_db::catalogue::{KnownUpdate, NewUpdate, UpdateStanding};
use patchwharf_model::{
    Sha256, Timestamp, UpdateId,
    api::FeedRules,
    catalogue::{BulletinInfo, Rejected},
    job::Report,
    update::{PayloadFile, PublicationState, UpdateItem, UpdateType, VendorDigest},
};
use patchwharf_trust::digest::sha256;

use super::{
    bulletins::Gathered,
    item,
    supersedence::{Edge, Standing, resolve},
};
use crate::jobs::JobContext;

/// Updates of one transaction.
const BATCH_UPDATES: usize = 1_000;
/// Bytes of one transaction.
const BATCH_BYTES: usize = 16 << 20;
/// Lines of one kind in a report.
const MOST_LINES: u64 = 500;

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

    pub(super) fn update(&mut self, update: UpdateItem) -> Option<Rejected> {
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

    /// Whether more than half of the updates, and more than 20, have vanished (S-23).
    pub(super) fn shrink(&self) -> Option<Shrink> {
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
    pub(super) fn resolve(&mut self) -> Standing {
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
    pub(super) fn superseder(&self, standing: &Standing, at: usize) -> Option<Arc<str>> {
        standing.superseded_by[at].map(|newer| Arc::clone(&self.entries[newer as usize].key))
    }

    /// Updates whose standing is not yet what it should be.
    pub(super) fn changed_standing(&self, standing: &Standing) -> Vec<UpdateStanding> {
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
    pub(super) fn to_stage(&self, standing: &Standing) -> Vec<UpdateId> {
        let live = self.entries.iter().zip(&standing.superseded_by).filter(|(_, superseded)| superseded.is_none());
        live.filter_map(|(entry, _)| entry.taken.as_ref().filter(|taken| taken.stage)?.update_id).collect()
    }

    pub(super) fn report(&self, ctx: &JobContext, standing: &Standing) -> Report {
        let mut report = Report::default();
        let mut count = |name: &str, entry: Option<(&Entry, &str)>| {
            let count = report.counts.entry(name.to_owned()).or_default();
            *count += 1;
            if let Some((entry, reason)) = entry.filter(|_| *count <= MOST_LINES) {
                item(ctx, &format!("update {}", entry.key), name, reason);
            }
        };
        for (at, entry) in self.entries.iter().enumerate() {
            let before = entry.known.as_ref();
            match (&entry.taken, before) {
                (Some(taken), before) => {
                    if taken.withdrawn && before.is_none_or(|known| !known.withdrawn) {
                        count("withdrawn", Some((entry, "the vendor withdrew it")));
                    }
                    match before {
                        None => count("added", None),
                        Some(_) if taken.changed => count("revised", Some((entry, ""))),
                        Some(_) => count("unchanged", None),
                    }
                }
                (None, Some(known)) if known.listed => {
                    let reason = if entry.present {
                        "the feed's rules leave it out now; it is kept"
                    } else {
                        "the catalogue no longer lists it; it is kept"
                    };
                    count("no-longer-listed", Some((entry, reason)));
                }
                _ => {}
            }
            let superseded_before = before.is_some_and(|known| known.superseded_by.is_some());
            if standing.superseded_by[at].is_some() && !superseded_before && (entry.taken.is_some() || before.is_some())
            {
                count("superseded", None);
            }
        }
        for (name, number) in [("rejected", self.rejected), ("left-out", self.left_out)] {
            report.counts.insert(name.to_owned(), number);
        }
        for name in ["added", "revised", "withdrawn", "superseded", "unchanged"] {
            report.counts.entry(name.to_owned()).or_default();
        }
        let of = |name: &str| report.counts.get(name).copied().unwrap_or_default();
        report.summary = format!(
            "{} updates added, {} revised, {} withdrawn, {} superseded, {} unchanged, {} rejected{}.",
            of("added"),
            of("revised"),
            of("withdrawn"),
            of("superseded"),
            of("unchanged"),
            of("rejected"),
            if self.left_out > 0 { format!(", {} left out by the feed's rules", self.left_out) } else { String::new() }
        );
        report
    }
}

/// The item as text, and the digest that tells whether anything of it changed: the item's, and where rules leave out
/// files, also of those that are chosen.
fn digest(update: &UpdateItem, files: &[PayloadFile]) -> (String, Sha256) {
    // Plain data: its serialization cannot fail.
    let text = serde_json::to_string(update).unwrap_or_default();
    if files.len() == update.files.len() {
        let digest = sha256(text.as_bytes());
        return (text, digest);
    }
    let mut all = sha256(text.as_bytes()).0.to_vec();
    all.extend(files_digest(files).0);
    (text, sha256(&all))
}

/// SHA-256 over names, sizes and digests, whatever their order: equal means same content.
pub(super) fn files_digest(files: &[PayloadFile]) -> Sha256 {
    let line = |file: &PayloadFile| {
        let digest = match file.digest {
            VendorDigest::Sha256(digest) => format!("sha256:{digest}"),
            VendorDigest::Sha1(digest) => format!("sha1:{digest}"),
        };
        format!("{} {digest} {}\n", file.size_bytes, file.name)
    };
    let mut lines: Vec<String> = files.iter().map(line).collect();
    lines.sort();
    sha256(lines.concat().as_bytes())
}

fn update_type(update_type: UpdateType) -> &'static str {
    match update_type {
        UpdateType::Software => "software",
        UpdateType::Driver => "driver",
        UpdateType::Detectoid => "detectoid",
    }
}
