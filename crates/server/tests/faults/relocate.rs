//! Packages on the move: readers meanwhile, disks that die or lie, jobs that are stopped, two servers at once.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use patchwharf_model::{
    api::{Job, JobDetail, PackageDetail, PackageSummary, Page},
    job::JobState,
};
use patchwharf_testkit::{
    Chance, Server,
    disk::{Cut, FileSystem, LoopPermit, PowerDisk},
    eventually, eventually_async,
    server::{DEADLINE, Setup},
    skipped, times,
};
use serde_json::json;

use crate::{
    driver::{Act, Driver, Open},
    judge,
    plant::{BINARY, LARGE, Plant},
};

const FAULT: &str = "PATCHWHARF_FAULT";

/// A server with every bulletin staged at the first place.
pub(crate) async fn staged(setup: Setup) -> (Plant, Driver) {
    let plant = Plant::with(setup).await;
    let driver = plant.driver(&Open::default(), &Arc::default());
    let all = json!({"bulletins": &plant.bulletins});
    let job = plant.server.api().run_job("/api/v1/bulletins/stage", &all).await;
    assert_eq!(job.job.state, JobState::Done, "{job:#?}");
    (plant, driver)
}

/// Orders a move of everything from one of the two places to the other.
pub(crate) async fn order(plant: &Plant, driver: &Driver, from: usize, to: usize) -> Job {
    let places = driver.places().await.unwrap();
    plant.server.api().post("/api/v1/locations/relocate", &json!({"from": places[from], "to": places[to]})).await
}

