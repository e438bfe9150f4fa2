//! Bytes are hashed, then rows are written.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::Read as _,
    sync::Arc,
};

use anyhow::Result;
use patchwharf_db::{
    catalogue::{self, LostUpdate},
    feeds,
    packages::{self, Rebuilt, StagedFile},
};
use patchwharf_model::{
    FeedId, PackageId, Timestamp,
    package::{Manifest, ManifestFile},
    update::{PayloadFile, UpdateDetail, UpdateItem, VendorDigest},
};
use patchwharf_store::{Finding, KnownKeys, Location, ToVerify, fault::Step};
use patchwharf_trust::{FileHasher, digest::sha256};

use super::{
    Told, Work,
    look::{self, Candidate, Candidates},
    places::Place,
};
use crate::operations::{assembly::describe, cores, fault_at, import};

/// Updates in one transaction.
const BATCH: usize = 200;

/// A version that is whole.
struct Whole {
    place: usize,
    manifest: Manifest,
    files: Vec<StagedFile>,
    /// Whether a key that proves has signed it.
    is_proved: bool,
}

/// What became of the versions of an update: the newest that is whole, and why others are not taken.
struct Judged {
    whole: Option<Whole>,
    bad: Vec<(Candidate, String)>,
    older: u64,
}

impl Work {
    /// Takes the newest whole version of each update.
    pub(super) async fn rows(&self, places: &[Place], candidates: Candidates, told: &mut Told) -> Result<()> {
        let locations: Vec<Option<Arc<Location>>> = places.iter().map(|place| place.location.clone()).collect();
        let proving = self.trust.split_first().map(|(first, rest)| KnownKeys::new(*first, rest.to_vec()));
        let mut feeds = HashMap::new();
        for batch in candidates.chunks(BATCH) {
            let (own, keys, proving, now) = (locations.clone(), self.keys.clone(), proving.clone(), self.now());
            let judged =
                cores::for_each(batch.to_vec(), move |of_update| judge(of_update, &own, &keys, proving.as_ref(), now))
                    .await?;
            let mut whole = Vec::new();
            for one in judged {
                told.older += one.older;
                for (candidate, why) in one.bad {
                    let place = &places[candidate.place].path;
                    told.not_taken(&format!("{place}/{}/{}", candidate.package, candidate.version), why);
                }
                whole.extend(one.whole);
            }
            if self.wish.dry_run {
                whole.iter().for_each(|one| told.taken(&one.manifest, one.is_proved));
            } else {
                self.write_batch(places, &whole, &mut feeds, told).await?;
            }
        }
        Ok(())
    }

    async fn write_batch(
        &self,
        places: &[Place],
        whole: &[Whole],
        known_feeds: &mut HashMap<String, FeedId>,
        told: &mut Told,
    ) -> Result<()> {
        let mut by_feed: BTreeMap<&str, Vec<&Whole>> = BTreeMap::new();
        for one in whole {
            by_feed.entry(&one.manifest.feed).or_default().push(one);
        }
        let mut w = self.write().await?;
        let mut rebuilt = Vec::with_capacity(whole.len());
        for (name, of_feed) in by_feed {
            let feed = match known_feeds.get(name) {
                Some(feed) => *feed,
                None => {
                    let feed = feeds::of_name_or_lost(&mut w, name).await?;
                    if feed.is_lost {
                        told.lost_feed(name);
                    }
                    known_feeds.insert(name.to_owned(), feed.feed_id);
                    feed.feed_id
                }
            };
            let lost: Vec<LostUpdate> = of_feed.iter().map(|one| lost(&one.manifest)).collect();
            let ids = catalogue::make_known(&mut w, feed, &lost).await?;
            for ((one, lost), update_id) in of_feed.iter().zip(&lost).zip(ids) {
                let Manifest { package, version, staged_at, files, update, .. } = &one.manifest;
                if update_id != *update {
                    // The feed was added and imported anew before: what its updates need is taken by content.
                    let folder = format!("{}/{package}/{version}", places[one.place].path);
                    let why = format!(
                        "feed {name:?} has its update {} already, under another id: `location adopt` takes its files in",
                        lost.key
                    );
                    told.not_taken(&folder, why);
                    continue;
                }
                rebuilt.push(Rebuilt {
                    package_id: *package,
                    version: *version,
                    update_id,
                    location_id: places[one.place].id,
                    staged_at: *staged_at,
                    weak: files.iter().any(|file| matches!(file.vendor_digest, VendorDigest::Sha1(_))),
                    unproved: !one.is_proved,
                    files_digest: lost.files_digest,
                    files: one.files.clone(),
                    vendor: files.iter().map(|file| (file.vendor_digest, file.source.clone())).collect(),
                });
            }
        }
        let made = packages::rebuild(&mut w, &rebuilt).await?;
        w.commit().await?;
        fault_at(Step::RebuildAfterRows)?;
        let asked: HashSet<PackageId> = rebuilt.iter().map(|one| one.package_id).collect();
        for one in whole.iter().filter(|one| asked.contains(&one.manifest.package)) {
            match made.contains(&one.manifest.package) {
                true => told.taken(&one.manifest, one.is_proved),
                false => told.known += 1,
            }
        }
        Ok(())
    }
}

