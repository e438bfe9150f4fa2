//! What a rebuild says.

use std::collections::BTreeSet;

use patchwharf_model::package::Manifest;
use serde::Serialize;

use super::{judge::Whole, places::Place};
use crate::words::{bytes, count};

/// Things that are named one by one.
const NAMED: usize = 1_000;

/// What was found and done.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Told {
    dry_run: bool,
    /// Packages whose rows were made.
    pub(crate) packages: u64,
    /// Bytes of their files.
    pub(crate) size_bytes: u64,
    /// Of those packages, the ones that nobody vouches for yet.
    pub(crate) unproved: u64,
    /// Packages that were unproved, and that a trusted key has signed.
    pub(crate) proved: u64,
    /// Folders of packages that the database knows: left as they are.
    pub(crate) known: u64,
    /// Older versions, or replaced packages, of updates whose newest is taken: recorded as retired.
    pub(crate) older: u64,
    /// Second copies of what is taken, which relocations have left behind: recorded as originals.
    pub(crate) doubles: u64,
    /// What was not taken, and why.
    pub(crate) not_taken: Vec<NotTaken>,
    /// How many more were not taken.
    pub(crate) not_taken_more: u64,
    /// What is no part of a package location.
    pub(crate) foreign: u64,
    /// Feeds of which only packages are known.
    pub(crate) lost_feeds: BTreeSet<String>,
    /// What was, or would be, done to the locations.
    pub(crate) locations: Vec<String>,
    /// Folders of updates that the database has under other ids.
    pub(crate) other_ids: u64,
    /// What else is to be known.
    pub(crate) notes: Vec<String>,
    /// Of `other_ids`, those in locations that are to be taken over.
    #[serde(skip)]
    pub(super) other_ids_not_ours: u64,
    /// Places of which something was taken.
    #[serde(skip)]
    pub(super) taken_at: BTreeSet<usize>,
}

/// Something that was not taken.
#[derive(Debug, Serialize)]
pub(crate) struct NotTaken {
    /// Where it lies.
    pub(crate) path: String,
    /// Why.
    pub(crate) reason: String,
}

impl Told {
    pub(super) fn new(dry_run: bool, notes: Vec<String>) -> Self {
        Self { dry_run, notes, ..Self::default() }
    }

    /// What becomes of a location.
    pub(super) fn place(&mut self, at: usize, place: &Place) {
        let Place { path, id, made_by, is_known, is_taken_over, has_marker, .. } = place;
        let would = if self.dry_run { "would be " } else { "" };
        let is_left = self.is_left(at, place);
        self.locations.push(match (is_taken_over, made_by) {
            (false, _) if *is_known => format!("{path} is location {id} of this server"),
            (false, _) => format!("{path} is location {id}, made by this server; {would}recorded"),
            (true, Some(other)) if is_left => {
                format!("{path} is location {id} of deployment {other}: left as it is, for nothing there could be taken")
            }
            (true, None) if is_left => format!("{path} is left as it is, for nothing there could be taken"),
            (true, Some(other)) => {
                format!("{path} is location {id} of deployment {other}: {would}taken over, its old location.json kept beside")
            }
            (true, None) if *has_marker => {
                format!("{path} has a location.json that cannot be understood: {would}given a new one, the old one kept beside")
            }
            (true, None) => format!("{path} has no location.json: {would}given one"),
        });
    }

    /// Whether a location is another's and stays so: nothing of it was taken.
    pub(super) fn is_left(&self, at: usize, place: &Place) -> bool {
        place.is_taken_over && !place.is_known && !self.taken_at.contains(&at)
    }

    /// An update that the database has under another id.
    pub(super) fn other_id(&mut self, place: &Place, folder: &str, manifest: &Manifest) {
        self.other_ids += 1;
        let (feed, key) = (&manifest.feed, &manifest.update_key);
        let what = format!("feed {feed:?} has its update {key} already, under another id");
        let how = match place.is_taken_over {
            true => {
                self.other_ids_not_ours += 1;
                format!("`location adopt {}` takes its files in", place.path)
            }
            false => "move this folder out of the location, `location adopt` takes its files in from there".to_owned(),
        };
        self.not_taken(folder, format!("{what}: {how}"));
    }

    pub(super) fn not_taken(&mut self, path: &str, reason: String) {
        match self.not_taken.len() < NAMED {
            true => self.not_taken.push(NotTaken { path: path.to_owned(), reason }),
            false => self.not_taken_more += 1,
        }
    }

    pub(super) fn foreign(&mut self, path: &str) {
        tracing::info!(path, "is no part of the package location; left alone");
        self.foreign += 1;
    }

    pub(super) fn taken(&mut self, one: &Whole) {
        let Whole { manifest, is_proved, older, doubles, .. } = one;
        self.taken_at.extend(one.places());
        self.doubles += doubles.len() as u64;
        self.older += older.len() as u64;
        self.packages += 1;
        self.size_bytes += manifest.files.iter().map(|file| file.size_bytes).sum::<u64>();
        self.unproved += u64::from(!*is_proved);
        if self.dry_run && !*is_proved {
            self.lost_feeds.insert(manifest.feed.clone());
        }
    }

    pub(super) fn lost_feed(&mut self, name: &str) {
        self.lost_feeds.insert(name.to_owned());
    }

    /// Whether something could not be taken.
    pub(crate) fn has_problems(&self) -> bool {
        !self.not_taken.is_empty()
    }

    /// The same for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = self.locations.clone();
        lines.extend(self.notes.iter().cloned());
        let (would, done) = if self.dry_run { ("would be ", "; nothing was changed (dry run)") } else { ("", "") };
        let mut line =
            format!("the rows of {} ({}) {would}made again", count(self.packages, "package"), bytes(self.size_bytes));
        if self.known > 0 {
            line = format!("{line}; {} left as the database has them", count(self.known, "version"));
        }
        if self.older > 0 {
            line = format!("{line}; {} that it replaced {would}retired", count(self.older, "older version"));
        }
        if self.doubles > 0 {
            line = format!("{line}; {} of them at another location {would}recorded", count(self.doubles, "original"));
        }
        if self.foreign > 0 {
            line = format!("{line}; {} no part of a location, left alone", count(self.foreign, "thing"));
        }
        lines.push(format!("{line}{done}"));
        if self.proved > 0 {
            lines.push(format!(
                "{} {would}proved by the keys that are trusted{done}",
                count(self.proved, "unproved package")
            ));
        }
        if self.unproved > 0 {
            lines.push(format!(
                "{} unproved: not served until a feed names the same digests, or `store rebuild --trust` names the key that \
                 signed them",
                count(self.unproved, "package")
            ));
        }
        for name in &self.lost_feeds {
            lines.push(format!(
                "feed {name:?} is known by its packages only: `patchwharf feed add ... --name {name}` and `patchwharf feed \
                 import {name}` bring back what the vendor says of them"
            ));
        }
        for NotTaken { path, reason } in &self.not_taken {
            lines.push(format!("  NOT TAKEN  {}: {reason}", path.replace('\n', "\\n")));
        }
        if self.not_taken_more > 0 {
            lines.push(format!("  ... and {} more", self.not_taken_more));
        }
        lines
    }
}
