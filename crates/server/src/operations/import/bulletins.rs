//! From updates to bulletins.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use patchwharf_db::catalogue::{BulletinStanding, KnownBulletin, NewBulletin};
use patchwharf_model::{BulletinId, Severity, Sha256, Timestamp, catalogue::BulletinInfo, update::UpdateItem};
use patchwharf_trust::digest::sha256;
use serde::Serialize;

use super::{catalogue::Catalogue, supersedence::Standing};

/// What the updates of a bulletin say together: the gravest severity, all CVEs and KBs, the first and the last date;
/// title, text and vendor are those of the update with the lowest key.
#[derive(Clone, Debug)]
pub(super) struct Gathered {
    pub(super) name: String,
    key: String,
    title: String,
    description: String,
    vendor: String,
    severity: Severity,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    cves: BTreeSet<String>,
    kbs: BTreeSet<String>,
    live: bool,
}

/// What is compared with the last import.
#[derive(Serialize)]
struct Content<'a> {
    title: &'a str,
    description: &'a str,
    vendor: &'a str,
    severity: Severity,
    released: Option<Timestamp>,
    revised: Option<Timestamp>,
    cves: &'a BTreeSet<String>,
    kbs: &'a BTreeSet<String>,
}

/// What has to be written.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) new: Vec<NewBulletin>,
    pub(super) standing: Vec<BulletinStanding>,
}

impl Gathered {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            key: String::new(),
            title: String::new(),
            description: String::new(),
            vendor: String::new(),
            severity: Severity::NotRated,
            first: None,
            last: None,
            cves: BTreeSet::new(),
            kbs: BTreeSet::new(),
            live: false,
        }
    }

    pub(super) fn add(&mut self, update: &UpdateItem, withdrawn: bool) {
        if self.key.is_empty() || update.key < self.key {
            self.key.clone_from(&update.key);
            self.title.clone_from(&update.title);
            self.description.clone_from(&update.description);
            self.vendor.clone_from(&update.vendor);
        }
        self.severity = self.severity.max(update.severity);
        if update.revised != Timestamp::UNIX_EPOCH {
            self.first = Some(self.first.map_or(update.revised, |first| first.min(update.revised)));
            self.last = self.last.max(Some(update.revised));
        }
        self.cves.extend(update.cves.iter().cloned());
        self.kbs.extend(update.kbs.iter().cloned());
        self.live |= !withdrawn;
    }

    /// What an advisory says goes before what is gathered.
    fn with(&self, info: Option<&BulletinInfo>) -> Self {
        let Some(info) = info else { return self.clone() };
        let either = |one: &str, other: &str| if one.is_empty() { other.to_owned() } else { one.to_owned() };
        Self {
            title: either(&info.title, &self.title),
            description: either(&info.description, &self.description),
            severity: self.severity.max(info.severity),
            first: info.released.or(self.first),
            last: self.last.max(info.released),
            cves: self.cves.iter().chain(&info.cves).cloned().collect(),
            ..self.clone()
        }
    }

    fn digest(&self) -> Sha256 {
        let content = Content {
            title: &self.title,
            description: &self.description,
            vendor: &self.vendor,
            severity: self.severity,
            released: self.first,
            revised: self.last,
            cves: &self.cves,
            kbs: &self.kbs,
        };
        // Plain data: its serialization cannot fail.
        sha256(&serde_json::to_vec(&content).unwrap_or_default())
    }
}

/// What the updates of a bulletin say of its standing.
#[derive(Clone, Debug, Default)]
struct Tally {
    live: u32,
    superseded: u32,
    /// The lowest key's superseder.
    first: Option<(Arc<str>, u32)>,
}

impl Tally {
    fn add(&mut self, key: &Arc<str>, superseded_by: Option<u32>) {
        self.live += 1;
        let Some(newer) = superseded_by else { return };
        self.superseded += 1;
        if self.first.as_ref().is_none_or(|(lowest, _)| key < lowest) {
            self.first = Some((Arc::clone(key), newer));
        }
    }

    /// The update that stands for what supersedes the bulletin, where all of its updates are superseded.
    fn superseder(&self) -> Option<u32> {
        self.first.as_ref().filter(|_| self.live == self.superseded).map(|(_, newer)| *newer)
    }
}

