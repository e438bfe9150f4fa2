//! Jobs.

use std::{collections::BTreeSet, sync::Arc};

use patchwharf_db::{
    jobs,
    jobs::{Ask, JobQuery, NewJob},
    packages,
};
use patchwharf_model::{
    InstanceId, JobId,
    job::{JobKind, JobState, Progress, Report, ReportItem},
};

use crate::sandbox::{Sandbox, at};

crate::on_both!(
    four_workers_claim_two_thousand_jobs_each_once,
    an_unfinished_twin_is_found_instead_of_made,
    c_25_the_same_operation_twice_is_one_job,
    a_job_for_one_server_is_claimed_by_no_other,
    a_lease_that_ran_out_is_claimed_again,
    a_server_takes_back_its_own_jobs_at_start,
    asking_changes_what_waits_at_once_and_tells_what_runs,
    items_are_paged_failures_first,
    old_jobs_are_pruned_but_the_newest_stay,
    what_runs_is_told_before_what_waits_however_much_that_is,
);

fn job(key: Option<&str>) -> NewJob {
    NewJob {
        kind: JobKind::Stage,
        payload: "{}".into(),
        priority: 0,
        dedup_key: key.map(str::to_owned),
        operation_id: None,
        not_before: None,
        only_on: None,
    }
}

async fn enqueue(s: &Sandbox, new: &NewJob) -> jobs::Enqueued {
    let mut w = s.write(1).await;
    let done = jobs::enqueue(&mut w, new).await.unwrap();
    w.commit().await.unwrap();
    done
}

