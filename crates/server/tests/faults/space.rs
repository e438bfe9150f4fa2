//! H7: the disk gets full.

use std::sync::Arc;

use patchwharf_model::api::{Job, Page};
use patchwharf_testkit::{disk::SmallDisk, eventually_async, server::DEADLINE, skipped};
use serde_json::json;

use crate::{driver::Open, judge, plant::Plant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s_25_a_full_disk_stops_staging_until_there_is_room_again() {
    let disk = match SmallDisk::create(8 * 1024, 2_000) {
        Ok(disk) => disk,
        Err(why) => return skipped(&format!("disk full: mounts are not allowed here: {why}")),
    };
    let home = tempfile::tempdir().unwrap();
    let plant = Plant::at(&home.path().join("data"), &disk.path().join("packages")).await;
    let (open, done) = (Open::default(), Arc::default());
    let driver = plant.driver(&open, &done);
    let first = json!({"bulletins": [&plant.bulletins[0]]});
    plant.server.api().run_job("/api/v1/bulletins/stage", &first).await;
    let staged = driver.fetch_all().await.unwrap();
    assert!(staged > 0);

    let ballast = disk.path().join("ballast");
    fill(&ballast, 100 * 1024);
    let job: Job = plant.server.api().post("/api/v1/bulletins/stage", &json!({"bulletins": &plant.bulletins})).await;
    eventually_async("the job waits for space", DEADLINE, || async {
        let page: Page<Job> = plant.server.api().get("/api/v1/jobs?state=queued").await;
        page.items.into_iter().find(|j| j.id == job.id && j.waiting_for.contains("space")).map(|_| ())
    })
    .await;
    assert_eq!(driver.fetch_all().await.unwrap(), staged, "what is staged is still served");

    std::fs::remove_file(&ballast).unwrap();
    eventually_async("the job ends by itself", DEADLINE, || async {
        let ended = plant.server.api().wait_for_job(job.id).await;
        ended.job.state.is_final().then_some(())
    })
    .await;
    judge::recovered(&plant, &driver).await;
    let all = driver.fetch_all().await.unwrap();
    assert!(all > staged);
    figures!("disk full: {staged} files served meanwhile, {all} after room was made");
    drop(plant);
}

/// Takes all room but `leave_bytes`.
fn fill(ballast: &std::path::Path, leave_bytes: u64) {
    let file = std::fs::File::create(ballast).unwrap();
    let mut size = 64 << 20;
    while size >= 4096 {
        let before = file.metadata().unwrap().len();
        if rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), before, size).is_err() {
            size /= 2;
        }
    }
    let full = file.metadata().unwrap().len();
    file.set_len(full.saturating_sub(leave_bytes)).unwrap();
}
