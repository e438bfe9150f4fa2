//! What has happened in a large deployment: log records, jobs, findings of a check, changes on the audit trail.

use std::time::Duration;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use patchwharf_db::{
    Db,
    findings::{self, NewFinding},
    jobs, logs,
};
use patchwharf_model::{
    BulletinId, JobId, PackageId, Timestamp,
    finding::{DoneBy, Finding, FindingKind, Outcome},
    job::{IntegrityCheck, JobKind, JobRequest, Selection},
};

const RECORDS: u64 = 1_000_000;
const JOBS: usize = 5_000;
const FINDINGS: usize = 5_000;
const CHANGES: usize = 50_000;
/// Rows of one transaction.
const BATCH: usize = 2_000;

/// What of it is asked for.
pub(crate) struct Past {
    /// Wrote ten thousand records of the log.
    pub(crate) job: JobId,
    /// Has many findings.
    pub(crate) checked: JobId,
    /// A record in the middle.
    pub(crate) number: u64,
    /// When it was written.
    pub(crate) time: Timestamp,
}

pub(crate) async fn write(
    db: &Db,
    data: &Utf8Path,
    about: &[PackageId],
    bulletin: BulletinId,
    now: Timestamp,
) -> Result<Past> {
    let jobs = ended_jobs(db, now).await.context("write jobs")?;
    let checked = *jobs.first().context("a job")?;
    found(db, checked, now).await.context("write findings")?;
    changes(db, now).await.context("write changes")?;
    let (number, time) = records(db, data, &jobs, about, bulletin, now).await.context("write log records")?;
    // The one that wrote the record of `sp4711.exe`.
    Ok(Past { job: checked, checked, number, time })
}

/// Jobs that were cancelled before they began.
async fn ended_jobs(db: &Db, now: Timestamp) -> Result<Vec<JobId>> {
    let mut all = Vec::with_capacity(JOBS);
    let mut w = db.write("bench", "bench", now).await?;
    let check = serde_json::to_string(&JobRequest::IntegrityCheck(IntegrityCheck::full(Selection::All)))?;
    let verify = serde_json::to_string(&JobRequest::Verify { of: Selection::All })?;
    for number in 0..JOBS {
        let (kind, payload) = if number == 0 { (JobKind::IntegrityCheck, &check) } else { (JobKind::Verify, &verify) };
        let new = jobs::NewJob {
            kind,
            payload: payload.clone(),
            priority: 0,
            dedup_key: Some(format!("bench {number}")),
            operation_id: None,
            not_before: Some("2100-01-01T00:00:00Z".parse()?),
            only_on: None,
        };
        let job = jobs::enqueue(&mut w, &new).await?.job_id;
        jobs::ask(&mut w, job, jobs::Ask::Cancel).await?;
        all.push(job);
    }
    w.commit().await?;
    Ok(all)
}

async fn found(db: &Db, job: JobId, now: Timestamp) -> Result<()> {
    let kind = FindingKind::FileForeign;
    let new = (0..FINDINGS).map(|number| NewFinding {
        key: format!("{kind} {number}"),
        finding: Finding {
            kind,
            gravity: kind.gravity(),
            package: None,
            version: None,
            update: None,
            update_key: String::new(),
            bulletin: None,
            bulletin_name: String::new(),
            location: None,
            path: format!("stray/file-{number}"),
            expected: "nothing that is not ours".into(),
            found: "something that is not ours".into(),
            since: now,
            policies: Vec::new(),
            package_servers: Vec::new(),
            outcome: Outcome::Open,
            became: String::new(),
            by: DoneBy::Nobody,
            remedy: "move it away".into(),
            command: String::new(),
        },
        stamp: None,
    });
    let new: Vec<NewFinding> = new.collect();
    let mut w = db.write("bench", "bench", now).await?;
    findings::put(&mut w, job, &new).await?;
    w.commit().await?;
    Ok(())
}

async fn changes(db: &Db, now: Timestamp) -> Result<()> {
    for batch in (0..CHANGES).collect::<Vec<_>>().chunks(BATCH) {
        let mut w = db.write("bench", "bench", now).await?;
        for number in batch {
            let action = if number % 10_000 == 0 { "bench.rare" } else { "bench.note" };
            w.audit(
                action,
                format!("bench {}", number % 1_000),
                Some("before".into()),
                Some(format!("after {number}")),
            );
        }
        w.commit().await?;
    }
    Ok(())
}

/// A million records of a day, of a hundred jobs and as many packages, some about a bulletin; one in a hundred is a warning.
/// Returns the number of one in the middle and its time.
async fn records(
    db: &Db,
    data: &Utf8Path,
    jobs: &[JobId],
    about: &[PackageId],
    bulletin: BulletinId,
    now: Timestamp,
) -> Result<(u64, Timestamp)> {
    let server = std::fs::read_to_string(data.join("instance.id"))?.trim().parse().context("read the server's id")?;
    let first = logs::last_number(db, server).await? + 1;
    let mut batch = Vec::with_capacity(BATCH);
    let at = |n: u64| now - Duration::from_millis((RECORDS - n) * 86);
    for n in 0..RECORDS {
        batch.push(logs::LogRecord {
            server,
            number: first + n,
            at: at(n),
            level: if n.is_multiple_of(100) { 2 } else { 3 },
            target: "patchwharf_server::operations::stage".into(),
            message: format!("B-{:07} sp{n}.exe: staged", n / 4),
            job_id: jobs.get((n / 10_000) as usize).copied(),
            package_id: about.get((n % 100) as usize).copied(),
            bulletin_id: n.is_multiple_of(100).then_some(bulletin),
            fields: format!("{{\"size_bytes\":\"{}\"}}", 1_000_000 + n),
        });
        if batch.len() == BATCH || n + 1 == RECORDS {
            logs::append(db, &batch).await?;
            batch.clear();
        }
    }
    Ok((first + RECORDS / 2, at(RECORDS / 2)))
}
