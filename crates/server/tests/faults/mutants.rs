//! bugs planted on purpose. A suite that does not see them would not see real ones.

use std::sync::Arc;

use patchwharf_model::{api::PackageSummary, package::VersionState};
use patchwharf_testkit::{
    Chance, Payload, Server, Vendor,
    disk::FileSystem,
    eventually, eventually_async,
    sdp::{Catalogue, Item, Update},
    server::DEADLINE,
    skipped,
    vendor::Act as Answer,
};
use serde_json::json;

use crate::{
    driver::{Act, Open},
    judge,
    plant::{BINARY, Plant},
    power::{Disks, cuts},
};

pub(crate) const MUTANT: &str = "PATCHWHARF_MUTANT";
/// A mutant that so many cuts do not show is not seen.
const MOST_CUTS: usize = 80;

/// Power cuts until the bug shows.
async fn caught_by_power_cuts(mutant: &str, two: bool) {
    let mut disks = match Disks::create(FileSystem::Ext4, two) {
        Ok(disks) => disks,
        Err(why) => return skipped(&format!("mutant {mutant}: loop mounts are not allowed here: {why}")),
    };
    let mut chance = Chance::new(mutant);
    let mut plant = Plant::with(disks.setup()).await;
    plant.server.set_env(MUTANT, mutant);
    plant.server.restart().await;
    match cuts(&mut plant, &mut disks, &mut chance, MOST_CUTS, true).await {
        Err((cut, findings)) => {
            figures!("mutant {mutant}: caught at power cut {cut} as {}", findings[0].code);
        }
        Ok(_) => panic!("mutant {mutant} survived {MOST_CUTS} power cuts, seed {}", chance.seed()),
    }
    drop(plant);
    drop(disks);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_16_files_that_are_not_made_durable_are_noticed() {
    caught_by_power_cuts("no-file-fsync", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_16_folders_that_are_not_made_durable_are_noticed() {
    caught_by_power_cuts("no-dir-fsync", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_16_a_database_that_is_not_made_durable_is_noticed() {
    caught_by_power_cuts("sync-normal", false).await;
}

/// One kill at the step at which the order matters.
async fn caught_by_a_kill(mutant: &str, step: &str, acts: &[Act]) {
    let mut chance = Chance::new(mutant);
    let mut plant = Plant::start().await;
    let (open, done) = (Open::default(), Arc::default());
    let bulletin = plant.bulletins[0].clone();
    let (last, before) = acts.split_last().unwrap();
    for act in before {
        let driver = plant.driver(&open, &done);
        driver.act(*act, &bulletin, &mut chance).await.unwrap();
        driver.wait_idle().await.unwrap();
    }
    plant.server.set_env(MUTANT, mutant);
    plant.server.set_env("PATCHWHARF_FAULT", &format!("{step}:kill:1"));
    plant.server.restart().await;
    let driver = plant.driver(&open, &done);
    let _ = driver.act(*last, &bulletin, &mut chance).await;
    plant.server.wait_for_end(DEADLINE);
    plant.server.kill_9();
    match judge::crashed(&plant).await {
        Err(findings) => figures!("mutant {mutant}: caught by a kill at {step} as {}", findings[0].code),
        Ok(_) => panic!("mutant {mutant} survived a kill at {step}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_16_a_row_that_comes_before_its_files_is_noticed() {
    caught_by_a_kill("row-first", "place.before-rename", &[Act::Stage]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_16_a_version_that_goes_before_its_successor_is_noticed() {
    caught_by_a_kill("delete-first", "recreate.before-switch", &[Act::Stage, Act::CompleteRefresh]).await;
}

/// Whether a damaged file is served: the mutant does, the server does not.
async fn serves_damage(mutant: Option<&str>) -> bool {
    let mut chance = Chance::new("serve-unverified");
    let mut setup = Server::setup(BINARY);
    if let Some(mutant) = mutant {
        setup = setup.env(MUTANT, mutant);
    }
    let plant = Plant::with(setup).await;
    let (open, done) = (Open::default(), Arc::default());
    let driver = plant.driver(&open, &done);
    let bulletin = plant.bulletins[0].clone();
    driver.act(Act::Stage, &bulletin, &mut chance).await.unwrap();
    driver.wait_idle().await.unwrap();
    let package: PackageSummary = driver.packages_of(&bulletin).await.unwrap().remove(0);
    let version = package.version.unwrap();
    let folder = plant.server.packages().join(package.id.to_string()).join(version.to_string());
    let name = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .find(|name| name != "package.json")
        .unwrap();
    crate::driver::flip(&plant.places(), &folder.join(&name), &plant.ledger, &Default::default());
    let answer = plant.server.api().fetch(&format!("/packages/{}/{version}/{name}", package.id)).await;
    answer.status == 200
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_16_serving_without_a_look_at_the_proof_is_noticed() {
    assert!(!serves_damage(None).await, "the server itself serves a damaged file");
    assert!(serves_damage(Some("serve-unverified")).await, "mutant serve-unverified is not seen");
    figures!("mutant serve-unverified: caught by a damaged file that is served");
}

/// A vendor with one update whose one file answers as told; the server has imported it and been asked to stage it.
async fn one_update(vendor: &Vendor, file: &Payload, mutant: Option<&str>) -> (Server, patchwharf_model::JobId) {
    let item = Item::new(file, Some(vendor.url("/file")));
    vendor.publish("/catalogue.xml", Catalogue::new([Update::new(1, "PW26-001").item(item)]).v1_xml());
    let mut setup = Server::setup(BINARY);
    if let Some(mutant) = mutant {
        setup = setup.env(MUTANT, mutant);
    }
    let server = setup.start().await;
    let feed = json!({"name": "example", "source": {"kind": "sdp", "url": vendor.url("/catalogue.xml")}});
    let _: serde_json::Value = server.api().post("/api/v1/feeds", &feed).await;
    server.api().run_job("/api/v1/feeds/example/import", &json!({})).await;
    let job: patchwharf_model::api::Job =
        server.api().post("/api/v1/bulletins/stage", &json!({"bulletins": ["PW26-001"]})).await;
    (server, job.id)
}

/// The most bytes that ever lay in `.staging` while a vendor sent without an end.
async fn most_staged_bytes(mutant: Option<&str>, enough: u64) -> u64 {
    let vendor = Vendor::start();
    let file = Payload::random("file.exe", 2 << 20);
    vendor.script("/file", [Answer::Endless]);
    let (server, job) = one_update(&vendor, &file, mutant).await;
    let staging = server.packages().join(".staging");
    let mut most = 0;
    eventually_async("staging ends, or more is written than there should be", DEADLINE, || {
        let sizes = std::fs::read_dir(&staging).into_iter().flatten().flatten();
        let size = sizes.filter_map(|e| e.path().join("data").metadata().ok()).map(|m| m.len()).max().unwrap_or(0);
        most = most.max(size);
        let over = most > enough;
        let api = server.api().clone();
        async move {
            let job: patchwharf_model::api::JobDetail = api.get(&format!("/api/v1/jobs/{job}")).await;
            (over || job.job.state.is_final()).then_some(())
        }
    })
    .await;
    most
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_16_a_download_without_a_cap_is_noticed() {
    let pinned = 2 << 20;
    let honest = most_staged_bytes(None, 4 * pinned).await;
    assert!(honest <= pinned + 1, "{honest} bytes were written of a file of {pinned}");
    let mutant = most_staged_bytes(Some("no-length-cap"), 4 * pinned).await;
    assert!(mutant > pinned + 1, "mutant no-length-cap is not seen");
    figures!("mutant no-length-cap: caught, {mutant} bytes written of a file of {pinned}");
}

/// How often a host was asked that only a redirect names.
async fn canary_requests(mutant: Option<&str>) -> usize {
    let vendor = Vendor::start();
    let canary = Vendor::start_on("127.0.0.2:0");
    let file = Payload::random("file.exe", 10_000);
    canary.publish("/file", &file);
    vendor.script("/file", [Answer::redirect(&canary.url("/file"))]);
    let (server, job) = one_update(&vendor, &file, mutant).await;
    server.api().wait_for_job(job).await;
    canary.requests().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_16_a_redirect_that_is_not_checked_is_noticed() {
    assert_eq!(canary_requests(None).await, 0, "the server itself follows a redirect to loopback");
    assert!(canary_requests(Some("redirect-unchecked")).await > 0, "mutant redirect-unchecked is not seen");
    figures!("mutant redirect-unchecked: caught by a canary at 127.0.0.2");
}

/// Whether the old version's files are there after a complete refresh and a start.
async fn old_version_stays(mutant: Option<&str>) -> bool {
    let mut chance = Chance::new("delete-without-lease");
    let mut setup = Server::setup(BINARY);
    if let Some(mutant) = mutant {
        setup = setup.env(MUTANT, mutant);
    }
    let mut plant = Plant::with(setup).await;
    let (open, done) = (Open::default(), Arc::default());
    let driver = plant.driver(&open, &done);
    let bulletin = plant.bulletins[0].clone();
    driver.act(Act::Stage, &bulletin, &mut chance).await.unwrap();
    driver.wait_idle().await.unwrap();
    let old: PackageSummary = driver.packages_of(&bulletin).await.unwrap().remove(0);
    assert_eq!(old.state, Some(VersionState::Staged));
    driver.act(Act::CompleteRefresh, &bulletin, &mut chance).await.unwrap();
    driver.wait_idle().await.unwrap();
    // What is due goes at the latest at the next start.
    plant.server.restart().await;
    let driver = plant.driver(&open, &done);
    driver.wait_idle().await.unwrap();
    let path = plant.server.packages().join(old.id.to_string()).join(old.version.unwrap().to_string());
    if mutant.is_some() {
        eventually("the old version goes", DEADLINE, || (!path.exists()).then_some(()));
    }
    path.exists()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_16_files_that_go_under_a_reader_are_noticed() {
    assert!(old_version_stays(None).await, "the server itself takes away what may still be read");
    assert!(!old_version_stays(Some("delete-without-lease")).await, "mutant delete-without-lease is not seen");
    figures!("mutant delete-without-lease: caught, the replaced version is gone at once");
}
