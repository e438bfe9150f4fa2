//! Bytes are hashed, then rows are written.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use anyhow::Result;
use patchwharf_db::{
    Write,
    catalogue::{self, LostUpdate},
    feeds, locations,
    packages::{self, Older, Rebuilt, RebuiltOriginal},
};
use patchwharf_model::{FeedId, PackageId, Timestamp, package::Manifest};
use patchwharf_store::{KnownKeys, Location, fault::Step};

use super::{
    Told, Work,
    judge::{Means, Whole},
    look::Candidates,
    places::Place,
    tells,
};
use crate::operations::{cores, fault_at};

/// Updates in one transaction.
const BATCH: usize = 200;

impl Work {
    /// Takes the newest whole version of each update, and records those that it has replaced.
    pub(super) async fn rows(&self, places: &[Place], candidates: Candidates, told: &mut Told) -> Result<()> {
        let means = Arc::new(Means {
            locations: places.iter().map(|place| place.location.clone()).collect(),
            keys: self.keys.clone(),
            proving: self.trust.split_first().map(|(first, rest)| KnownKeys::new(*first, rest.to_vec())),
            now: self.now(),
        });
        let (mut feeds, mut known) = (HashMap::new(), HashSet::new());
        for batch in candidates.chunks(BATCH) {
            let means = Arc::clone(&means);
            let judged = cores::for_each(batch.to_vec(), move |of_update| means.judge(of_update)).await?;
            let mut whole = Vec::new();
            for one in judged {
                for (candidate, why) in one.bad {
                    let place = &places[candidate.place].path;
                    told.not_taken(&format!("{place}/{}/{}", candidate.package, candidate.version), why);
                }
                whole.extend(one.whole);
            }
            if self.wish.dry_run {
                whole.iter().for_each(|one| told.taken(one));
            } else {
                self.write_batch(places, whole, (&mut feeds, &mut known), told).await?;
            }
        }
        Ok(())
    }

    async fn write_batch(
        &self,
        places: &[Place],
        whole: Vec<Whole>,
        (known_feeds, known_places): (&mut HashMap<String, FeedId>, &mut HashSet<usize>),
        told: &mut Told,
    ) -> Result<()> {
        let whole = &self.still_there(places, whole, told).await?;
        let mut by_feed: BTreeMap<&str, Vec<&Whole>> = BTreeMap::new();
        for one in whole {
            by_feed.entry(&one.manifest.feed).or_default().push(one);
        }
        let mut w = self.write().await?;
        let mut rebuilt: Vec<Rebuilt> = Vec::with_capacity(whole.len());
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
            let lost: Vec<LostUpdate> = of_feed.iter().map(|one| tells::lost(&one.manifest)).collect();
            let ids = catalogue::make_known(&mut w, feed, &lost).await?;
            for ((one, lost), update_id) in of_feed.iter().zip(&lost).zip(ids) {
                if update_id != one.manifest.update {
                    // Asked before; two manifests that claim one id come to this.
                    let Manifest { package, version, .. } = &one.manifest;
                    let place = &places[one.place];
                    told.other_id(place, &format!("{}/{package}/{version}", place.path), &one.manifest);
                    continue;
                }
                rebuilt.push(tells::rebuilt(one, lost, update_id, places[one.place].id));
            }
        }
        let to_take: HashSet<PackageId> = rebuilt.iter().map(|one| one.package_id).collect();
        let to_take = whole.iter().filter(|one| to_take.contains(&one.manifest.package));
        let at: BTreeSet<usize> = to_take.flat_map(Whole::places).collect();
        self.know(&mut w, places, &at, known_places).await?;
        let made = packages::rebuild(&mut w, &rebuilt).await?;
        let older: Vec<Older> = whole
            .iter()
            .filter(|one| made.contains(&one.manifest.package))
            .flat_map(|one| one.older.iter().map(|older| tells::older(older, places[older.place].id)))
            .collect();
        packages::rebuild_older(&mut w, self.retire_after(), &older).await?;
        let originals: Vec<RebuiltOriginal> = whole
            .iter()
            .filter(|one| made.contains(&one.manifest.package))
            .flat_map(|one| one.doubles.iter().map(|double| tells::original(one, *double, places[double.place].id)))
            .collect();
        packages::rebuild_originals(&mut w, &originals).await?;
        w.commit().await?;
        fault_at(Step::RebuildAfterRows)?;
        let asked: HashSet<PackageId> = rebuilt.iter().map(|one| one.package_id).collect();
        for one in whole.iter().filter(|one| asked.contains(&one.manifest.package)) {
            match made.contains(&one.manifest.package) {
                true => told.taken(one),
                false => told.known += 1,
            }
        }
        Ok(())
    }

    /// What went away, or was changed, since it was hashed is not recorded.
    async fn still_there(&self, places: &[Place], whole: Vec<Whole>, told: &mut Told) -> Result<Vec<Whole>> {
        let locations: Vec<Option<Arc<Location>>> = places.iter().map(|place| place.location.clone()).collect();
        let looked = cores::for_each(whole, move |one| {
            let location = locations[one.place].as_ref().filter(|location| location.is_in_place());
            let there = location.is_some_and(|location| one.is_there(location));
            (one.clone(), there)
        });
        let (whole, gone): (Vec<_>, Vec<_>) = looked.await?.into_iter().partition(|(_, there)| *there);
        for (one, _) in gone {
            let (place, Manifest { package, version, .. }) = (&places[one.place].path, &one.manifest);
            let why = "it went away, or was changed, after it was hashed: who else works on this folder?".to_owned();
            told.not_taken(&format!("{place}/{package}/{version}"), why);
        }
        Ok(whole.into_iter().map(|(one, _)| one).collect())
    }

    /// Records the locations of which something is taken, with the first of it.
    async fn know(
        &self,
        w: &mut Write<'_>,
        places: &[Place],
        at: &BTreeSet<usize>,
        known: &mut HashSet<usize>,
    ) -> Result<()> {
        for at in at {
            let place = &places[*at];
            if place.is_taken_over && !place.is_known && known.insert(*at) {
                locations::create(w, place.id, &place.path).await?;
            }
        }
        Ok(())
    }

    /// What was replaced is kept as long as if it had been replaced now.
    fn retire_after(&self) -> Timestamp {
        self.now().checked_add(self.config.packages.grace).unwrap_or(Timestamp::MAX)
    }
}
