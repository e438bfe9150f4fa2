//! Bytes are hashed, then rows are written.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use anyhow::Result;
use patchwharf_db::{
    catalogue::{self, LostUpdate},
    feeds,
    packages::{self, Older, Rebuilt},
};
use patchwharf_model::{FeedId, PackageId, Timestamp};
use patchwharf_store::{KnownKeys, fault::Step};

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
        let mut feeds = HashMap::new();
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
                    // The feed was added and imported anew before: what its updates need is taken by content.
                    let (package, version) = (one.manifest.package, one.manifest.version);
                    let folder = format!("{}/{package}/{version}", places[one.place].path);
                    let why = format!(
                        "feed {name:?} has its update {} already, under another id: `location adopt` takes its files in",
                        lost.key
                    );
                    told.not_taken(&folder, why);
                    continue;
                }
                rebuilt.push(tells::rebuilt(one, lost, update_id, places[one.place].id));
            }
        }
        let made = packages::rebuild(&mut w, &rebuilt).await?;
        let older: Vec<Older> = whole
            .iter()
            .filter(|one| made.contains(&one.manifest.package))
            .flat_map(|one| one.older.iter().map(|older| tells::older(older, places[older.place].id)))
            .collect();
        packages::rebuild_older(&mut w, self.retire_after(), &older).await?;
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

    /// What was replaced is kept as long as if it had been replaced now.
    fn retire_after(&self) -> Timestamp {
        self.now().checked_add(self.config.packages.grace).unwrap_or(Timestamp::MAX)
    }
}
