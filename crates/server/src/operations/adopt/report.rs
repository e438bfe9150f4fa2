//! What an adoption says at its end.

use std::{collections::BTreeMap, sync::Arc};

use patchwharf_model::job::Report;
use patchwharf_store::{Given, Location, Taken};

use super::Chosen;
use crate::{
    operations::{
        OperationError,
        assembly::{Made, Offer, TakenBytes},
        cores, with_causes,
    },
    words::{bytes, count},
};

/// Foreign files that are listed one by one: a report has an end, whatever folder was named.
pub(super) const LISTED: u64 = 100_000;

/// What was seen and done.
#[derive(Debug, Default)]
pub(super) struct Summary {
    /// Files that were looked at, but for manifests and links.
    pub(super) files: u64,
    /// Of those, files that known updates need.
    pub(super) matching: u64,
    /// And files that none needs.
    pub(super) foreign: u64,
    /// Symbolic links.
    pub(super) links: u64,
    /// Signed manifests, by the key that made them.
    pub(super) manifests: BTreeMap<String, u64>,
    /// A dry run: bytes of the updates that would be taken in.
    pub(super) told_bytes: u64,
    /// And packages that would come of them.
    told_packages: u64,
    /// The room that is missing.
    pub(super) lacking: Option<String>,
    made: Made,
}

/// How the bytes would come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way(Taken);

/// Tries it with one of the files.
pub(super) async fn way(offer: &Offer, location: &Arc<Location>) -> Result<Way, OperationError> {
    let Some(find) = offer.finds.values().next() else { return Ok(Way(Taken::Copied)) };
    let given = Given::new(&offer.folder, &find.below, find.stamp, find.digests, offer.take);
    let own = Arc::clone(location);
    let taken = cores::blocking(move || own.would_take(&given)).await?;
    Ok(Way(taken.unwrap_or_else(|error| {
        tracing::warn!("cannot try whether files of the folder can share their data: {}", with_causes(&error));
        Taken::Copied
    })))
}

impl Way {
    /// Whether the bytes come without needing room.
    pub(super) fn needs_no_room(self) -> bool {
        self.0 != Taken::Copied
    }

    fn told(self) -> &'static str {
        match self.0 {
            Taken::Copied => "by copying",
            Taken::Shared => "by shared blocks, without needing room",
            Taken::Linked => "by hard links, which are no second copy",
        }
    }
}

impl Summary {
    /// Adds what was made of some updates.
    pub(super) fn add(&mut self, made: &Made) {
        self.made.committed += made.committed;
        self.made.size_bytes += made.size_bytes;
        self.made.failed += made.failed;
        self.made.sound += made.sound;
        self.made.taken += made.taken;
    }

    /// The report of a dry run.
    pub(super) fn dry_run(mut self, offer: &Offer, chosen: &Chosen, way: Way) -> Report {
        self.told_packages = chosen.lacking;
        let mut summary = match chosen.lacking {
            0 => format!("nothing to adopt from {}", offer.folder.path()),
            n => format!(
                "{} would be adopted from {} {} ({})",
                count(n, "package"),
                offer.folder.path(),
                way.told(),
                bytes(self.told_bytes)
            ),
        };
        if let Some(lacking) = &self.lacking {
            summary = format!("{summary}, but not as things are: {lacking}");
        }
        self.finish(format!("{summary}; nothing was changed (dry run)"))
    }

    /// The report.
    pub(super) fn report(self, offer: &Offer) -> Report {
        let made = &self.made;
        let from = offer.folder.path();
        let mut summary = match made.committed {
            0 => format!("nothing adopted from {from}"),
            n => format!("{} adopted from {from} ({})", count(n, "package"), bytes(made.size_bytes)),
        };
        let TakenBytes { shared, linked, .. } = made.taken;
        if linked > 0 {
            summary = format!("{summary}; {} are the same data as there (hard links), no second copy", bytes(linked));
        }
        if shared > 0 {
            summary = format!("{summary}; {} share their blocks with the files there", bytes(shared));
        }
        if made.sound > 0 {
            let is = if made.sound == 1 { "was" } else { "were" };
            summary = format!("{summary}; {} {is} here already", count(made.sound, "package"));
        }
        if made.failed > 0 {
            summary = format!("{summary}; {} failed, each with its reason below", made.failed);
        }
        self.finish(summary)
    }

    fn finish(self, mut summary: String) -> Report {
        if self.foreign > 0 {
            let listed = if self.foreign > LISTED { format!(", {LISTED} of them listed") } else { String::new() };
            summary = format!("{summary}; {}{listed}", count(self.foreign, "foreign file"));
        }
        for (key, number) in &self.manifests {
            let by = format!("{} signed by key {key}", count(*number, "manifest"));
            summary = format!("{summary}; {by}");
        }
        let TakenBytes { copied, shared, linked } = self.made.taken;
        let counts = [
            ("files", self.files),
            ("files-matching", self.matching),
            ("foreign", self.foreign),
            ("links-not-followed", self.links),
            ("packages", self.made.committed.max(self.told_packages)),
            ("bytes", self.made.size_bytes.max(self.told_bytes)),
            ("bytes-copied", copied),
            ("bytes-shared", shared),
            ("bytes-linked", linked),
        ];
        let counts = counts.into_iter().map(|(name, number)| (name.to_owned(), number)).collect();
        Report { summary, counts, ..Report::default() }
    }
}
