//! H6: a disk on which writes fail for a moment, and that is healthy again. The kernel calls the pages clean that the
//! disk never got: an fsync that is made once more succeeds, and only who reads the disk itself learns better.

use std::sync::Arc;

use patchwharf_checker::Finding;
use patchwharf_model::{
    api::{Job, Page},
    job::JobState,
};
use patchwharf_testkit::{
    Chance, Server, Vendor,
    disk::{FailingDisk, FileSystem, LoopPermit},
    eventually,
    server::DEADLINE,
    skipped,
};

use crate::{
    driver::{Act, Driver, Open},
    judge,
    mutants::MUTANT,
    plant::{BINARY, DISK_MIB, LARGE, Plant},
};

const FAULT: &str = "PATCHWHARF_FAULT";
/// The disk fails from the first step on, and is healthy from the second one on.
const FOR_A_MOMENT: [(&str, Act); 3] = [
    ("place.before-fsync:stop:1,sync.after-error:stop:1", Act::Stage),
    ("stage.after-write:stop:1,sync.after-error:stop:1", Act::Stage),
    ("relocate.before-copy:stop:1,sync.after-error:stop:1", Act::RelocateBack),
];

/// A server whose packages are on a disk that can fail, and whose database is not.
struct Scene {
    plant: Plant,
    disk: FailingDisk,
    chance: Chance,
}

impl Scene {
    /// None, and said so, where this machine has no disks that fail.
    async fn new(name: &str, kind: FileSystem) -> Option<Self> {
        let disk = match FailingDisk::create(&LoopPermit::take(), kind, DISK_MIB) {
            Ok(disk) => disk,
            Err(why) => {
                skipped(&format!("{name}: no disk that fails here: {why}"));
                return None;
            }
        };
        let plant = Plant::with(Server::setup(BINARY).packages(&disk.path().join("packages"))).await;
        Some(Self { plant, disk, chance: Chance::new(name) })
    }

    fn driver(&self) -> Driver {
        self.plant.driver(&Open::default(), &Arc::default())
    }

    /// Does one thing to its end; its job.
    async fn does(&mut self, act: Act, bulletin: &str) -> Job {
        let driver = self.driver();
        driver.act(act, bulletin, &mut self.chance).await.expect("the server runs");
        driver.wait_idle().await.expect("the server runs");
        self.newest().await
    }

    async fn newest(&self) -> Job {
        let jobs: Page<Job> = self.plant.server.api().get("/api/v1/jobs?limit=1").await;
        jobs.items.into_iter().next().expect("a job")
    }

    /// Begins it, and lets the disk fail from the first step to the second.
    async fn does_on_a_failing_disk(&mut self, faults: &str, act: Act, bulletin: &str) {
        self.plant.server.set_env(FAULT, faults);
        self.plant.server.restart().await;
        let (driver, bulletin, mut chance) = (self.driver(), bulletin.to_owned(), self.chance.branch());
        let ordered = tokio::spawn(async move { driver.act(act, &bulletin, &mut chance).await });
        self.stands_still();
        self.disk.fail(true);
        self.plant.server.go_on();
        // Answered now at the latest; a server that died of it has answered before.
        let _ = ordered.await.expect("the order was taken");
    }

    fn stands_still(&self) {
        eventually("the server stands still", DEADLINE, || self.plant.server.stands_still().then_some(()));
    }

    /// What is wrong on the disk itself: nothing is remembered of it.
    async fn on_the_disk(&mut self) -> Vec<Finding> {
        self.plant.server.kill_9();
        judge::forget_pages();
        judge::crashed(&self.plant).await.err().unwrap_or_default()
    }
}

/// Bytes asked of the vendor for the large file, by request: where each began.
fn requests_for_large(vendor: &Vendor) -> Vec<u64> {
    let begins = |request: patchwharf_testkit::vendor::Request| request.range().map_or(0, |(first, _)| first);
    vendor.requests_for("/files/large.exe").into_iter().map(begins).collect()
}

