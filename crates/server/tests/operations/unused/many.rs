//! Many at once: stopped between batches, tried again, and never one by one.

use patchwharf_db::jobs as job_table;
use patchwharf_model::{
    JobId,
    job::{DeleteUnused, JobRequest, JobState},
};
use patchwharf_testkit::{Payload, eventually_async};

use super::{DAY, days, delete_unused};
use crate::world::{DEADLINE, World};

/// Bulletins with one small file each, staged a day ago.
async fn many(count: usize) -> World {
    let world = World::start().await;
    let names: Vec<String> = (0..count).map(|n| format!("B-{n:04}")).collect();
    let files: Vec<_> = names.iter().map(|name| vec![world.publish(&Payload::random(name.clone(), 100))]).collect();
    let all: Vec<_> = names.iter().map(String::as_str).zip(files).collect();
    world.catalogue(&all).await;
    world.stage(&names.iter().map(String::as_str).collect::<Vec<_>>()).await.done();
    world.later(DAY);
    world
}

fn idle() -> DeleteUnused {
    DeleteUnused { without_policy_after: days(1), ..DeleteUnused::default() }
}

async fn state(world: &World, job: JobId) -> job_table::Job {
    job_table::show(&world.app().db, job).await.unwrap()
}

async fn packages(world: &World) -> usize {
    patchwharf_db::packages::usage(&world.app().db, None, 10_000).await.unwrap().len()
}

/// Orders the job and does something to it once its first batch is done.
async fn after_the_first_batch(world: &World, act: impl AsyncFn(JobId)) -> JobId {
    let all = packages(world).await;
    let job = world.order(JobRequest::DeleteUnused(idle())).await;
    eventually_async("a batch is gone", DEADLINE, || async { (packages(world).await < all).then_some(()) }).await;
    act(job).await;
    eventually_async("it has stopped", DEADLINE, || async {
        matches!(state(world, job).await.state, JobState::Paused | JobState::Cancelled | JobState::Done).then_some(())
    })
    .await;
    job
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_deletion_leaves_whole_batches_and_says_at_its_end_what_all_of_them_were() {
    let mut world = many(2_000).await;
    let pause = async |job| world.app().jobs.pause(job, "admin").await.map(drop).unwrap();
    let job = after_the_first_batch(&world, pause).await;
    assert_eq!(state(&world, job).await.state, JobState::Paused);
    let there = packages(&world).await;
    assert!(there > 0 && there.is_multiple_of(500), "{there}");
    world.check().await;
    assert_eq!(packages(&world).await, there, "it stays paused over a restart");
    world.app().jobs.resume(job, "admin").await.unwrap();
    let ended = world.ended(job).await.done();
    assert_eq!((ended.count("deleted"), ended.count("without-policy")), (2_000, 2_000), "{ended:#?}");
    assert_eq!((ended.count("unused-bytes"), packages(&world).await), (200_000, 0));
    assert!(ended.report.summary.contains("2000 unused packages deleted"), "{}", ended.report.summary);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_deletion_leaves_whole_batches_and_the_next_one_finishes() {
    let mut world = many(2_000).await;
    let cancel = async |job| world.app().jobs.cancel(job, "admin").await.map(drop).unwrap();
    let job = after_the_first_batch(&world, cancel).await;
    assert_eq!(state(&world, job).await.state, JobState::Cancelled);
    let there = packages(&world).await;
    assert!(there > 0 && there.is_multiple_of(500), "{there}");
    let statements = world.app().db.statements();
    let ended = delete_unused(&world, idle()).await.done();
    assert_eq!((ended.count("deleted"), packages(&world).await), (there as u64, 0));
    let statements = world.app().db.statements() - statements;
    // What the server does beside the job counts too.
    assert!(statements < there as u64 / 2, "{statements} statements for {there} packages");
    world.check().await;
}
