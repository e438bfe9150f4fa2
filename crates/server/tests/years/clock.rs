//! the clock of the machine is set while the server runs. libfaketime sets it, for this process alone; the
//! monotonic clock runs on, as it does on a real machine.

use std::{fs, path::PathBuf};

use patchwharf_model::{
    api::{AuditEntry, BulletinDetail, Feed, Job, JobDetail, LogRecord, Page},
    job::JobState,
};
use patchwharf_testkit::{
    Server, eventually_async,
    server::{DEADLINE, patient_config},
    skipped,
    vendor::Mood,
};
use serde_json::json;

use crate::stock::{BINARY, Stock};

fn library() -> Option<PathBuf> {
    let places = [
        "/usr/lib/x86_64-linux-gnu/faketime",
        "/usr/lib/aarch64-linux-gnu/faketime",
        "/usr/lib64/faketime",
        "/usr/lib/faketime",
    ];
    places.iter().map(|place| PathBuf::from(place).join("libfaketimeMT.so.1")).find(|path| path.exists())
}

/// A server whose clock a test can set.
struct Clock {
    file: PathBuf,
}

impl Clock {
    /// Sets the clock so far from the real one, at one stroke.
    fn set(&self, offset: &str) {
        let aside = self.file.with_extension("new");
        fs::write(&aside, format!("{offset}\n")).unwrap();
        fs::rename(&aside, &self.file).unwrap();
    }
}

/// What must not change however the clock is set.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    versions: usize,
    quarantined: usize,
    jobs: bool,
    first_log_record: i64,
}

async fn kept(stock: &Stock, first_job: &JobDetail) -> Kept {
    let packages = stock.server.packages();
    let versions = fs::read_dir(&packages)
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.') && entry.path().is_dir())
        .map(|entry| fs::read_dir(entry.path()).unwrap().count())
        .sum();
    let quarantined = fs::read_dir(packages.join(".quarantine")).unwrap().count();
    let job = stock.server.api().call(reqwest::Method::GET, &format!("/api/v1/jobs/{}", first_job.job.id), None).await;
    let log: Page<LogRecord> =
        stock.server.api().get(&format!("/api/v1/logs?job={}&limit=1000", first_job.job.id)).await;
    Kept {
        versions,
        quarantined,
        jobs: job.status == 200,
        first_log_record: log.items.first().map_or(0, |record| record.number),
    }
}

