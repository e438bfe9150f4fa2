//! H1: SIGKILL after a random time, over and over.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use patchwharf_testkit::{Chance, Server, server::Setup, skipped, times};

use crate::{
    driver::{Act, Driver, Open},
    judge,
    plant::{BINARY, Plant},
};

/// Kills in a soak.
const FULL: usize = 10_000;

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

async fn kills(mut plant: Plant, name: &str, count: usize) {
    let mut chance = Chance::new(name);
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
            Err(findings) => judge::fail(&plant, &format!("kill {kill}, seed {}", chance.seed()), &findings),
        }
        plant.server.restart().await;
        if kill % 20 == 0 || kill == count {
            judge::recovered(&plant, &plant.driver(&open, &done)).await;
        }
    }
    let done = done.lock().unwrap();
    figures!(
        "{name}: {count} kills, 0 violations; {} acknowledgements held, jobs ended {done:?}, {leftovers} leftovers cleared",
        plant.ledger.lines()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_01_nothing_is_lost_by_kill_9_on_sqlite() {
    kills(Plant::start().await, "kill loop on SQLite", times(200, FULL)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_01_nothing_is_lost_by_kill_9_on_postgres() {
    if !Setup::postgres_at_hand() {
        return skipped("PATCHWHARF_TEST_POSTGRES is not set: no kill loop on PostgreSQL");
    }
    let plant = Plant::with(Server::setup(BINARY).on_postgres()).await;
    kills(plant, "kill loop on PostgreSQL", times(200, FULL)).await;
}
