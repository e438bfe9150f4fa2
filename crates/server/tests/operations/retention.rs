//! History goes when its time is over, and the audit trail never silently.

use std::{fs, time::Duration};

use patchwharf_db::{audit, jobs, logs};
use patchwharf_model::job::{JobKind, JobState};
use patchwharf_server::retention;

use crate::world::World;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Jobs that ended before they began.
async fn ended_jobs(world: &World, count: usize) {
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    for n in 0..count {
        let new = jobs::NewJob {
            kind: JobKind::Verify,
            payload: "{}".into(),
            priority: 0,
            dedup_key: Some(format!("{n} {}", world.clock.now())),
            operation_id: None,
            not_before: Some("2100-01-01T00:00:00Z".parse().unwrap()),
            only_on: None,
        };
        let job = jobs::enqueue(&mut w, &new).await.unwrap().job_id;
        assert_eq!(jobs::ask(&mut w, job, jobs::Ask::Cancel).await.unwrap().state, JobState::Cancelled);
    }
    w.commit().await.unwrap();
}

async fn job_count(world: &World) -> usize {
    let (mut cursor, mut count) = (None, 0);
    loop {
        let query = jobs::JobQuery { cursor, limit: 1_000, ..jobs::JobQuery::default() };
        let page = jobs::list(&world.app().db, &query).await.unwrap();
        count += page.rows.len();
        cursor = page.next;
        if cursor.is_none() {
            return count;
        }
    }
}

async fn changes(world: &World, action: &str) -> Vec<audit::AuditRow> {
    let filter = audit::AuditFilter { action: Some(action), ..audit::AuditFilter::default() };
    audit::list(&world.app().db, filter, None, 1_000).await.unwrap().rows
}

#[tokio::test]
async fn ended_jobs_go_after_their_time_but_the_newest_thousand_stay() {
    let world = World::start().await;
    ended_jobs(&world, 1_200).await;
    world.later(89 * DAY);
    retention::tidy(world.app()).await.unwrap();
    assert!(job_count(&world).await >= 1_200, "their time is not over");
    world.later(2 * DAY);
    retention::tidy(world.app()).await.unwrap();
    assert_eq!(job_count(&world).await, 1_000);
    assert_eq!(changes(&world, "job.prune").await.len(), 1, "the deletion is on the audit trail");
}

#[tokio::test]
async fn a_retention_of_zero_keeps_jobs_for_ever() {
    let world = World::start_with(|config| config.retention.jobs = Duration::ZERO).await;
    ended_jobs(&world, 1_001).await;
    world.later(3_650 * DAY);
    retention::tidy(world.app()).await.unwrap();
    assert!(job_count(&world).await >= 1_001);
}

#[tokio::test]
async fn old_log_records_go_and_new_ones_stay() {
    let world = World::start().await;
    let record = |number: u64, text: &str| logs::LogRecord {
        server: patchwharf_model::InstanceId(uuid::Uuid::nil()),
        number,
        at: world.clock.now(),
        level: 3,
        target: "test".into(),
        message: text.into(),
        job_id: None,
        package_id: None,
        bulletin_id: None,
        fields: "{}".into(),
    };
    logs::append(&world.app().db, &[record(1, "old")]).await.unwrap();
    world.later(31 * DAY);
    logs::append(&world.app().db, &[record(2, "new")]).await.unwrap();
    retention::tidy(world.app()).await.unwrap();
    let filter = logs::LogFilter {
        server: Some(patchwharf_model::InstanceId(uuid::Uuid::nil())),
        limit: 100,
        ..logs::LogFilter::default()
    };
    let left: Vec<String> =
        logs::tail(&world.app().db, &filter).await.unwrap().into_iter().map(|record| record.message).collect();
    assert_eq!(left, ["new"]);
}

#[tokio::test]
async fn the_audit_trail_is_kept_for_ever_unless_asked_and_then_written_to_a_file_first() {
    let mut world = World::start().await;
    world.catalogue(&[]).await;
    world.later(3_650 * DAY);
    retention::tidy(world.app()).await.unwrap();
    assert!(!changes(&world, "feed.create").await.is_empty(), "nothing goes by itself");
    assert!(!world.data().join("audit").exists());

    world.stop_server().await;
    world.run_server_with(|config| config.retention.audit = 365 * DAY).await;
    let before = changes(&world, "").await;
    retention::tidy(world.app()).await.unwrap();
    assert!(changes(&world, "feed.create").await.is_empty());
    let cuts = changes(&world, "audit.cut").await;
    assert_eq!(cuts.len(), 1);
    let files: Vec<_> = fs::read_dir(world.data().join("audit")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let text = fs::read_to_string(&files[0]).unwrap();
    let kept = cuts[0].after.clone().unwrap();
    let digest = patchwharf_trust::sha256(text.as_bytes()).to_string();
    assert!(kept.contains(files[0].to_str().unwrap()) && kept.contains(&digest), "{kept}");
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let old = before.iter().filter(|row| row.at < world.clock.now() - 365 * DAY);
    assert_eq!(lines.len(), old.count(), "every change that went is in the file");
    assert!(lines.iter().any(|line| line["action"] == "feed.create"));
    retention::tidy(world.app()).await.unwrap();
    assert_eq!(fs::read_dir(world.data().join("audit")).unwrap().count(), 1, "once is enough");
}

#[tokio::test]
async fn an_audit_trail_that_cannot_be_written_to_a_file_is_not_cut() {
    let world = World::start_with(|config| config.retention.audit = DAY).await;
    fs::write(world.data().join("audit"), "a file where the folder should be").unwrap();
    world.later(10 * DAY);
    let error = retention::tidy(world.app()).await.unwrap_err();
    assert!(error.to_string().contains("not cut"), "{error}");
    assert!(!changes(&world, "feed.create").await.is_empty());
}
