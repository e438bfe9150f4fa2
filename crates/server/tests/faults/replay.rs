//! H5: every write to the disks is recorded while the server works. Afterwards the power is cut at every flush, and at
//! every flush with some of the writes that none had made durable.

mod moments;

use std::sync::Arc;

use patchwharf_checker::Finding;
use patchwharf_testkit::{
    Chance, Server,
    disk::{FileSystem, Gauge, LoopPermit, RecordedDisk, Recording, Unflushed},
    eventually_async,
    server::DEADLINE,
    skipped, times,
};
use tempfile::TempDir;

use crate::{
    driver::{Act, Driver, Open},
    judge,
    ledger::{Ledger, Moment},
    mutants::MUTANT,
    plant::{BINARY, DISK_MIB, Plant},
};
use moments::Watch;

const ADMINISTRATORS: usize = 4;
/// What has to end at least once while it is recorded.
const ACTS: [Act; 6] =
    [Act::Stage, Act::QuickRefresh, Act::DamageAndRefresh, Act::CompleteRefresh, Act::Recreate, Act::Delete];
/// And so many operations in all.
const OPERATIONS: usize = 24;
/// A mutant that so many images do not show is not seen.
const MOST_IMAGES: usize = 400;

/// A plant that was at work, and the disks under it.
struct Record {
    plant: Plant,
    /// Of all that was acknowledged, and when.
    ledger: Arc<Ledger>,
    notes: TempDir,
    disks: Vec<Recording>,
    /// At which the durable state was another than before.
    moments: Vec<Moment>,
    operations: usize,
}

impl Record {
    /// Lets a server work on one disk, or on one for the database and one for the store, until everything was done.
    ///
    /// # Errors
    /// Why this machine does not allow it.
    async fn make(kind: FileSystem, two: bool, mutant: Option<&str>, chance: &mut Chance) -> Result<Self, String> {
        let permit = LoopPermit::take();
        let disks: Vec<RecordedDisk> =
            (0..=usize::from(two)).map(|_| RecordedDisk::create(&permit, kind, DISK_MIB)).collect::<Result<_, _>>()?;
        let (data, store) = (disks[0].path().join("data"), disks[usize::from(two)].path().join("packages"));
        let mut plant = Plant::with(Server::setup(BINARY).data(&data).packages(&store)).await;
        if let Some(mutant) = mutant {
            plant.server.set_env(MUTANT, mutant);
            plant.server.restart().await;
        }
        let gauges: Vec<Gauge> = disks.iter().map(RecordedDisk::gauge).collect();
        plant.ledger.follow(gauges.clone());
        let watch = Watch::start(gauges);
        let operations = work(&mut plant, chance).await;
        let watched = watch.end();
        let disks: Vec<Recording> = disks.into_iter().map(RecordedDisk::finish).collect();
        let moments = moments::of(&disks, &watched);
        plant.server.remove_env(MUTANT);
        let notes = TempDir::with_prefix("patchwharf-past-").unwrap();
        Ok(Self { ledger: Arc::clone(&plant.ledger), plant, notes, disks, moments, operations })
    }

    /// Brings the disks back as they were then, and holds them against what had been acknowledged by then. With
    /// `recover`, the server has to come up on them and to mend everything.
    async fn look(&mut self, moment: &Moment, chance: Option<&mut Chance>, recover: bool) -> Result<(), Vec<Finding>> {
        let mut unflushed = chance.map_or(Unflushed::Lost, Unflushed::Some);
        let images: Vec<_> = self
            .disks
            .iter()
            .zip(moment)
            .map(|(disk, position)| {
                disk.mount(*position, &mut unflushed).unwrap_or_else(|e| panic!("the disk at {moment:?}: {e}"))
            })
            .collect();
        self.plant.ledger = Arc::new(self.ledger.as_of(moment, &self.notes.path().join("acknowledged")));
        judge::crashed(&self.plant).await?;
        if recover {
            self.plant.server.spawn();
            assert!(self.plant.server.comes_up().await, "the server does not start on the disk at {moment:?}");
            let driver = self.plant.driver(&Open::default(), &Arc::default());
            judge::recovered(&self.plant, &driver).await;
            self.plant.server.kill_9();
        }
        drop(images);
        Ok(())
    }
}