/// How many staged packages lie at each of the two places.
pub(crate) async fn whereabouts(plant: &Plant) -> [usize; 2] {
    let page: Page<PackageSummary> = plant.server.api().get("/api/v1/packages?limit=1000&state=staged").await;
    let mut counts = [0; 2];
    for package in page.items {
        let detail: PackageDetail = plant.server.api().get(&format!("/api/v1/packages/{}", package.id)).await;
        let version = detail.versions.iter().find(|v| Some(v.version) == package.version).unwrap();
        let at = plant.places().iter().position(|root| PathBuf::from(&version.path).starts_with(root)).unwrap();
        counts[at] += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l_01_l_18_every_reader_gets_whole_files_by_the_same_address_while_packages_move() {
    let (plant, driver) = staged(Server::setup(BINARY)).await;
    let addresses: Arc<Vec<String>> = Arc::new(addresses(&plant).await);
    let (stop, files) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let readers: Vec<_> = (0..200)
        .map(|n| {
            let (client, stop, files) = (driver.client.clone(), Arc::clone(&stop), Arc::clone(&files));
            let addresses = Arc::clone(&addresses);
            tokio::spawn(async move {
                for address in addresses.iter().cycle().skip(n) {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let answer = client.fetch(address).await;
                    assert_eq!(answer.status, 200, "{address}: {}", answer.text());
                    let etag = answer.header("etag").unwrap().trim_matches('"').to_owned();
                    assert_eq!(patchwharf_testkit::payload::sha256(&answer.body).to_string(), etag, "{address}");
                    files.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut chance = Chance::new("readers during moves");
    let acts = [Act::RelocateThere, Act::Undo, Act::LinkThere, Act::PruneHere, Act::RelocateBack, Act::PruneThere];
    let (mut moves, rounds) = (0, times(1, 20));
    for _ in 0..rounds {
        for act in acts {
            for bulletin in &plant.bulletins {
                driver.act(act, bulletin, &mut chance).await.unwrap();
                moves += 1;
            }
            driver.wait_idle().await.unwrap();
        }
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    let files = files.load(Ordering::Relaxed);
    assert!(files > addresses.len(), "{files}");
    judge::recovered(&plant, &driver).await;
    figures!("readers during moves: 200 readers, {files} files read whole by the same addresses during {moves} jobs");
}

/// The addresses of all files.
async fn addresses(plant: &Plant) -> Vec<String> {
    let page: Page<PackageSummary> = plant.server.api().get("/api/v1/packages?limit=1000&state=staged").await;
    let mut found = Vec::new();
    for package in page.items {
        let detail: PackageDetail = plant.server.api().get(&format!("/api/v1/packages/{}", package.id)).await;
        for version in detail.versions.iter().filter(|v| Some(v.version) == package.version) {
            let names = version.files.iter().map(|file| file.name.clone());
            found.extend(names.map(|name| format!("/packages/{}/{}/{name}", package.id, version.version)));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_is_paused_goes_on_after_a_restart_and_is_cancelled_and_what_was_moved_stays_moved() {
    let (mut plant, _) = staged(Server::setup(BINARY)).await;
    // So large that it is a batch of its own; the other one is held at the step.
    let large = plant.server.api().run_job("/api/v1/bulletins/stage", &json!({"bulletins": [LARGE]})).await;
    assert_eq!(large.job.state, JobState::Done, "{large:#?}");
    plant.server.set_env(FAULT, "relocate.before-copy:sleep-1500:2");
    plant.server.restart().await;
    let driver = plant.driver(&Open::default(), &Arc::default());
    let job = order(&plant, &driver, 0, 1).await;
    let api = plant.server.api().clone();
    let state = |wanted: JobState| {
        let api = api.clone();
        async move {
            eventually_async(&format!("the job is {wanted}"), DEADLINE, || async {
                let detail: JobDetail = api.get(&format!("/api/v1/jobs/{}", job.id)).await;
                (detail.job.state == wanted).then_some(())
            })
            .await;
        }
    };
    state(JobState::Running).await;
    let _: Job = api.post(&format!("/api/v1/jobs/{}/pause", job.id), &json!({})).await;
    state(JobState::Paused).await;
    let paused = whereabouts(&plant).await;
    driver.fetch_all().await.unwrap();
    // A restart leaves it paused; resumed, it does the rest.
    plant.server.remove_env(FAULT);
    plant.server.restart().await;
    let driver = plant.driver(&Open::default(), &Arc::default());
    let api = plant.server.api().clone();
    assert_eq!(whereabouts(&plant).await, paused);
    let _: Job = api.post(&format!("/api/v1/jobs/{}/resume", job.id), &json!({})).await;
    let ended = api.wait_for_job(job.id).await;
    assert_eq!(ended.job.state, JobState::Done, "{ended:#?}");
    let all = paused[0] + paused[1];
    assert_eq!(whereabouts(&plant).await, [0, all]);
    // Cancelled in the middle of the way back: each package is at exactly one place.
    plant.server.set_env(FAULT, "relocate.after-switch:sleep-1500:1");
    plant.server.restart().await;
    let driver_back = plant.driver(&Open::default(), &Arc::default());
    let back = order(&plant, &driver_back, 1, 0).await;
    let api = plant.server.api().clone();
    eventually_async("the job runs", DEADLINE, || async {
        let detail: JobDetail = api.get(&format!("/api/v1/jobs/{}", back.id)).await;
        (detail.job.state == JobState::Running).then_some(())
    })
    .await;
    let _: Job = api.post(&format!("/api/v1/jobs/{}/cancel", back.id), &json!({})).await;
    let ended = api.wait_for_job(back.id).await;
    let [here, there] = whereabouts(&plant).await;
    assert_eq!(here + there, all, "{ended:#?}");
    driver_back.fetch_all().await.unwrap();
    judge::recovered(&plant, &driver_back).await;
    drop(driver);
}

/// The first package location is on a disk of its own that can die; the database and the second location are not.
async fn on_a_disk() -> Result<(PowerDisk, Plant, Driver), String> {
    let disk = PowerDisk::create(&LoopPermit::take(), FileSystem::Ext4, 320)?;
    let (plant, driver) = staged(Server::setup(BINARY).packages(&disk.path().join("packages"))).await;
    Ok((disk, plant, driver))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l_05_when_the_new_disk_dies_the_old_place_serves_on_and_the_job_fails_with_its_reason() {
    let (disk, mut plant, driver) = match on_a_disk().await {
        Ok(made) => made,
        Err(why) => return skipped(&format!("a new disk that dies: loop mounts are not allowed here: {why}")),
    };
    // Everything goes to the place that stays alive; then the way back to the disk that dies.
    let job = order(&plant, &driver, 0, 1).await;
    assert_eq!(plant.server.api().wait_for_job(job.id).await.job.state, JobState::Done);
    let path = format!("/api/v1/locations/{}/prune", driver.places().await.unwrap()[0]);
    let all = whereabouts(&plant).await[1];
    plant.server.api().run_job(&path, &json!({"confirm": all})).await;
    let put = json!({"value": plant.places()[1]});
    let set = plant.server.api().call(reqwest::Method::PUT, "/api/v1/settings/package-location", Some(&put)).await;
    assert_eq!(set.status, 200, "{}", set.text());
    plant.server.set_env(FAULT, "relocate.before-reread:sleep-1000:1");
    plant.server.restart().await;
    let driver = plant.driver(&Open::default(), &Arc::default());
    let job = order(&plant, &driver, 1, 0).await;
    let staging = disk.path().join("packages/.staging");
    eventually("copies are on their way", DEADLINE, || (!copies(&staging).is_empty()).then_some(()));
    disk.cut(Cut::Plain);
    let ended = plant.server.api().wait_for_job(job.id).await;
    assert_eq!(ended.job.state, JobState::Failed, "{ended:#?}");
    let summary = ended.report.unwrap().summary;
    assert!(summary.contains("the new place failed") || summary.contains("Nothing was touched"), "{summary}");
    assert_eq!(whereabouts(&plant).await, [0, all]);
    driver.fetch_all().await.unwrap();
    figures!("new disk dies: {all} packages served on from the old place, the job failed: {summary}");
    plant.server.kill_9();
    drop(plant);
    drop(disk);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l_06_when_the_old_disk_dies_what_was_moved_is_served_and_the_rest_is_named_and_fetched_anew() {
    let (disk, mut plant, driver) = match on_a_disk().await {
        Ok(made) => made,
        Err(why) => return skipped(&format!("an old disk that dies: loop mounts are not allowed here: {why}")),
    };
    let put = json!({"value": plant.places()[1]});
    let set = plant.server.api().call(reqwest::Method::PUT, "/api/v1/settings/package-location", Some(&put)).await;
    assert_eq!(set.status, 200, "{}", set.text());
    let places = driver.places().await.unwrap();
    let some = json!({"from": places[0], "to": places[1], "of": {"bulletins": [plant.bulletins[0]]}});
    plant.server.api().run_job("/api/v1/locations/relocate", &some).await;
    let before = whereabouts(&plant).await;
    assert!(before[0] > 0 && before[1] > 0, "{before:?}");
    disk.cut(Cut::Plain);
    // What the kernel still remembers of the files goes: the disk has to be asked.
    judge::forget_pages();
    let rest = json!({"from": places[0], "to": places[1]});
    let ended = plant.server.api().run_job("/api/v1/locations/relocate", &rest).await;
    assert_eq!(ended.job.state, JobState::Failed, "{ended:#?}");
    let named = ended.report.as_ref().unwrap().items.iter().filter(|item| item.failed).count();
    let gone = ended.report.as_ref().unwrap().summary.contains("Nothing was touched");
    assert!(gone || named > 0, "{ended:#?}");
    assert!(whereabouts(&plant).await[1] >= before[1]);
    if !gone {
        let restage = json!({"from": places[0], "to": places[1], "restage": true});
        let ended = plant.server.api().run_job("/api/v1/locations/relocate", &restage).await;
        assert_eq!(ended.job.state, JobState::Done, "{ended:#?}");
        assert_eq!(whereabouts(&plant).await, [0, before[0] + before[1]]);
        driver.fetch_all().await.unwrap();
    }
    figures!("old disk dies: {} moved packages served, {named} named; gone as a whole: {gone}", before[1]);
    plant.server.kill_9();
    drop(plant);
    drop(disk);
}

/// Moves everything to a disk on which a byte of a copy changes between its fsync and its reading back. How many packages
/// lie there afterwards although their bytes are wrong.
async fn moved_onto_a_lying_disk(mutant: Option<&str>) -> Result<(usize, JobDetail), String> {
    let disk = PowerDisk::create(&LoopPermit::take(), FileSystem::Ext4, 320)?;
    let data = tempfile::TempDir::new().map_err(|e| e.to_string())?;
    let setup = Server::setup(BINARY).data(&data.path().join("data"));
    let (mut plant, _) = staged(setup).await;
    let there = disk.path().canonicalize().unwrap().join("packages");
    let new: patchwharf_model::api::Location =
        plant.server.api().post("/api/v1/locations", &json!({"path": there})).await;
    plant.server.set_env(FAULT, "relocate.before-reread:stop:1");
    if let Some(mutant) = mutant {
        plant.server.set_env("PATCHWHARF_MUTANT", mutant);
    }
    plant.server.restart().await;
    let bulletin = plant.bulletins[0].clone();
    let of = json!({"to": new.id, "of": {"bulletins": [bulletin]}});
    let job: Job = plant.server.api().post("/api/v1/locations/relocate", &of).await;
    eventually("the server stands still", DEADLINE, || plant.server.stands_still().then_some(()));
    let file = copies(&there.join(".staging")).into_iter().next().expect("a copy on its way");
    disk.flip_byte_of(&file)?;
    plant.server.go_on();
    let ended = plant.server.api().wait_for_job(job.id).await;
    // What the kernel remembers of the disk goes, as it does in time.
    plant.server.kill_9();
    judge::forget_pages();
    let wrong = match judge::crashed(&plant).await {
        Ok(_) => 0,
        Err(findings) => findings.iter().filter(|finding| finding.code == "file-digest").count(),
    };
    drop(plant);
    drop(disk);
    Ok((wrong, ended))
}

/// Files of versions that are being built.
fn copies(staging: &std::path::Path) -> Vec<PathBuf> {
    let inner = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = inner(staging.to_owned())
        .flat_map(inner)
        .flat_map(inner)
        .flat_map(inner)
        .filter(|path| path.extension().is_some_and(|extension| extension == "exe"))
        .collect();
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l_15_a_byte_that_rots_on_the_new_disk_is_found_before_the_switch() {
    let (wrong, ended) = match moved_onto_a_lying_disk(None).await {
        Ok(found) => found,
        Err(why) => return skipped(&format!("a disk that lies: loop mounts are not allowed here: {why}")),
    };
    assert_eq!((wrong, ended.job.state), (0, JobState::Failed), "{ended:#?}");
    let report = ended.report.unwrap();
    let misread = report.items.iter().find(|item| item.outcome == "misread").expect("it is named");
    assert!(misread.reason.contains("gives back other bytes"), "{misread:#?}");
    let (wrong, ended) = moved_onto_a_lying_disk(Some("reread-from-cache")).await.unwrap();
    assert!(wrong > 0, "mutant reread-from-cache is not seen: {ended:#?}");
    figures!("disk that lies: found by reading back from the device; mutant reread-from-cache: {wrong} files wrong");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l_12_two_servers_on_one_postgres_move_refresh_and_delete_the_same_packages() {
    if !Setup::postgres_at_hand() {
        return skipped("PATCHWHARF_TEST_POSTGRES is not set: no two servers that move the same packages");
    }
    let plant = Plant::with(Server::setup(BINARY).on_postgres()).await;
    let second = Server::setup(BINARY)
        .env("PATCHWHARF_DATABASE", &plant.server.database_url())
        .packages(&plant.server.packages())
        .prepare()
        .await;
    // Servers of one deployment sign with one key.
    let key = "manifest.key";
    std::fs::copy(plant.server.data().join(key), second.data().join(key)).unwrap();
    let mut second = second;
    second.restart().await;
    let (open, done) = (Open::default(), Arc::default());
    let mut chance = Chance::new("two servers");
    let steps = times(60, 2_000);
    let drivers: Vec<Driver> = [plant.server.api(), second.api()]
        .into_iter()
        .map(|client| Driver { client: client.clone(), ..plant.driver(&open, &done) })
        .collect();
    let working: Vec<_> =
        drivers.iter().map(|driver| tokio::spawn(driver.clone().work_for(steps, chance.branch()))).collect();
    for one in working {
        one.await.unwrap();
    }
    for driver in &drivers {
        driver.wait_idle().await.unwrap();
    }
    second.kill_9();
    judge::recovered(&plant, &drivers[0]).await;
    let done = done.lock().unwrap();
    figures!("two servers: {} steps each on the same packages, 0 violations; jobs ended {done:?}", steps);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_16_a_row_that_moves_before_its_files_is_noticed() {
    let mut chance = Chance::new("switch-first");
    let mut plant = Plant::start().await;
    let (open, done) = (Open::default(), Arc::default());
    let bulletin = plant.bulletins[0].clone();
    let driver = plant.driver(&open, &done);
    driver.act(Act::Stage, &bulletin, &mut chance).await.unwrap();
    driver.wait_idle().await.unwrap();
    plant.server.set_env("PATCHWHARF_MUTANT", "switch-first");
    plant.server.set_env(FAULT, "relocate.before-reread:kill:1");
    plant.server.restart().await;
    let driver = plant.driver(&open, &done);
    let _ = driver.act(Act::RelocateThere, &bulletin, &mut chance).await;
    plant.server.wait_for_end(DEADLINE);
    plant.server.kill_9();
    match judge::crashed(&plant).await {
        Err(findings) => figures!("mutant switch-first: caught by a kill as {}", findings[0].code),
        Ok(_) => panic!("mutant switch-first survived a kill at relocate.before-reread"),
    }
}

/// Whether an original is still there after a prune whose copy had rotted unseen.
async fn original_stays(mutant: Option<&str>) -> bool {
    let mut chance = Chance::new("prune-unproved");
    let mut setup = Server::setup(BINARY);
    if let Some(mutant) = mutant {
        setup = setup.env("PATCHWHARF_MUTANT", mutant);
    }
    let plant = Plant::with(setup).await;
    let driver = plant.driver(&Open::default(), &Arc::default());
    let bulletin = plant.bulletins[0].clone();
    for act in [Act::Stage, Act::RelocateThere] {
        driver.act(act, &bulletin, &mut chance).await.unwrap();
        driver.wait_idle().await.unwrap();
    }
    let package = driver.packages_of(&bulletin).await.unwrap().remove(0);
    let detail: PackageDetail = plant.server.api().get(&format!("/api/v1/packages/{}", package.id)).await;
    let version = &detail.versions[0];
    let served = PathBuf::from(&version.path).join(version.files[0].name.as_str());
    crate::driver::flip(&plant.places(), &served, &plant.ledger, &Default::default());
    driver.act(Act::PruneHere, &bulletin, &mut chance).await.unwrap();
    driver.wait_idle().await.unwrap();
    PathBuf::from(&version.originals[0].path).join(version.files[0].name.as_str()).exists()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_16_an_original_that_goes_unproved_is_noticed() {
    assert!(original_stays(None).await, "the server itself removes the only whole copy");
    assert!(!original_stays(Some("prune-unproved")).await, "mutant prune-unproved is not seen");
    figures!("mutant prune-unproved: caught, the only whole copy is gone");
}

/// A kill at each step of a move, a way back and a prune: every package can be had at once after the start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l_02_after_a_kill_at_any_step_every_package_is_served_at_once_from_one_place() {
    let mut chance = Chance::new("kill of a move");
    let (mut plant, _) = staged(Server::setup(BINARY)).await;
    let bulletin = plant.bulletins[0].clone();
    let there = [
        "relocate.before-copy",
        "place.before-fsync",
        "relocate.before-reread",
        "relocate.after-reread",
        "place.before-rename",
        "place.after-rename",
        "place.after-fsync",
        "relocate.before-switch",
        "relocate.after-switch",
    ];
    let steps = there
        .map(|step| (step, Act::RelocateThere))
        .into_iter()
        .chain(["undo.before-switch", "undo.after-switch"].map(|step| (step, Act::Undo)))
        .chain(
            ["prune.before-take", "prune.before-unlink", "prune.mid-unlink", "prune.after-unlink", "prune.after-row"]
                .map(|step| (step, Act::PruneHere)),
        );
    let mut kills = 0;
    for (step, act) in steps {
        // Where the act finds something to do.
        let driver = plant.driver(&Open::default(), &Arc::default());
        let last = if act == Act::RelocateThere { Act::PruneThere } else { Act::RelocateThere };
        let before = [Act::RelocateBack, last];
        for act in before {
            driver.act(act, &bulletin, &mut chance).await.unwrap();
            driver.wait_idle().await.unwrap();
        }
        let packages = whereabouts(&plant).await.iter().sum::<usize>();
        plant.server.set_env(FAULT, &format!("{step}:kill:1"));
        plant.server.restart().await;
        let driver = plant.driver(&Open::default(), &Arc::default());
        let _ = driver.act(act, &bulletin, &mut chance).await;
        plant.server.wait_for_end(DEADLINE);
        if let Err(findings) = judge::crashed(&plant).await {
            judge::fail(&plant, step, &findings);
        }
        plant.server.remove_env(FAULT);
        plant.server.restart().await;
        // At once: the job that was killed may still be running again.
        let driver = plant.driver(&Open::default(), &Arc::default());
        assert_eq!(whereabouts(&plant).await.iter().sum::<usize>(), packages, "{step}");
        assert!(driver.fetch_all().await.unwrap() >= packages, "{step}");
        driver.wait_idle().await.unwrap();
        kills += 1;
    }
    let driver = plant.driver(&Open::default(), &Arc::default());
    judge::recovered(&plant, &driver).await;
    figures!("kill of a move: {kills} steps of move, way back and prune, every package served at once after the start");
}