/// Everything that deletes by age is made to look: the sweep, the quarantine, and the hourly tidying.
async fn let_it_tidy(stock: &Stock, offset: &str) {
    let api = stock.server.api();
    let job = api.run_job("/api/v1/store/reconcile", &json!({ "dry_run": false })).await;
    assert!(job.job.state.is_final(), "{offset}: {job:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_04_however_the_clock_is_set_nothing_is_deleted_for_its_age_and_work_goes_on() {
    let Some(library) = library() else {
        return skipped("clock jumps: libfaketime is not there (package faketime)");
    };
    let home = tempfile::tempdir().unwrap();
    let clock = Clock { file: home.path().join("offset") };
    clock.set("+0");
    let config = patient_config();
    let setup = Server::setup(BINARY)
        .config(&config)
        .env("LD_PRELOAD", library.to_str().unwrap())
        .env("FAKETIME_TIMESTAMP_FILE", clock.file.to_str().unwrap())
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("NO_FAKE_STAT", "1");
    let mut stock = Stock::new(setup, 12, 50_000).await;
    let api = stock.server.api().clone();
    let first = api.run_job("/api/v1/bulletins/stage", &json!({ "bulletins": ["B-0", "B-1"] })).await;
    assert_eq!(first.job.state, JobState::Done);
    // Something retired, and something in quarantine.
    let bulletin: BulletinDetail = api.get("/api/v1/bulletins/B-0").await;
    let package = bulletin.software_updates[0].package.unwrap();
    fs::write(stock.server.packages().join(format!("{package}/1/f0.exe")), "rot").unwrap();
    let refresh = json!({ "of": { "bulletins": ["B-0"] } });
    assert_eq!(api.run_job("/api/v1/bulletins/refresh", &refresh).await.job.state, JobState::Done);
    let recreate = api.run_job("/api/v1/bulletins/recreate", &json!({ "bulletins": ["B-1"] })).await;
    assert_eq!(recreate.job.state, JobState::Done);
    let schedule = json!({ "schedule_minutes": 60 });
    let _: Feed = api.call(reqwest::Method::PATCH, "/api/v1/feeds/vendor", Some(&schedule)).await.ok();
    // A job's end is told before the last of its records is written.
    let before = eventually_async("the log has the job's records", DEADLINE, || async {
        Some(kept(&stock, &first).await).filter(|kept| kept.first_log_record > 0)
    })
    .await;
    assert!(before.versions >= 3 && before.quarantined == 1, "{before:?}");

    let offsets = ["+1h", "-1h", "+2d", "-2d", "+10y", "-10y", "+10y", "+0"];
    for (n, offset) in offsets.into_iter().enumerate() {
        // A job is under way while the clock is set.
        stock.vendor.set_mood(Mood::Silent);
        let name = format!("B-{}", n + 2);
        let job: Job = api.post("/api/v1/bulletins/stage", &json!({ "bulletins": [name] })).await;
        eventually_async("the job runs", DEADLINE, || async {
            let now: JobDetail = api.get(&format!("/api/v1/jobs/{}", job.id)).await;
            (now.job.state == JobState::Running).then_some(())
        })
        .await;
        clock.set(offset);
        let_it_tidy(&stock, offset).await;
        stock.vendor.set_mood(Mood::Up);
        stock.vendor.release();
        let ended = api.wait_for_job(job.id).await;
        assert_eq!(ended.job.state, JobState::Done, "{offset}: {ended:#?}");
        let now = kept(&stock, &first).await;
        assert_eq!((now.quarantined, now.jobs, now.first_log_record), (1, true, before.first_log_record), "{offset}");
        assert!(now.versions > before.versions, "{offset}: {now:?}");
    }
    // The hourly tidying, with the clock ten years ahead: it looks within its tick, and finds nothing old.
    clock.set("+10y");
    let tidied = async || {
        let page: Page<AuditEntry> = api.get("/api/v1/audit?object=setting%20schedule.last-tidy&limit=1").await;
        page.items.first().map(|entry| entry.at)
    };
    let real = jiff::Timestamp::now();
    eventually_async("the schedule has tidied", DEADLINE, || async {
        tidied().await.filter(|at| at.duration_since(real) > jiff::SignedDuration::from_hours(24 * 365 * 9))
    })
    .await;
    let now = kept(&stock, &first).await;
    assert_eq!((now.quarantined, now.jobs, now.first_log_record), (1, true, before.first_log_record));
    // Back to the real time: what the wrong clock had planned does not wait for ten years.
    clock.set("+0");
    eventually_async("the feed's next import is near", DEADLINE, || async {
        let feed: Feed = api.get("/api/v1/feeds/vendor").await;
        let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(3);
        feed.next_import_at.filter(|next| *next < soon)
    })
    .await;
    stock.stage(11..12).await;
    stock.idle().await;
    // A restart with the clock far off is no other case.
    clock.set("+10y");
    stock.server.restart().await;
    let_it_tidy(&stock, "restart at +10y").await;
    assert_eq!(kept(&stock, &first).await.quarantined, 1);
    clock.set("+0");
    stock.server.restart().await;
    stock.idle().await;
    stock.server.holds();
    figures!("X-04: {} jumps of the clock, a job under way at each, nothing deleted for its age", offsets.len() + 5);
}

/// The last time a server ran here was in another year, as far as anybody knows.
#[tokio::test]
async fn x_04_unused_packages_stay_while_the_clock_is_in_doubt() {
    let mut stock = Stock::new(Server::setup(BINARY), 2, 5_000).await;
    stock.stage(0..2).await;
    assert_eq!(stock.server.terminate(), Some(0));
    fs::write(stock.server.data().join("clock.seen"), "2016-11-22T12:00:00Z").unwrap();
    stock.server.restart().await;
    let run = |arguments: &[&str]| stock.server.patchwharf(arguments);
    let told = run(&["job", "run", "delete-unused", "--without-policy-after", "0s"]).ok();
    assert!(told.contains("no unused package was deleted") && told.contains("straight for a day"), "{told}");
    let told = run(&["settings", "set", "unused.without-policy-after", "0s"]).ok();
    assert!(told.contains("off"), "the value before: {told}");
    let told = run(&["job", "run", "integrity-check", "--delete-unused"]).ok();
    assert!(told.contains("straight for a day"), "{told}");
    let listed = run(&["package", "list"]).ok();
    assert!(listed.contains("B-0") && listed.contains("B-1"), "{listed}");
    assert_eq!(stock.server.terminate(), Some(0));
    fs::write(stock.server.data().join("clock.seen"), jiff::Timestamp::now().to_string()).unwrap();
    stock.server.restart().await;
    let told = stock.server.patchwharf(&["job", "run", "delete-unused"]).ok();
    assert!(told.contains("2 unused packages deleted"), "{told}");
    stock.server.holds();
}
