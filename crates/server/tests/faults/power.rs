//! H4: power cuts under the running server, database and store on one disk and on two.

use std::{path::PathBuf, sync::Arc, time::Duration};

use patchwharf_checker::Finding;
use patchwharf_testkit::{
    Chance, Server,
    disk::{Cut, FileSystem, LoopPermit, PowerDisk},
    server::Setup,
    skipped, times,
};

use crate::{
    driver::Open,
    judge,
    plant::{BINARY, DISK_MIB, Plant},
};

/// The disks of one server: one, or the database's and the store's.
pub(crate) struct Disks {
    data: PowerDisk,
    store: Option<PowerDisk>,
}

impl Disks {
    pub(crate) fn create(kind: FileSystem, two: bool) -> Result<Self, String> {
        let permit = LoopPermit::take();
        let data = PowerDisk::create(&permit, kind, DISK_MIB)?;
        let store = if two { Some(PowerDisk::create(&permit, kind, DISK_MIB)?) } else { None };
        Ok(Self { data, store })
    }

    pub(crate) fn setup(&self) -> Setup {
        Server::setup(BINARY).data(&self.data.path().join("data")).packages(&self.packages())
    }

    fn packages(&self) -> PathBuf {
        self.store.as_ref().unwrap_or(&self.data).path().join("packages")
    }

    /// Cuts the power of a stopped server, ends it, and brings the disks back. One disk of two may stay alive.
    fn cut(&mut self, server: &mut Server, chance: &mut Chance, both: bool) {
        let how = if chance.once_in(2) { Cut::Plain } else { Cut::JournalFlushed };
        let (cut_data, cut_store) = match chance.below(if both || self.store.is_none() { 1 } else { 3 }) {
            0 => (true, true),
            1 => (true, false),
            _ => (false, true),
        };
        server.stop_still();
        if cut_data {
            self.data.cut(how);
        }
        if cut_store && let Some(store) = &self.store {
            store.cut(how);
        }
        server.kill_9();
        if cut_data {
            self.data.restore();
        }
        if cut_store && let Some(store) = &mut self.store {
            store.restore();
        }
    }
}

/// Works, cuts the power, looks; again and again. The findings of the first cut that lost something.
pub(crate) async fn cuts(
    plant: &mut Plant,
    disks: &mut Disks,
    chance: &mut Chance,
    count: usize,
    both: bool,
) -> Result<(usize, usize), (usize, Vec<Finding>)> {
    let (open, done) = (Open::default(), Arc::default());
    let mut leftovers = 0;
    for cut in 1..=count {
        let workers: Vec<_> = (0..2).map(|_| tokio::spawn(plant.driver(&open, &done).work(chance.branch()))).collect();
        tokio::time::sleep(Duration::from_millis(chance.between(30, 400))).await;
        disks.cut(&mut plant.server, chance, both);
        for worker in workers {
            worker.await.expect("the administrator's answers were as they should be");
        }
        leftovers += judge::crashed(plant).await.map_err(|findings| (cut, findings))?;
        plant.server.spawn();
        if !plant.server.comes_up().await {
            panic!("cut {cut}, seed {}: the server does not start again", chance.seed());
        }
        if cut % 10 == 0 || cut == count {
            judge::recovered(plant, &plant.driver(&open, &done)).await;
        }
    }
    let ended: usize = done.lock().unwrap().values().sum();
    Ok((leftovers, ended))
}

async fn survives(name: &str, kind: FileSystem, two: bool) {
    let mut disks = match Disks::create(kind, two) {
        Ok(disks) => disks,
        Err(why) => return skipped(&format!("{name}: loop mounts are not allowed here: {why}")),
    };
    let mut chance = Chance::new(name);
    let mut plant = Plant::with(disks.setup()).await;
    let count = times(20, 500);
    match cuts(&mut plant, &mut disks, &mut chance, count, false).await {
        Ok((leftovers, ended)) => figures!(
            "{name}: {count} cuts, 0 violations; {} acknowledgements held, {ended} jobs ended, {leftovers} leftovers cleared",
            plant.ledger.lines()
        ),
        Err((cut, findings)) => judge::fail(&plant, &format!("{name}: cut {cut}, seed {}", chance.seed()), &findings),
    }
    // The server goes before the disks under it.
    drop(plant);
    drop(disks);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_04_a_power_cut_on_ext4_loses_nothing_acknowledged() {
    survives("power cuts, ext4, one disk", FileSystem::Ext4, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_04_a_power_cut_on_xfs_loses_nothing_acknowledged() {
    survives("power cuts, xfs, one disk", FileSystem::Xfs, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_05_a_power_cut_of_either_of_two_ext4_disks_loses_nothing_acknowledged() {
    survives("power cuts, ext4, two disks", FileSystem::Ext4, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_05_a_power_cut_of_either_of_two_xfs_disks_loses_nothing_acknowledged() {
    survives("power cuts, xfs, two disks", FileSystem::Xfs, true).await;
}