async fn survives(name: &str, kind: FileSystem) {
    let Some(mut scene) = Scene::new(name, kind).await else { return };
    for (number, (faults, act)) in FOR_A_MOMENT.into_iter().enumerate() {
        let bulletin =
            if faults.starts_with("stage.") { LARGE.to_owned() } else { scene.plant.bulletins[number].clone() };
        if act == Act::RelocateBack {
            for before in [Act::Stage, Act::RelocateThere, Act::PruneHere] {
                assert_eq!(scene.does(before, &bulletin).await.state, JobState::Done);
            }
        }
        scene.does_on_a_failing_disk(faults, act, &bulletin).await;
        scene.stands_still();
        scene.disk.fail(false);
        scene.plant.server.remove_env(FAULT);
        scene.plant.server.go_on();
        scene.driver().wait_idle().await.expect("the server runs");
        let ended = scene.newest().await;
        assert_eq!(ended.state, JobState::Failed, "{name}, {act:?}: {ended:#?}");
        let again = scene.does(act, &bulletin).await;
        assert_eq!(again.state, JobState::Done, "{name}, {act:?}: {again:#?}");
        let findings = scene.on_the_disk().await;
        if !findings.is_empty() {
            judge::fail(&scene.plant, &format!("{name}, {act:?} at {faults}"), &findings);
        }
        scene.plant.server.restart().await;
    }
    // Fetched from its first byte on, both times: what the disk may not have is not gone on with.
    assert_eq!(requests_for_large(&scene.plant.vendor), [0, 0], "{name}");
    judge::recovered(&scene.plant, &scene.driver()).await;
    figures!("{name}: {} times fetched or copied again, 0 violations", FOR_A_MOMENT.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_09_what_an_ext4_disk_once_failed_to_write_is_thrown_away() {
    survives("a failed fsync, ext4", FileSystem::Ext4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_09_what_an_xfs_disk_once_failed_to_write_is_thrown_away() {
    survives("a failed fsync, xfs", FileSystem::Xfs).await;
}

/// Killed when it had its answer and nobody had acted on it: the next process finds a file that reads well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_09_a_kill_after_a_failed_fsync_leaves_nothing_that_is_gone_on_with_unread() {
    let name = "a kill after a failed fsync";
    let Some(mut scene) = Scene::new(name, FileSystem::Ext4).await else { return };
    scene.does_on_a_failing_disk("stage.after-write:stop:1,sync.after-error:kill:1", Act::Stage, LARGE).await;
    scene.plant.server.wait_for_end(DEADLINE);
    scene.disk.fail(false);
    scene.plant.server.remove_env(FAULT);
    scene.plant.server.restart().await;
    scene.driver().wait_idle().await.expect("the server runs");
    let staged = scene.does(Act::Stage, LARGE).await;
    assert_eq!(staged.state, JobState::Done, "{staged:#?}");
    let findings = scene.on_the_disk().await;
    if !findings.is_empty() {
        judge::fail(&scene.plant, name, &findings);
    }
    scene.plant.server.restart().await;
    judge::recovered(&scene.plant, &scene.driver()).await;
    figures!("{name}: large file asked for from {:?}, 0 violations", requests_for_large(&scene.plant.vendor));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_16_a_second_fsync_that_succeeds_is_noticed_as_no_proof() {
    let name = "mutant fsync-again";
    let Some(mut scene) = Scene::new(name, FileSystem::Ext4).await else { return };
    scene.plant.server.set_env(MUTANT, "fsync-again");
    let (faults, act) = FOR_A_MOMENT[0];
    let bulletin = scene.plant.bulletins[0].clone();
    scene.does_on_a_failing_disk(faults, act, &bulletin).await;
    scene.stands_still();
    scene.disk.fail(false);
    scene.plant.server.go_on();
    scene.driver().wait_idle().await.expect("the server runs");
    let findings = scene.on_the_disk().await;
    let seen = findings.iter().find(|finding| finding.code == "file-digest");
    assert!(seen.is_some(), "{name} survived: {findings:#?}");
    figures!("{name}: caught by reading the disk as file-digest");
}