impl Catalogue {
    /// Compares the bulletins of the catalogue with those that are known.
    pub(super) fn bulletins(
        &self,
        known: &HashMap<String, KnownBulletin>,
        standing: &Standing,
        now: Timestamp,
    ) -> Changes {
        let names: HashMap<BulletinId, &str> =
            known.iter().map(|(name, known)| (known.bulletin_id, name.as_str())).collect();
        let name_of = |at: u32| -> Option<String> {
            let entry = &self.entries[at as usize];
            match (&entry.taken, &entry.known) {
                (Some(taken), _) => Some(self.gathered[taken.bulletin as usize].name.clone()),
                (None, Some(update)) => names.get(&update.bulletin_id).map(|name| (*name).to_owned()),
                (None, None) => None,
            }
        };
        let (listed, unlisted) = self.tallies(standing);
        let mut changes = Changes::default();
        let mut compare = |content: Gathered, superseded_by: Option<String>| {
            let superseded_by = superseded_by.filter(|by| *by != content.name);
            let (withdrawn, digest) = (!content.live, content.digest());
            match known.get(&content.name) {
                Some(known) if known.digest == digest => {
                    if known.superseded_by != superseded_by || known.withdrawn != withdrawn || !known.listed {
                        let bulletin_id = known.bulletin_id;
                        changes.standing.push(BulletinStanding { bulletin_id, superseded_by, listed: true, withdrawn });
                    }
                }
                _ => changes.new.push(row(content, superseded_by, withdrawn, digest, now)),
            }
        };
        for (gathered, tally) in self.gathered.iter().zip(&listed) {
            let info = self.infos.get(&gathered.name);
            let said = info.and_then(|info| info.superseded_by.clone());
            compare(gathered.with(info), said.or_else(|| tally.superseder().and_then(&name_of)));
        }
        // Advisories whose fixed version has left the archive: named, superseded, without updates.
        let vendor = self.gathered.first().map(|gathered| gathered.vendor.as_str()).unwrap_or_default();
        let left = |name: &String| !self.bulletins.contains_key(name) && !self.left_out_of.contains(name);
        for info in self.infos.values().filter(|info| left(&info.key)) {
            let empty = Gathered { live: true, vendor: vendor.to_owned(), ..Gathered::new(info.key.clone()) };
            compare(empty.with(Some(info)), info.superseded_by.clone());
        }
        let gone = |name: &String| {
            !self.bulletins.contains_key(name) && (!self.infos.contains_key(name) || self.left_out_of.contains(name))
        };
        for (_, known) in known.iter().filter(|(name, _)| gone(name)) {
            let tally = unlisted.get(&known.bulletin_id);
            let superseded_by =
                tally.and_then(Tally::superseder).and_then(&name_of).or_else(|| known.superseded_by.clone());
            if known.listed || known.superseded_by != superseded_by {
                let (bulletin_id, withdrawn) = (known.bulletin_id, known.withdrawn);
                changes.standing.push(BulletinStanding { bulletin_id, superseded_by, listed: false, withdrawn });
            }
        }
        changes
    }

    fn tallies(&self, standing: &Standing) -> (Vec<Tally>, BTreeMap<BulletinId, Tally>) {
        let mut listed = vec![Tally::default(); self.gathered.len()];
        let mut unlisted: BTreeMap<BulletinId, Tally> = BTreeMap::new();
        for (entry, superseded_by) in self.entries.iter().zip(&standing.superseded_by) {
            match (&entry.taken, &entry.known) {
                (Some(taken), _) if !taken.withdrawn => {
                    listed[taken.bulletin as usize].add(&entry.key, *superseded_by);
                }
                (None, Some(known)) if !known.withdrawn => {
                    unlisted.entry(known.bulletin_id).or_default().add(&entry.key, *superseded_by);
                }
                _ => {}
            }
        }
        (listed, unlisted)
    }
}

fn row(
    content: Gathered,
    superseded_by: Option<String>,
    withdrawn: bool,
    digest: Sha256,
    now: Timestamp,
) -> NewBulletin {
    NewBulletin {
        name: content.name,
        title: content.title,
        description: content.description,
        vendor: content.vendor,
        severity: content.severity,
        released_at: content.first,
        revised_at: content.last.unwrap_or(now),
        cves: content.cves.into_iter().collect(),
        kbs: content.kbs.into_iter().collect(),
        superseded_by,
        withdrawn,
        listed: true,
        digest,
    }
}