/// Administrators at work, each on bulletins of their own so that no job waits for another's packages after a start, until
/// each thing was done; then the server is killed.
async fn work(plant: &mut Plant, chance: &mut Chance) -> usize {
    let done = Arc::default();
    let workers: Vec<_> = plant
        .bulletins
        .chunks(plant.bulletins.len() / ADMINISTRATORS)
        .map(|own| Driver { bulletins: own.to_vec(), most_open: 1, ..plant.driver(&Open::default(), &done) })
        .map(|driver| tokio::spawn(driver.work(chance.branch())))
        .collect();
    eventually_async("everything is done at least once", DEADLINE, || {
        let done = done.lock().unwrap();
        let enough = ACTS.iter().all(|act| done.contains_key(act)) && done.values().sum::<usize>() >= OPERATIONS;
        async move { enough.then_some(()) }
    })
    .await;
    plant.server.kill_9();
    for worker in workers {
        worker.await.expect("the administrator's answers were as they should be");
    }
    let done = done.lock().unwrap();
    done.values().sum()
}

async fn survives(name: &str, kind: FileSystem, two: bool) {
    let mut chance = Chance::new(name);
    let mut record = match Record::make(kind, two, None, &mut chance).await {
        Ok(record) => record,
        Err(why) => return skipped(&format!("{name}: no recorded disks here: {why}")),
    };
    // Each moment twice: everything lost that was not durable (C-06), or some of it (C-07).
    let all = 2 * record.moments.len();
    let count = times(20, all);
    let first = chance.below(all);
    for number in 0..count {
        let (index, some) = ((first + number * all / count) % all / 2, number % 2 == 1);
        let moment = record.moments[index].clone();
        let found = record.look(&moment, some.then_some(&mut chance), true).await;
        if let Err(findings) = found {
            let when = format!("{name}: image {number} at {moment:?}, some={some}, seed {}", chance.seed());
            judge::fail(&record.plant, &when, &findings);
        }
    }
    figures!(
        "{name}: {count} images of {} moments, 0 violations; {} operations, {} acknowledgements held",
        record.moments.len(),
        record.operations,
        record.ledger.lines()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_06_c_07_a_cut_at_any_flush_of_an_ext4_disk_loses_nothing_acknowledged() {
    survives("block replay, ext4, one disk", FileSystem::Ext4, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_06_c_07_a_cut_at_any_flush_of_an_xfs_disk_loses_nothing_acknowledged() {
    survives("block replay, xfs, one disk", FileSystem::Xfs, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_06_c_07_a_cut_at_any_flush_of_two_ext4_disks_loses_nothing_acknowledged() {
    survives("block replay, ext4, two disks", FileSystem::Ext4, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_06_c_07_a_cut_at_any_flush_of_two_xfs_disks_loses_nothing_acknowledged() {
    survives("block replay, xfs, two disks", FileSystem::Xfs, true).await;
}

/// Images of a recording, until the bug shows in one.
async fn caught(mutant: &str, two: bool) {
    let mut chance = Chance::new(mutant);
    let mut record = match Record::make(FileSystem::Ext4, two, Some(mutant), &mut chance).await {
        Ok(record) => record,
        Err(why) => return skipped(&format!("mutant {mutant} in a block replay: no recorded disks here: {why}")),
    };
    let (all, mut images) = (record.moments.len(), 0);
    while images < MOST_IMAGES && !record.moments.is_empty() {
        let moment = record.moments.swap_remove(chance.below(record.moments.len()));
        images += 1;
        if let Err(findings) = record.look(&moment, None, false).await {
            let code = &findings[0].code;
            return figures!("mutant {mutant}: caught in image {images} of {all} of a block replay as {code}");
        }
    }
    panic!("mutant {mutant} survived {images} images of {all} moments, seed {}", chance.seed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_16_a_replay_notices_files_that_are_not_made_durable() {
    caught("no-file-fsync", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_16_a_replay_notices_folders_that_are_not_made_durable() {
    caught("no-dir-fsync", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_16_a_replay_notices_a_database_that_is_not_made_durable() {
    caught("sync-normal", false).await;
}
