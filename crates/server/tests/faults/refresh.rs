//! while a refresh runs, and after it was killed, the package can be had.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use patchwharf_model::package::VersionState;
use patchwharf_testkit::{Chance, server::DEADLINE, times};

use crate::{
    driver::{Act, Driver, Open},
    judge,
    plant::Plant,
};

/// What a complete refresh passes on its way, from the first bytes to the new package.
pub(crate) const STEPS: [&str; 11] = [
    "stage.after-write",
    "stage.after-verify",
    "place.before-build",
    "place.before-fsync",
    "place.before-rename",
    "place.after-rename",
    "place.after-fsync",
    "commit.before",
    "recreate.before-switch",
    "commit.after",
    "recreate.after-switch",
];

async fn staged_plant(open: &Open, chance: &mut Chance) -> (Plant, Driver, String) {
    let plant = Plant::start().await;
    let driver = plant.driver(open, &Arc::default());
    let bulletin = plant.bulletins[0].clone();
    driver.act(Act::Stage, &bulletin, chance).await.unwrap();
    driver.wait_idle().await.unwrap();
    (plant, driver, bulletin)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_01_every_reader_gets_one_whole_version_while_refreshes_run() {
    let mut chance = Chance::new("readers during refresh");
    let (plant, driver, bulletin) = staged_plant(&Open::default(), &mut chance).await;
    let (stop, files) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let readers: Vec<_> = (0..100)
        .map(|_| {
            let (driver, stop, files) = (driver.clone(), Arc::clone(&stop), Arc::clone(&files));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    // Asserts status 200 and the digest that the API names.
                    files.fetch_add(driver.fetch_all().await.unwrap(), Ordering::Relaxed);
                }
            })
        })
        .collect();
    let refreshes = times(9, 300);
    for act in [Act::CompleteRefresh, Act::QuickRefresh, Act::Recreate].into_iter().cycle().take(refreshes) {
        driver.act(act, &bulletin, &mut chance).await.unwrap();
        driver.wait_idle().await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    judge::recovered(&plant, &driver).await;
    let files = files.load(Ordering::Relaxed);
    assert!(files > 0);
    figures!("readers during refresh: 100 readers, {files} files read whole during {refreshes} refreshes");
    drop(plant);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_04_after_a_kill_at_any_step_of_a_refresh_the_package_is_served_at_once() {
    let mut chance = Chance::new("kill of a refresh");
    let open = Open::default();
    let (mut plant, driver, bulletin) = staged_plant(&open, &mut chance).await;
    let updates = driver.packages_of(&bulletin).await.unwrap().len();
    let steps: Vec<&str> = STEPS.into_iter().chain(["job.before-finish"]).collect();
    for step in &steps {
        plant.server.set_env("PATCHWHARF_FAULT", &format!("{step}:kill:1"));
        plant.server.restart().await;
        let driver = plant.driver(&open, &Arc::default());
        let _ = driver.act(Act::CompleteRefresh, &bulletin, &mut chance).await;
        plant.server.wait_for_end(DEADLINE);
        if let Err(findings) = judge::crashed(&plant).await {
            judge::fail(&plant, step, &findings);
        }
        plant.server.remove_env("PATCHWHARF_FAULT");
        plant.server.restart().await;
        // At once: the job that was killed may still be running again.
        let driver = plant.driver(&open, &Arc::default());
        let packages = driver.packages_of(&bulletin).await.unwrap();
        let staged = packages.iter().filter(|p| p.active && p.state == Some(VersionState::Staged)).count();
        assert_eq!(staged, updates, "{step}: {packages:#?}");
        assert!(driver.fetch_all().await.unwrap() >= updates, "{step}");
        judge::recovered(&plant, &driver).await;
    }
    figures!("kill of a refresh: {} steps, every package served at once after the start", steps.len());
}
