//! G-06: paused and resumed, a check goes on where it was; the oldest proof comes first; nothing is hashed twice.

use std::{collections::BTreeSet, time::Duration};

use patchwharf_db::jobs as job_table;
use patchwharf_model::{
    JobId, PackageId, Timestamp,
    finding::{FindingKind as Kind, Outcome},
    job::{IntegrityCheck, JobRequest, JobState},
};
use patchwharf_testkit::{Payload, eventually_async};

use super::{check, found_by, full, many, rot};
use crate::world::{DEADLINE, World};

async fn state(world: &World, job: JobId) -> job_table::Job {
    job_table::show(&world.app().db, job).await.unwrap()
}

/// Packages whose proof is not older than this.
async fn proved_since(world: &World, names: &[String], at: Timestamp) -> BTreeSet<PackageId> {
    let mut proved = BTreeSet::new();
    for name in names {
        let update = world.update(name).await;
        if update.proved_at.is_some_and(|proved| proved >= at) {
            proved.insert(update.package_id.unwrap());
        }
    }
    proved
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_06_a_paused_check_goes_on_where_it_was_and_hashes_nothing_twice() {
    let world = World::start().await;
    let names: Vec<String> = (0..40).map(|n| format!("B-{n:03}")).collect();
    let payloads: Vec<Payload> = names.iter().map(|name| Payload::random(name.clone(), 100_000)).collect();
    let bulletins: Vec<_> =
        names.iter().zip(&payloads).map(|(name, p)| (name.as_str(), vec![world.publish(p)])).collect();
    world.catalogue(&bulletins).await;
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    world.stage(&all).await.done();
    let bad = world.folder(&names[0]).await.join(&names[0]);
    rot(&bad);
    world.later(Duration::from_secs(60));
    let began = world.clock.now();
    // A rate at which it cannot be through before it is paused.
    let wish = IntegrityCheck { max_bytes_per_second: Some(1_000_000), ..full() };
    let job = world.order(JobRequest::IntegrityCheck(wish)).await;
    eventually_async("some proofs are written", DEADLINE, || async {
        (!proved_since(&world, &names, began).await.is_empty()).then_some(())
    })
    .await;
    world.app().jobs.pause(job, "admin").await.unwrap();
    eventually_async("it is paused", DEADLINE, || async {
        (state(&world, job).await.state == JobState::Paused).then_some(())
    })
    .await;
    let before = proved_since(&world, &names, began).await;
    assert!(!before.is_empty() && before.len() < 39, "{}", before.len());

    world.later(Duration::from_secs(60));
    let resumed = world.clock.now();
    world.app().jobs.resume(job, "admin").await.unwrap();
    let ended = world.ended(job).await.failed();
    let after = proved_since(&world, &names, resumed).await;
    assert!(before.is_disjoint(&after), "what was proved before the pause keeps its time");
    assert_eq!(before.len() + after.len(), 39, "and all the others were proved after it");
    // A file found rotten is read twice before it is believed; nothing of the first attempt is read again, and what it has
    // read is not forgotten.
    let rotten_before = found_by(&world, job).await.iter().filter(|f| f.kind == Kind::FileChanged).count();
    assert_eq!(rotten_before, 1);
    let read = ended.count("bytes-read");
    assert!((40 * 100_000..=42 * 100_000).contains(&read), "{read} bytes were read in both attempts");
    assert_eq!((ended.count("packages"), ended.count("files")), (40, 40), "{ended:#?}");
    let done = state(&world, job).await.progress.done;
    assert!(done >= 4_000_000, "what was believed counts as done: {done}");
    let again = check(&world, full()).await.troubled();
    assert_eq!(again.one(Kind::FileChanged).path, bad.to_str().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_06_the_oldest_proof_is_checked_first() {
    let world = World::start().await;
    let names = many(&world, 3).await;
    // Proved at three times, not in the order of their ids.
    for name in [&names[1], &names[2], &names[0]] {
        world.later(Duration::from_secs(60));
        let of = world.of(&[name]).await;
        check(&world, IntegrityCheck::full(of)).await.clean();
    }
    world.later(Duration::from_secs(60));
    let placed =
        patchwharf_db::packages::placed_at(&world.app().db, world.app().locations.default_location().unwrap().id())
            .await
            .unwrap();
    let order: Vec<PackageId> = placed.iter().map(|row| row.package_id).collect();
    let mut expected = Vec::new();
    for name in [&names[1], &names[2], &names[0]] {
        expected.push(world.update(name).await.package_id.unwrap());
    }
    assert_eq!(order, expected);
}

#[tokio::test]
async fn a_cancelled_check_keeps_what_it_has_proved() {
    let world = World::start().await;
    let names = many(&world, 60).await;
    world.later(Duration::from_secs(60));
    let began = world.clock.now();
    let wish = IntegrityCheck { max_bytes_per_second: Some(20_000), ..full() };
    let job = world.order(JobRequest::IntegrityCheck(wish)).await;
    eventually_async("some proofs are written", DEADLINE, || async {
        (!proved_since(&world, &names, began).await.is_empty()).then_some(())
    })
    .await;
    world.app().jobs.cancel(job, "admin").await.unwrap();
    assert_eq!(world.ended(job).await.state, JobState::Cancelled);
    let proved = proved_since(&world, &names, began).await.len();
    assert!((1..60).contains(&proved), "{proved}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_attempt_found_is_not_called_mended_where_nobody_looked_again() {
    let world = World::start().await;
    let names = many(&world, 60).await;
    for name in &names {
        rot(&world.folder(name).await.join(name));
    }
    let wish = IntegrityCheck { max_bytes_per_second: Some(20_000), ..full() };
    let job = world.order(JobRequest::IntegrityCheck(wish)).await;
    let rotten = || async {
        let found = found_by(&world, job).await;
        found.into_iter().filter(|f| f.kind == Kind::FileChanged).collect::<Vec<_>>()
    };
    eventually_async("something is found", DEADLINE, || async { (!rotten().await.is_empty()).then_some(()) }).await;
    world.app().jobs.pause(job, "admin").await.unwrap();
    eventually_async("it is paused", DEADLINE, || async {
        (state(&world, job).await.state == JobState::Paused).then_some(())
    })
    .await;
    std::fs::rename(world.packages(), world.home.path().join("away")).unwrap();
    world.app().jobs.resume(job, "admin").await.unwrap();
    world.ended(job).await.failed();
    let found = rotten().await;
    assert!(!found.is_empty() && found.iter().all(|f| f.outcome == Outcome::Open), "{found:#?}");
}
