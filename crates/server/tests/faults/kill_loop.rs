//! H1: SIGKILL after a random time, over and over.

use std::{collections::BTreeMap, future::ready, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use patchwharf_testkit::{Chance, Server, server::Setup, skipped, times};

use crate::{
    driver::{Act, Driver, Open},
    judge,
    plant::{BINARY, Plant},
};

/// Kills in a soak.
const FULL: usize = 10_000;
/// Kills that one server gets: what is looked at after each grows with all that was done before it.
const A_SERVER: usize = 100;
/// Servers that are being killed side by side.
const AT_ONCE: usize = 4;

impl Plant {
    /// An administrator for the server as it runs now.
    pub(crate) fn driver(&self, open: &Open, done: &Arc<std::sync::Mutex<BTreeMap<Act, usize>>>) -> Driver {
        Driver {
            client: self.server.api().clone(),
            ledger: Arc::clone(&self.ledger),
            bulletins: self.bulletins.clone(),
            places: self.places(),
            foreign: self.foreign(),
            open: Arc::clone(open),
            done: Arc::clone(done),
            errors_expected: false,
            most_open: 4,
        }
    }
}

/// What came of kills.
#[derive(Default)]
struct Tally {
    acknowledged: usize,
    leftovers: usize,
    done: BTreeMap<Act, usize>,
}

impl Tally {
    fn and(mut self, other: Self) -> Self {
        self.acknowledged += other.acknowledged;
        self.leftovers += other.leftovers;
        for (act, times) in other.done {
            *self.done.entry(act).or_default() += times;
        }
        self
    }
}

/// Kills one server so many times, after the first ones of others, and holds what each left against what was acknowledged.
async fn kills(mut plant: Plant, first: usize, count: usize, mut chance: Chance) -> Tally {
    let (open, done) = (Open::default(), Arc::default());
    let mut leftovers = 0;
    for kill in 1..=count {
        let workers: Vec<_> = (0..2).map(|_| tokio::spawn(plant.driver(&open, &done).work(chance.branch()))).collect();
        tokio::time::sleep(Duration::from_millis(chance.between(5, 250))).await;
        plant.server.kill_9();
        for worker in workers {
            worker.await.unwrap_or_else(|e| panic!("{e}"));
        }
        match judge::crashed(&plant).await {
            Ok(left) => leftovers += left,
            Err(findings) => judge::fail(&plant, &format!("kill {}", first + kill), &findings),
        }
        plant.server.restart().await;
        if kill % 20 == 0 || kill == count {
            judge::recovered(&plant, &plant.driver(&open, &done)).await;
        }
    }
    eprintln!("kills {} to {} survived", first + 1, first + count);
    let done = done.lock().unwrap().clone();
    Tally { acknowledged: plant.ledger.lines(), leftovers, done }
}

/// So many kills, shared out among servers.
async fn survives(name: &str, count: usize, setup: fn() -> Setup) {
    let mut chance = Chance::new(name);
    let shares = (0..count).step_by(A_SERVER).map(|first| (first, A_SERVER.min(count - first), chance.branch()));
    let tally = stream::iter(shares)
        .map(|(first, share, chance)| {
            tokio::spawn(async move { kills(Plant::with(setup()).await, first, share, chance).await })
        })
        .buffer_unordered(AT_ONCE)
        .map(|ended| ended.unwrap_or_else(|e| panic!("{e}")))
        .fold(Tally::default(), |sum, tally| ready(sum.and(tally)))
        .await;
    figures!(
        "{name}: {count} kills, 0 violations; {} acknowledgements held, jobs ended {:?}, {} leftovers cleared",
        tally.acknowledged,
        tally.done,
        tally.leftovers
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_01_nothing_is_lost_by_kill_9_on_sqlite() {
    survives("kill loop on SQLite", times(200, FULL), || Server::setup(BINARY)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_01_nothing_is_lost_by_kill_9_on_postgres() {
    if !Setup::postgres_at_hand() {
        return skipped("PATCHWHARF_TEST_POSTGRES is not set: no kill loop on PostgreSQL");
    }
    survives("kill loop on PostgreSQL", times(200, FULL), || Server::setup(BINARY).on_postgres()).await;
}
