//! Cancel, pause, resume, shutdown.

use patchwharf_model::job::{JobState, Unit};

use crate::rig::{Rig, done, until_stopped};

#[tokio::test]
async fn a_running_job_is_cancelled_at_its_next_step() {
    let rig = Rig::new().await;
    rig.script.then(until_stopped);
    let id = rig.order().await;
    rig.until(id, JobState::Running).await;
    rig.app().jobs.cancel(id, "admin").await.unwrap();
    rig.until(id, JobState::Cancelled).await;
    assert!(rig.app().jobs.cancel(id, "admin").await.is_err(), "what has ended cannot be cancelled");
}

#[tokio::test]
async fn a_paused_job_goes_on_when_it_is_resumed() {
    let rig = Rig::new().await;
    rig.script.then(|context| async move {
        context.progress.start(Unit::Bytes, 100);
        context.progress.bytes(40);
        until_stopped(context).await
    });
    let id = rig.order().await;
    rig.until(id, JobState::Running).await;
    rig.app().jobs.pause(id, "admin").await.unwrap();
    let job = rig.until(id, JobState::Paused).await;
    assert_eq!(job.progress.done, 40);
    rig.app().jobs.resume(id, "admin").await.unwrap();
    assert_eq!(rig.until(id, JobState::Done).await.attempt, 2);
}

#[tokio::test]
async fn a_resume_that_comes_before_the_pause_is_done_takes_it_back() {
    let rig = Rig::new().await;
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    rig.script.then(|context| async move {
        let ending = until_stopped(context).await;
        wait.await.unwrap();
        ending
    });
    let id = rig.order().await;
    rig.until(id, JobState::Running).await;
    rig.app().jobs.pause(id, "admin").await.unwrap();
    rig.app().jobs.resume(id, "admin").await.unwrap();
    go.send(()).unwrap();
    assert_eq!(rig.until(id, JobState::Done).await.attempt, 1, "it went on without leaving its worker");
}

#[tokio::test]
async fn a_queued_job_is_cancelled_at_once() {
    let rig = Rig::new().await;
    rig.script.then(until_stopped).then(until_stopped);
    let busy = [rig.order().await, rig.order().await];
    for id in busy {
        rig.until(id, JobState::Running).await;
    }
    let waiting = rig.order().await;
    assert_eq!(rig.app().jobs.cancel(waiting, "admin").await.unwrap(), JobState::Cancelled);
    for id in busy {
        rig.app().jobs.cancel(id, "admin").await.unwrap();
    }
}

#[tokio::test]
async fn a_stopped_server_puts_its_jobs_back_and_the_next_start_goes_on() {
    let rig = Rig::new().await;
    rig.script.then(until_stopped);
    let id = rig.order().await;
    rig.until(id, JobState::Running).await;
    let rig = rig.restarted().await;
    let job = rig.until(id, JobState::Done).await;
    assert_eq!(job.attempt, 2);
}

#[tokio::test]
async fn a_job_that_does_not_stop_does_not_hold_the_server() {
    let rig = Rig::new().await;
    rig.script.then(|_| std::future::pending());
    let id = rig.order().await;
    rig.until(id, JobState::Running).await;
    let rig = rig.restarted().await;
    rig.until(id, JobState::Done).await;
}

#[tokio::test]
async fn a_job_is_followed_from_its_order_to_its_end() {
    let rig = Rig::new().await;
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    rig.script.then(|context| async move {
        context.progress.phase("fetching");
        let _file = context.progress.file("a.exe", 10);
        let _ = wait.await;
        Ok(done())
    });
    let id = rig.order().await;
    let mut snapshots = rig.app().jobs.watch(id).await.unwrap();
    let mut last = snapshots.borrow_and_update().number;
    let seen = snapshots.wait_for(|s| s.progress.phase == "fetching" && s.progress.files.len() == 1).await;
    assert_eq!(seen.unwrap().state, JobState::Running);
    go.send(()).unwrap();
    loop {
        let snapshot = snapshots.borrow_and_update().clone();
        assert!(snapshot.number >= last);
        last = snapshot.number;
        if snapshot.state.is_final() || snapshots.changed().await.is_err() {
            break;
        }
    }
    assert_eq!(rig.app().jobs.watch(id).await.unwrap().borrow().state, JobState::Done);
    assert!(rig.app().jobs.watch(patchwharf_model::JobId::new()).await.is_err());
}
