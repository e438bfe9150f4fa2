//! Originals that another server goes back to while a prune stands still.

use std::{os::unix::fs::MetadataExt as _, path::Path, sync::Arc, time::Duration};

use patchwharf_db::{
    Db, Options, packages,
    packages::{LockOutcome, Relocated, StagedFile},
};
use patchwharf_model::{
    FileName, JobId, LocationId, PackageId, Timestamp,
    api::{Job, JobDetail},
    job::JobState,
    package::ProofStamp,
};
use patchwharf_testkit::{Server, eventually, server::DEADLINE};
use serde_json::json;

use crate::{
    driver::Open,
    judge,
    plant::{BINARY, Plant},
    relocate::{order, staged, whereabouts},
};

const FAULT: &str = "PATCHWHARF_FAULT";

/// Everything was moved, and a prune of the first place stands still: it has proved what is served, and removed nothing.
async fn standing_still(step: &str) -> (Plant, [LocationId; 2], Job) {
    let (mut plant, driver) = staged(Server::setup(BINARY)).await;
    let places = driver.places().await.unwrap();
    let moved = order(&plant, &driver, 0, 1).await;
    assert_eq!(plant.server.api().wait_for_job(moved.id).await.job.state, JobState::Done);
    let all = whereabouts(&plant).await[1];
    plant.server.set_env(FAULT, &format!("{step}:stop:1"));
    plant.server.restart().await;
    let path = format!("/api/v1/locations/{}/prune", places[0]);
    let job: Job = plant.server.api().post(&path, &json!({"confirm": all})).await;
    eventually("the server stands still", DEADLINE, || plant.server.stands_still().then_some(()));
    (plant, places, job)
}

/// The same, and others can write meanwhile: a server that stopped while another of its tasks wrote keeps its database locked.
async fn standing_still_between_writes(step: &str) -> (Plant, [LocationId; 2], Job, Db) {
    for _ in 0..5 {
        let (plant, places, job) = standing_still(step).await;
        let db = Db::open_as_it_is(&Options::new(plant.server.database_url())).await.unwrap();
        match db.write("another server", "test", Timestamp::now()).await {
            Ok(_) => return (plant, places, job, db),
            Err(error) => eprintln!("it stopped in the middle of a write, and is set up anew: {error}"),
        }
    }
    panic!("the server stopped five times in the middle of a write");
}

fn stamp(path: &Path) -> ProofStamp {
    let found = std::fs::metadata(path).unwrap();
    ProofStamp {
        dev: found.dev(),
        inode: found.ino(),
        size_bytes: found.size(),
        mtime_ns: found.mtime() * 1_000_000_000 + found.mtime_nsec(),
        ctime_ns: found.ctime() * 1_000_000_000 + found.ctime_nsec(),
    }
}

/// What another server does whose clock is past the end of the locks: it goes back to the original of a package.
async fn goes_back(plant: &Plant, db: &Db, [old, new]: [LocationId; 2]) -> (PackageId, u64) {
    let original = packages::originals_at(db, old, Timestamp::MAX, None, 1).await.unwrap().remove(0);
    let key = (original.package_id, original.version);
    let folder = plant.places()[0].join(key.0.to_string()).join(key.1.to_string());
    let files = packages::files(db, &[key]).await.unwrap();
    let later = Timestamp::now() + Duration::from_secs(3_600);
    let mut w = db.write("another server", "test", later).await.unwrap();
    let job = JobId::new();
    let locked = packages::lock(&mut w, &[key.0], job, later + Duration::from_secs(60)).await.unwrap();
    let [(_, LockOutcome::Held { token })] = locked[..] else { panic!("{locked:?}") };
    let files = files.into_iter().map(|file| StagedFile {
        stamp: stamp(&folder.join(&file.name)),
        name: FileName::new(file.name).unwrap(),
        size_bytes: file.size_bytes,
        sha256: file.sha256.unwrap(),
        verified_at: Timestamp::now(),
    });
    let back = Relocated {
        package_id: key.0,
        version: key.1,
        token,
        from: new,
        to: old,
        same_data: false,
        files: files.collect(),
    };
    let done = packages::relocate(&mut w, job, &[back]).await.unwrap();
    assert_eq!(done.moved, [key]);
    packages::unlock(&mut w, job, None).await.unwrap();
    w.commit().await.unwrap();
    key
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l_16_a_prune_that_stood_still_removes_nothing_that_is_served_again() {
    let (mut plant, places, job, db) = standing_still_between_writes("prune.before-take").await;
    let (package, version) = goes_back(&plant, &db, places).await;
    drop(db);
    plant.server.go_on();
    let ended: JobDetail = plant.server.api().wait_for_job(job.id).await;
    assert_eq!(ended.job.state, JobState::Failed, "{ended:#?}");
    let report = ended.report.unwrap();
    let line = report.items.iter().find(|item| item.item.contains(&package.to_string())).unwrap();
    assert_eq!(line.outcome, "overtaken", "{line:#?}");
    let removed = report.counts.get("removed").copied().unwrap_or(0);
    assert!(removed > 0 && report.items.iter().all(|item| item.outcome != "removing"), "{report:#?}");
    let folder = plant.places()[0].join(package.to_string()).join(version.to_string());
    assert!(folder.join("package.json").is_file(), "what is served stays");
    plant.server.remove_env(FAULT);
    plant.server.restart().await;
    let driver = plant.driver(&Open::default(), &Arc::default());
    driver.fetch_all().await.unwrap();
    judge::recovered(&plant, &driver).await;
    figures!("prune that stood still: {removed} originals removed, the one that was served again stayed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l_16_originals_that_a_killed_prune_took_off_the_record_are_removed_by_its_next_attempt() {
    let (mut plant, _, job) = standing_still("prune.before-unlink").await;
    plant.server.kill_9();
    plant.server.remove_env(FAULT);
    plant.server.restart().await;
    let ended: JobDetail = plant.server.api().wait_for_job(job.id).await;
    assert_eq!(ended.job.state, JobState::Done, "{ended:#?}");
    let report = ended.report.unwrap();
    let all = whereabouts(&plant).await[1] as u64;
    assert_eq!(report.counts.get("removed"), Some(&all), "{report:#?}");
    let left: Vec<_> = std::fs::read_dir(&plant.places()[0]).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "only what belongs to the location itself: {left:?}");
    let aside = std::fs::read_dir(plant.places()[0].join(".quarantine")).unwrap().count();
    assert_eq!(aside, 0, "nothing of it was taken for a stranger's");
    let driver = plant.driver(&Open::default(), &Arc::default());
    judge::recovered(&plant, &driver).await;
    figures!("prune that was killed: {all} originals removed by the next attempt");
}