/// The newest version that is whole. Blocks.
fn judge(
    of_update: &[Candidate],
    locations: &[Option<Arc<Location>>],
    keys: &KnownKeys,
    proving: Option<&KnownKeys>,
    now: Timestamp,
) -> Judged {
    let mut judged = Judged { whole: None, bad: Vec::new(), older: 0 };
    for candidate in of_update {
        if judged.whole.is_some() {
            judged.older += 1;
            continue;
        }
        let Some(location) = &locations[candidate.place] else { continue };
        match whole(location, candidate, keys, now) {
            Ok((manifest, files)) => {
                let is_proved =
                    proving.is_some_and(|keys| location.manifest(candidate.package, candidate.version, keys).is_ok());
                judged.whole = Some(Whole { place: candidate.place, manifest, files, is_proved });
            }
            Err(why) => judged.bad.push((*candidate, why)),
        }
    }
    judged
}

fn whole(
    location: &Location,
    candidate: &Candidate,
    keys: &KnownKeys,
    now: Timestamp,
) -> Result<(Manifest, Vec<StagedFile>), String> {
    let manifest = look::manifest(location, candidate.package, candidate.version, keys)?;
    let files = manifest.files.iter().map(|file| proved(location, candidate, file, now)).collect::<Result<_, _>>()?;
    Ok((manifest, files))
}

fn proved(
    location: &Location,
    candidate: &Candidate,
    file: &ManifestFile,
    now: Timestamp,
) -> Result<StagedFile, String> {
    let (name, size_bytes, sha256) = (file.name.clone(), file.size_bytes, file.sha256);
    let wanted = ToVerify { name: name.clone(), size_bytes, sha256 };
    let stamp = match location.verify_file(candidate.package, candidate.version, &wanted) {
        Finding::Good { stamp } => stamp,
        other => return Err(describe(&name, size_bytes, sha256, &other).1),
    };
    match file.vendor_digest {
        VendorDigest::Sha256(pinned) if pinned != sha256 => {
            return Err(format!("its manifest names SHA-256 {sha256} for {name}, and that the vendor pins {pinned}"));
        }
        VendorDigest::Sha256(_) => {}
        // What the manifest says of the vendor's pin is proved too: the feed will be compared with it.
        VendorDigest::Sha1(pinned) => {
            let failed = |error: &dyn std::fmt::Display| format!("file {name} cannot be read: {error}");
            let (file, found) =
                location.open_file(candidate.package, candidate.version, &name).map_err(|e| failed(&e))?;
            let hasher = FileHasher::for_pin(&VendorDigest::Sha1(pinned));
            let digests = patchwharf_trust::hash_reader(file.take(size_bytes + 1), hasher).map_err(|e| failed(&e))?;
            if found != stamp || digests.sha256 != sha256 {
                return Err(format!("file {name} changed while it was read"));
            }
            if digests.sha1 != Some(pinned) {
                return Err(format!(
                    "its manifest says that the vendor pins {name} by SHA-1 {pinned}, which it has not"
                ));
            }
        }
    }
    Ok(StagedFile { name, size_bytes, sha256, stamp, verified_at: now })
}

/// What a manifest tells of its update.
fn lost(manifest: &Manifest) -> LostUpdate {
    let files: Vec<PayloadFile> = manifest
        .files
        .iter()
        .map(|file| PayloadFile {
            name: file.name.clone(),
            size_bytes: file.size_bytes,
            digest: file.vendor_digest,
            url: file.source.clone(),
            languages: Vec::new(),
        })
        .collect();
    let item = UpdateItem {
        key: manifest.update_key.clone(),
        bulletin: manifest.bulletin_key.clone(),
        revised: manifest.staged_at,
        vendor: String::new(),
        products: Vec::new(),
        update_type: patchwharf_model::update::UpdateType::Software,
        publication: patchwharf_model::update::PublicationState::Published,
        title: manifest.update_key.clone(),
        description: String::new(),
        classification: String::new(),
        severity: patchwharf_model::Severity::NotRated,
        cves: Vec::new(),
        kbs: Vec::new(),
        urls: Vec::new(),
        architecture: String::new(),
        version: String::new(),
        files: files.clone(),
        supersedes: Vec::new(),
        detail: UpdateDetail::default(),
    };
    // Plain data: its serialization cannot fail.
    let item = serde_json::to_string(&item).unwrap_or_default();
    LostUpdate {
        update_id: manifest.update,
        key: manifest.update_key.clone(),
        bulletin_id: manifest.bulletin,
        bulletin: manifest.bulletin_key.clone(),
        staged_at: manifest.staged_at,
        files_digest: import::files_digest(&files),
        files,
        digest: sha256(item.as_bytes()),
        item,
    }
}
