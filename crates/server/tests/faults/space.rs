//! H7: the disk gets full.

use std::sync::Arc;

use patchwharf_model::{
    api::{Job, JobDetail, Page},
    job::JobState,
};
use patchwharf_testkit::{disk::SmallDisk, eventually, eventually_async, server::DEADLINE, skipped};
use serde_json::json;

use crate::{driver::Open, judge, plant::Plant, refresh::STEPS};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_04_a_disk_that_gets_full_at_any_step_of_a_refresh_leaves_the_package_served_and_it_goes_on_with_room() {
    let disk = match SmallDisk::create(8 * 1024, 2_000) {
        Ok(disk) => disk,
        Err(why) => return skipped(&format!("disk full in a refresh: mounts are not allowed here: {why}")),
    };
    let home = tempfile::tempdir().unwrap();
    let mut plant = Plant::at(&home.path().join("data"), &disk.path().join("packages")).await;
    plant.server.api().run_job("/api/v1/bulletins/stage", &json!({"bulletins": &plant.bulletins})).await;
    let of = json!({"bulletins": [&plant.bulletins[0]]});
    let served = plant.driver(&Open::default(), &Arc::default()).fetch_all().await.unwrap();
    assert!(served > 0);

    let ballast = disk.path().join("ballast");
    let mut waited = 0;
    let steps: Vec<&str> = ["stage.before-write"].into_iter().chain(STEPS).collect();
    for step in &steps {
        plant.server.set_env("PATCHWHARF_FAULT", &format!("{step}:stop:1"));
        plant.server.restart().await;
        let driver = plant.driver(&Open::default(), &Arc::default());
        let refresh = json!({"of": of, "complete": true});
        let job: Job = plant.server.api().post("/api/v1/bulletins/refresh", &refresh).await;
        eventually("the server stands still", DEADLINE, || plant.server.stands_still().then_some(()));
        fill(&ballast, 0);
        plant.server.go_on();
        let waits = eventually_async("the job waits for space, or needs none", DEADLINE, || async {
            let found: JobDetail = plant.server.api().get(&format!("/api/v1/jobs/{}", job.id)).await;
            let waits = found.job.state == JobState::Queued && found.job.waiting_for.contains("space");
            (waits || found.job.state.is_final()).then_some(waits)
        })
        .await;
        waited += usize::from(waits);
        assert_eq!(driver.fetch_all().await.unwrap(), served, "{step}: the old or the new package is served");
        if let Err(findings) = judge::working(&plant).await {
            judge::fail(&plant, step, &findings);
        }

        std::fs::remove_file(&ballast).unwrap();
        let ended = plant.server.api().wait_for_job(job.id).await;
        assert_eq!(ended.job.state, JobState::Done, "{step}: {ended:#?}");
        assert_eq!(driver.fetch_all().await.unwrap(), served, "{step}");
        judge::recovered(&plant, &driver).await;
    }
    assert!(waited > 0, "the disk was never too full");
    figures!(
        "disk full in a refresh: at {} steps, {waited} times the job waited for space; {served} files served throughout",
        steps.len()
    );
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
