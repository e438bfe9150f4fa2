//! How jobs end.

use std::time::Duration;

use patchwharf_model::job::{JobState, Report, ReportItem, Unit};
use patchwharf_server::operations::{Ending, OperationError};

use crate::rig::{Rig, done};

fn item(name: &str, failed: bool) -> ReportItem {
    let outcome = if failed { "failed" } else { "staged" };
    ReportItem { item: name.into(), outcome: outcome.into(), failed, reason: String::new() }
}

#[tokio::test]
async fn a_job_that_did_everything_is_done_and_counts_what_it_did() {
    let rig = Rig::new().await;
    rig.script.then(|context| async move {
        context.progress.start(Unit::Bytes, 10);
        context.progress.bytes(10);
        for n in 0..5 {
            context.report_item(item(&format!("package {n}"), false));
        }
        Ok(Ending::Done(Report { summary: "5 staged".into(), ..Report::default() }))
    });
    let id = rig.order().await;
    let job = rig.until(id, JobState::Done).await;
    let report = job.report.unwrap();
    assert_eq!((report.summary.as_str(), report.counts["staged"], report.items.len()), ("5 staged", 5, 5));
    assert_eq!((job.progress.done, job.attempt), (10, 1));
}

#[tokio::test]
async fn a_job_with_one_failed_thing_has_failed_and_names_it() {
    let rig = Rig::new().await;
    rig.script.then(|context| async move {
        context.report_item(item("package a", false));
        context.report_item(item("package b", true));
        Ok(done())
    });
    let id = rig.order().await;
    let report = rig.until(id, JobState::Failed).await.report.unwrap();
    assert_eq!(report.items[0].item, "package b", "failures come first");
    assert_eq!((report.counts["staged"], report.counts["failed"]), (1, 1));
}

#[tokio::test]
async fn a_panic_is_a_failed_job_and_not_a_dead_worker() {
    let rig = Rig::new().await;
    for _ in 0..3 {
        rig.script.then(|_| async { panic!("the moon is full") });
        let id = rig.order().await;
        let report = rig.until(id, JobState::Failed).await.report.unwrap();
        assert!(report.summary.contains("the moon is full"), "{}", report.summary);
    }
    let id = rig.order().await;
    rig.until(id, JobState::Done).await;
}

#[tokio::test]
async fn an_error_fails_the_job_with_its_whole_reason() {
    let rig = Rig::new().await;
    rig.script.then(|_| async {
        Err(OperationError::new("store", "cannot place package x").because(std::io::Error::other("disk on fire")))
    });
    let id = rig.order().await;
    let summary = rig.until(id, JobState::Failed).await.report.unwrap().summary;
    assert_eq!(summary, "cannot place package x: disk on fire");
}

#[tokio::test]
async fn c_11_a_passing_error_is_tried_again() {
    let rig = Rig::new().await;
    rig.script.then(|_| async { Err(OperationError::new("database", "the database is busy").transient()) });
    let id = rig.order().await;
    let job = rig.until(id, JobState::Done).await;
    assert_eq!(job.attempt, 2);
    rig.holds();
}

#[tokio::test]
async fn s_25_a_job_that_waits_says_for_what_and_goes_on_by_itself() {
    let rig = Rig::new().await;
    let (seen, waits) = tokio::sync::oneshot::channel();
    rig.script
        .then(|context| async move {
            let not_before = context.now() + Duration::from_secs(10);
            let _ = seen.send(());
            Ok(Ending::Later { not_before, waiting_for: "space at /packages".into() })
        })
        .then(|context| async move {
            assert_eq!(context.attempt, 2);
            Ok(done())
        });
    let id = rig.order().await;
    waits.await.unwrap();
    let job = rig.until(id, JobState::Queued).await;
    assert_eq!(job.waiting_for, "space at /packages");
    rig.until(id, JobState::Done).await;
    rig.holds();
}

#[tokio::test]
async fn a_job_that_this_version_does_not_know_fails_plainly() {
    let rig = Rig::new().await;
    let app = rig.app();
    let mut write = app.db.write("admin", "test", app.clock.now()).await.unwrap();
    let new = patchwharf_db::jobs::NewJob {
        kind: patchwharf_model::job::JobKind::Stage,
        payload: r#"{"kind":"stage","of":{"moons":[]}}"#.into(),
        priority: 0,
        dedup_key: None,
        operation_id: None,
        not_before: None,
        only_on: None,
    };
    let id = patchwharf_db::jobs::enqueue(&mut write, &new).await.unwrap().job_id;
    write.commit().await.unwrap();
    app.jobs.wake();
    let summary = rig.until(id, JobState::Failed).await.report.unwrap().summary;
    assert!(summary.contains("order it anew"), "{summary}");
}