async fn four_workers_claim_two_thousand_jobs_each_once(s: &Sandbox) {
    let mut w = s.write(1).await;
    for _ in 0..2000 {
        jobs::enqueue(&mut w, &job(None)).await.unwrap();
    }
    w.commit().await.unwrap();
    let all = Arc::new(std::sync::Mutex::new(Vec::new()));
    let workers = (0..4).map(|_| {
        let (db, all) = (s.db.clone(), Arc::clone(&all));
        tokio::spawn(async move {
            let owner = InstanceId::new();
            let mut empty = 0;
            // With rows skipped because another is just taking them, "nothing" can be a moment only.
            while empty < 5 {
                match jobs::claim(&db, owner, at(2), at(1000)).await.unwrap() {
                    Some(job) => {
                        assert_eq!((job.state, job.lease_owner), (JobState::Running, Some(owner)));
                        all.lock().unwrap().push(job.job_id);
                    }
                    None => empty += 1,
                }
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    let all = all.lock().unwrap();
    assert_eq!(all.len(), 2000);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 2000);
}

async fn an_unfinished_twin_is_found_instead_of_made(s: &Sandbox) {
    let twins =
        futures_util::future::join_all((0..8).map(|_| async { enqueue(s, &job(Some("stage all"))).await })).await;
    assert_eq!(twins.iter().filter(|t| !t.existing).count(), 1);
    assert_eq!(twins.iter().map(|t| t.job_id).collect::<BTreeSet<_>>().len(), 1);
    let owner = InstanceId::new();
    jobs::claim(&s.db, owner, at(2), at(9)).await.unwrap().unwrap();
    let mut w = s.write(3).await;
    let report = Report { summary: "done".into(), ..Report::default() };
    assert!(jobs::finish(&mut w, twins[0].job_id, owner, JobState::Done, &report, &Progress::default()).await.unwrap());
    w.commit().await.unwrap();
    assert!(!enqueue(s, &job(Some("stage all"))).await.existing, "the finished one is no twin");
    let shown = jobs::show(&s.db, twins[0].job_id).await.unwrap();
    assert_eq!((shown.report, shown.ended_at, shown.lease_owner), (Some(report), Some(at(3)), None));
}

async fn c_25_the_same_operation_twice_is_one_job(s: &Sandbox) {
    let mut new = job(None);
    new.operation_id = Some("op-1".into());
    let first = enqueue(s, &new).await;
    let mut w = s.write(2).await;
    jobs::ask(&mut w, first.job_id, Ask::Cancel).await.unwrap();
    w.commit().await.unwrap();
    let second = enqueue(s, &new).await;
    assert_eq!((second.job_id, second.existing), (first.job_id, true));
}

async fn a_job_for_one_server_is_claimed_by_no_other(s: &Sandbox) {
    let (own, other) = (InstanceId::new(), InstanceId::new());
    let id = enqueue(s, &NewJob { only_on: Some(own), ..job(None) }).await.job_id;
    assert!(jobs::claim(&s.db, other, at(2), at(10)).await.unwrap().is_none());
    assert_eq!(jobs::next_due(&s.db, other).await.unwrap(), None, "it need not wake for it");
    assert!(jobs::next_due(&s.db, own).await.unwrap().is_some());
    assert_eq!(jobs::claim(&s.db, own, at(3), at(10)).await.unwrap().map(|job| job.job_id), Some(id));
    assert!(jobs::claim(&s.db, other, at(11), at(20)).await.unwrap().is_none(), "nor when its lease has run out");
    assert_eq!(jobs::next_due(&s.db, other).await.unwrap(), None);
}

async fn a_lease_that_ran_out_is_claimed_again(s: &Sandbox) {
    let id = enqueue(s, &job(None)).await.job_id;
    let (slow, quick) = (InstanceId::new(), InstanceId::new());
    jobs::claim(&s.db, slow, at(2), at(10)).await.unwrap().unwrap();
    assert!(jobs::claim(&s.db, quick, at(9), at(20)).await.unwrap().is_none());
    assert_eq!(jobs::next_due(&s.db, quick).await.unwrap(), Some(at(10)));
    assert!(jobs::renew(&s.db, id, slow, at(12), &Progress::default()).await.unwrap().is_some());
    let again = jobs::claim(&s.db, quick, at(13), at(20)).await.unwrap().unwrap();
    assert_eq!((again.job_id, again.attempt, again.started_at), (id, 2, Some(at(2))));
    assert!(jobs::renew(&s.db, id, slow, at(30), &Progress::default()).await.unwrap().is_none(), "the lease is lost");
    let mut w = s.write(14).await;
    let end = jobs::finish(&mut w, id, slow, JobState::Done, &Report::default(), &Progress::default()).await.unwrap();
    assert!(!end, "a stalled worker ends nothing");
    let progress = Progress { counts: [("bytes".to_owned(), 7)].into(), ..Progress::default() };
    assert!(jobs::requeue(&mut w, id, quick, at(50), "space", &progress).await.unwrap());
    w.commit().await.unwrap();
    let waiting = jobs::show(&s.db, id).await.unwrap();
    assert_eq!((waiting.state, waiting.waiting_for.as_str()), (JobState::Queued, "space"));
    assert_eq!(waiting.progress, progress, "what came of it so far is not forgotten");
    assert!(jobs::claim(&s.db, quick, at(49), at(60)).await.unwrap().is_none());
    assert!(jobs::claim(&s.db, quick, at(50), at(60)).await.unwrap().is_some());
}

async fn a_server_takes_back_its_own_jobs_at_start(s: &Sandbox) {
    let (_, updates) = s.catalogue(1).await;
    let id = enqueue(s, &job(None)).await.job_id;
    let me = InstanceId::new();
    jobs::claim(&s.db, me, at(2), at(1000)).await.unwrap().unwrap();
    let mut w = s.write(3).await;
    let package = packages::ensure(&mut w, &updates).await.unwrap()[0].package_id;
    packages::lock(&mut w, &[package], id, at(1000)).await.unwrap();
    w.commit().await.unwrap();
    let mut w = s.write(4).await;
    assert_eq!(jobs::take_back(&mut w, InstanceId::new()).await.unwrap(), Vec::<JobId>::new());
    assert_eq!(jobs::take_back(&mut w, me).await.unwrap(), [id]);
    w.commit().await.unwrap();
    assert_eq!(packages::show(&s.db, package).await.unwrap().lock_job, None);
    assert_eq!(jobs::claim(&s.db, me, at(4), at(1000)).await.unwrap().unwrap().job_id, id);
}

async fn asking_changes_what_waits_at_once_and_tells_what_runs(s: &Sandbox) {
    let (waits, runs) = (enqueue(s, &job(None)).await.job_id, enqueue(s, &job(None)).await.job_id);
    let owner = InstanceId::new();
    let mut w = s.write(2).await;
    assert_eq!(jobs::ask(&mut w, waits, Ask::Pause).await.unwrap().state, JobState::Paused);
    w.commit().await.unwrap();
    assert_eq!(jobs::claim(&s.db, owner, at(2), at(99)).await.unwrap().unwrap().job_id, runs);
    assert!(jobs::claim(&s.db, owner, at(2), at(99)).await.unwrap().is_none(), "paused");
    let mut w = s.write(3).await;
    assert_eq!(jobs::ask(&mut w, runs, Ask::Pause).await.unwrap().state, JobState::Running);
    assert_eq!(jobs::ask(&mut w, waits, Ask::Resume).await.unwrap().state, JobState::Queued);
    w.commit().await.unwrap();
    let progress = Progress { phase: "fetching".into(), done: 5, ..Progress::default() };
    let asked = jobs::renew(&s.db, runs, owner, at(99), &progress).await.unwrap().unwrap();
    assert_eq!((asked.pause_asked, asked.cancel_asked), (true, false));
    let mut w = s.write(4).await;
    assert!(!jobs::is_resumed(&mut w, runs, owner).await.unwrap());
    jobs::ask(&mut w, runs, Ask::Resume).await.unwrap();
    assert!(!jobs::paused(&mut w, runs, owner, &progress).await.unwrap(), "the pause was taken back");
    assert!(jobs::is_resumed(&mut w, runs, owner).await.unwrap());
    jobs::ask(&mut w, runs, Ask::Pause).await.unwrap();
    assert!(jobs::paused(&mut w, runs, owner, &progress).await.unwrap());
    assert_eq!(jobs::ask(&mut w, runs, Ask::Cancel).await.unwrap().state, JobState::Cancelled);
    assert!(jobs::ask(&mut w, runs, Ask::Resume).await.is_err());
    w.commit().await.unwrap();
    let shown = jobs::show(&s.db, runs).await.unwrap();
    assert_eq!((shown.progress, shown.ended_at), (progress, Some(at(4))));
    let query = JobQuery { states: vec![JobState::Queued], limit: 10, ..JobQuery::default() };
    let listed = jobs::list(&s.db, &query).await.unwrap();
    assert_eq!(listed.rows.iter().map(|j| j.job_id).collect::<Vec<_>>(), [waits]);
}

async fn items_are_paged_failures_first(s: &Sandbox) {
    let id = enqueue(s, &job(None)).await.job_id;
    let line = |n: usize, failed| ReportItem {
        item: format!("package {n}"),
        outcome: if failed { "failed".into() } else { "staged".into() },
        failed,
        reason: String::new(),
    };
    let mut w = s.write(2).await;
    jobs::put_items(&mut w, id, &[line(1, false), line(2, true), line(3, false), line(3, true)]).await.unwrap();
    jobs::put_items(&mut w, id, &[line(1, true), line(4, false)]).await.unwrap();
    jobs::put_items(&mut w, id, &[line(1, false)]).await.unwrap();
    w.commit().await.unwrap();
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = jobs::items(&s.db, id, None, cursor.as_deref(), 1).await.unwrap();
        seen.extend(page.rows.into_iter().map(|l| (l.item, l.failed)));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let want = [("package 2", true), ("package 3", true), ("package 1", false), ("package 4", false)];
    assert_eq!(seen, want.map(|(item, failed)| (item.to_owned(), failed)));
    assert_eq!(jobs::items_done(&s.db, id).await.unwrap().len(), 2);
    let counts = jobs::item_counts(&s.db, id).await.unwrap();
    assert_eq!(counts, [("failed".into(), true, 2), ("staged".into(), false, 2)]);
}

async fn old_jobs_are_pruned_but_the_newest_stay(s: &Sandbox) {
    for n in 0..5 {
        let id = enqueue(s, &job(None)).await.job_id;
        let mut w = s.write(10 + n).await;
        jobs::ask(&mut w, id, Ask::Cancel).await.unwrap();
        jobs::put_items(&mut w, id, &[]).await.unwrap();
        w.commit().await.unwrap();
    }
    enqueue(s, &job(None)).await;
    let mut w = s.write(99).await;
    assert_eq!(jobs::prune(&mut w, at(50), 2).await.unwrap(), 3);
    w.commit().await.unwrap();
    let mut seen = 0;
    let mut query = JobQuery { limit: 2, ..JobQuery::default() };
    loop {
        let page = jobs::list(&s.db, &query).await.unwrap();
        seen += page.rows.len();
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, 3);
}

async fn what_runs_is_told_before_what_waits_however_much_that_is(s: &Sandbox) {
    let running = enqueue(s, &job(None)).await.job_id;
    assert_eq!(
        jobs::claim(&s.db, InstanceId::new(), at(2), at(900)).await.unwrap().map(|job| job.job_id),
        Some(running)
    );
    let paused = enqueue(s, &job(None)).await.job_id;
    let mut w = s.write(3).await;
    jobs::ask(&mut w, paused, Ask::Pause).await.unwrap();
    w.commit().await.unwrap();
    for _ in 0..60 {
        enqueue(s, &job(None)).await;
    }
    let urgent = enqueue(s, &NewJob { priority: 5, ..job(None) }).await.job_id;
    let found = jobs::under_way(&s.db, 50).await.unwrap();
    let first: Vec<_> = found.iter().take(3).map(|job| (job.job_id, job.state)).collect();
    assert_eq!(first, [(running, JobState::Running), (paused, JobState::Paused), (urgent, JobState::Queued)]);
    assert_eq!(found.len(), 52);
}
