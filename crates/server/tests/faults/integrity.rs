//! Rows G against the real process: killed in the middle of a check, a disk that cannot read or reads wrong once, a bit
//! flipped in every file in turn, and several servers on one PostgreSQL that check, refresh and delete the same packages.

use std::{
    collections::BTreeMap,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use patchwharf_model::{
    PackageId, Timestamp,
    api::{Finding, Job, JobDetail, LogRecord, PackageDetail, PackageSummary, Page},
    finding::{FindingKind, Gravity, Outcome},
    job::JobState,
};
use patchwharf_testkit::{
    Chance, Server, eventually, eventually_async,
    server::{Client, DEADLINE, Setup, TEST_CONFIG},
    skipped, times,
};
use serde_json::{Value, json};

use crate::{
    driver::{ACTS, Act, Driver, Open},
    judge,
    plant::{BINARY, LARGE, Plant},
    syscalls::{no_strace, strace},
};

const CHECK: &str = "/api/v1/store/integrity-check";

/// Everything but the large one, staged.
async fn staged() -> (Plant, Driver) {
    let plant = Plant::start().await;
    let driver = plant.driver(&Open::default(), &Arc::default());
    let stage = json!({"bulletins": &plant.bulletins});
    let job = plant.server.api().run_job("/api/v1/bulletins/stage", &stage).await;
    assert_eq!(job.job.state, JobState::Done, "{job:#?}");
    (plant, driver)
}

async fn findings(api: &Client, job: &JobDetail) -> Vec<Finding> {
    let page: Page<Finding> = api.get(&format!("/api/v1/jobs/{}/findings?limit=1000", job.job.id)).await;
    page.items
}

/// When each package was proved, by its id.
async fn proofs(api: &Client) -> BTreeMap<PackageId, Option<Timestamp>> {
    let page: Page<PackageSummary> = api.get("/api/v1/packages?limit=1000").await;
    page.items.into_iter().map(|package| (package.id, package.verified_at)).collect()
}

/// Package files on disk, manifests left out.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if entry.file_type().unwrap().is_dir() {
            if !name.to_string_lossy().starts_with('.') {
                found.extend(files(&entry.path()));
            }
        } else if name != "package.json" && name != "location.json" {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_06_a_check_that_was_killed_goes_on_at_its_checkpoint() {
    let (mut plant, _) = staged().await;
    let rounds = times(3, 500);
    for round in 0..rounds {
        let packages = proofs(plant.server.api()).await.len();
        // Slow enough to be killed in the middle.
        let wish = json!({"max_bytes_per_second": 200_000});
        let job: Job = plant.server.api().post(CHECK, &wish).await;
        // A package counts when each of its files was: some share data, and have one file proved with another package.
        let proved = |now: BTreeMap<PackageId, Option<Timestamp>>| -> BTreeMap<PackageId, Timestamp> {
            now.into_iter().filter_map(|(id, at)| Some((id, at.filter(|at| *at >= job.created_at)?))).collect()
        };
        let api = plant.server.api().clone();
        eventually_async("some proofs are written", DEADLINE, || async {
            (!proved(proofs(&api).await).is_empty()).then_some(())
        })
        .await;
        plant.server.kill_9();
        plant.server.restart().await;
        let api = plant.server.api().clone();
        let at_start = proved(proofs(&api).await);
        assert!(at_start.len() < packages, "round {round}: it was through before it was killed");
        let ended = api.wait_for_job(job.id).await;
        assert_eq!((ended.job.state, ended.job.attempt), (JobState::Done, 2), "round {round}: {ended:#?}");
        let after = proved(proofs(&api).await);
        let twice: Vec<_> = at_start.iter().filter(|(id, at)| after.get(*id) != Some(*at)).collect();
        assert!(twice.is_empty(), "round {round}: hashed twice: {twice:?}");
        assert_eq!(after.len(), packages, "round {round}: every package was proved in the end");
    }
    figures!("kill of an integrity check: {rounds} kills, each went on at its checkpoint, nothing hashed twice");
}

/// A repair that is killed, or paused, in the middle: the next attempt does the rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_that_was_stopped_in_the_middle_goes_on_with_the_rest() {
    let (mut plant, _) = staged().await;
    let strangers = |plant: &Plant| {
        let files = files(&plant.server.packages());
        files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "stray")).count()
    };
    for stop in ["kill", "pause"] {
        for file in files(&plant.server.packages()) {
            std::fs::write(file.with_extension("stray"), b"stray").unwrap();
        }
        let all = strangers(&plant);
        assert!(all > 20, "{all}");
        // Some are aside by then.
        plant.server.set_env("PATCHWHARF_FAULT", "quarantine.after-rename:stop:5");
        plant.server.restart().await;
        let api = plant.server.api().clone();
        let job: Job = api.post(CHECK, &json!({"repair": true})).await;
        eventually("the server stands still", DEADLINE, || plant.server.stands_still().then_some(()));
        let left = strangers(&plant);
        assert!(left < all && left > 0, "{left} of {all}");
        plant.server.remove_env("PATCHWHARF_FAULT");
        if stop == "kill" {
            plant.server.kill_9();
            plant.server.restart().await;
        } else {
            let pause = format!("/api/v1/jobs/{}/pause", job.id);
            let asking =
                tokio::spawn(async move { api.try_call(reqwest::Method::POST, &pause, Some(&json!({}))).await });
            plant.server.go_on();
            // It may have come to its end just before.
            drop(asking.await.unwrap().unwrap());
            let api = plant.server.api().clone();
            eventually_async("it is paused, or was through", DEADLINE, || async {
                let detail: JobDetail = api.get(&format!("/api/v1/jobs/{}", job.id)).await;
                (detail.job.state != JobState::Running).then_some(())
            })
            .await;
            let (resume, nothing) = (format!("/api/v1/jobs/{}/resume", job.id), json!({}));
            drop(api.try_call(reqwest::Method::POST, &resume, Some(&nothing)).await.unwrap());
        }
        let ended = plant.server.api().wait_for_job(job.id).await;
        assert_eq!((ended.job.state, strangers(&plant)), (JobState::Done, 0), "{stop}: {ended:#?}");
    }
    let driver = plant.driver(&Open::default(), &Arc::default());
    judge::recovered(&plant, &driver).await;
    figures!("stop of a repair: killed and paused in the middle, the rest was done by the next attempt");
}

/// Between setting aside what lay in a package's place and the package's next version.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_repair_had_set_aside_is_named_with_its_place() {
    let (mut plant, _) = staged().await;
    let package = files(&plant.server.packages())[0].parent().unwrap().parent().unwrap().to_owned();
    let aside = plant.server.data().join("aside");
    std::fs::rename(&package, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &package).unwrap();
    plant.server.set_env("PATCHWHARF_FAULT", "quarantine.after-rename:kill:1");
    plant.server.restart().await;
    let job: Job = plant.server.api().post(CHECK, &json!({"repair": true})).await;
    plant.server.wait_for_end(DEADLINE);
    plant.server.remove_env("PATCHWHARF_FAULT");
    plant.server.restart().await;
    let ended = plant.server.api().wait_for_job(job.id).await;
    let found = findings(plant.server.api(), &ended).await;
    let quarantine = plant.server.packages().canonicalize().unwrap().join(".quarantine").display().to_string();
    let named = found.iter().find(|one| one.kind == FindingKind::FolderIsNoFolder).expect("it is on record");
    assert!(named.became.contains(&quarantine), "{found:#?}");
    let link = walk(Path::new(&quarantine)).into_iter().find(|path| path.is_symlink());
    assert!(link.is_some_and(|link| link.read_link().unwrap() == aside), "it lies there");
    assert!(package.join("2").is_dir(), "and the package has its next version");
}

/// Everything below a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.file_type().unwrap().is_dir() {
            true => walk(&entry.path()),
            false => vec![entry.path()],
        })
        .collect()
}

/// One staged file, and the server started again with a fault in every `pread64` of it; its length says which.
async fn with_fault(fault: impl Fn(u64) -> String) -> (Plant, PathBuf) {
    let (mut plant, _) = staged().await;
    let path = files(&plant.server.packages()).remove(7);
    let inject = format!("inject=pread64:{}", fault(std::fs::metadata(&path).unwrap().len()));
    plant.server.set_wrapper(&strace(&["-P", path.to_str().unwrap(), "-e", "trace=pread64", "-e", &inject]));
    plant.server.restart().await;
    (plant, path)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_09_a_file_that_the_disk_cannot_read_is_named_and_the_scan_goes_on() {
    if let Some(why) = no_strace() {
        return skipped(&format!("G-09: {why}"));
    }
    let (plant, path) = with_fault(|_| "error=EIO".to_owned()).await;
    let api = plant.server.api();
    let job = api.run_job(CHECK, &json!({})).await;
    assert_eq!(job.job.state, JobState::Failed);
    let found = findings(api, &job).await;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((found[0].kind, found[0].path.as_str()), (FindingKind::FileUnreadable, path.to_str().unwrap()));
    assert!(found[0].found.contains("Input/output error"), "{found:#?}");
    let packages = proofs(api).await.len() as u64;
    let counts = job.report.unwrap().counts;
    assert_eq!(counts.get("packages"), Some(&packages), "the scan went on: {counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_10_a_wrong_read_that_passes_is_read_again_past_the_cache_and_both_are_logged() {
    if let Some(why) = no_strace() {
        return skipped(&format!("G-10: {why}"));
    }
    // The first read claims to have read everything and has read nothing.
    let (plant, path) = with_fault(|length| format!("retval={length}:when=1")).await;
    let api = plant.server.api();
    let job = api.run_job(CHECK, &json!({})).await;
    assert_eq!(job.job.state, JobState::Done, "{job:#?}\n{:#?}", findings(api, &job).await);
    let name = path.to_str().unwrap().to_owned();
    for text in ["a file reads wrong; it is read again", "a file read wrong once and right the second time"] {
        eventually_async(text, DEADLINE, || async {
            let records: Page<LogRecord> = api.get("/api/v1/logs?level=warn&limit=1000").await;
            let told = |r: &LogRecord| r.message.contains(text) && r.fields.values().any(|v| v == &Value::from(&*name));
            records.items.iter().any(told).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_01_a_bit_flipped_in_every_file_in_turn_is_found_and_mended() {
    let (plant, driver) = staged().await;
    let api = plant.server.api();
    let mut chance = Chance::new("a bit in every file");
    let all = files(&plant.server.packages());
    let every = (all.len() / times(12, usize::MAX)).max(1);
    let mut flipped = 0;
    for path in all.iter().step_by(every) {
        // Mended files live in a new version; the old one goes after its grace and is not served.
        let Some(bulletin) = bulletin_of(api, path).await else { continue };
        let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
        let at = chance.between(0, file.metadata().unwrap().len() - 1);
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ (1 << chance.between(0, 7))], at).unwrap();
        let job = api.run_job(CHECK, &json!({"repair": true})).await;
        let found: Vec<Finding> =
            findings(api, &job).await.into_iter().filter(|f| f.gravity != Gravity::Note).collect();
        assert!(!found.is_empty(), "seed {}: bit at {at} of {} was not found", chance.seed(), path.display());
        assert!(
            found.iter().all(|f| f.kind == FindingKind::FileChanged && f.outcome == Outcome::Mended),
            "seed {}: {found:#?}",
            chance.seed()
        );
        assert!(found.iter().any(|f| f.bulletin_name == bulletin), "seed {}: {found:#?}", chance.seed());
        assert_eq!(job.job.state, JobState::Done);
        flipped += 1;
    }
    assert!(flipped > 0);
    let clean = api.run_job(CHECK, &json!({})).await;
    assert_eq!(clean.job.state, JobState::Done, "{clean:#?}");
    driver.fetch_all().await.unwrap();
    figures!("a bit in every file: {flipped} bits flipped, {flipped} found and mended");
}

/// The bulletin of a file, if it is part of a version that is served.
async fn bulletin_of(api: &Client, path: &Path) -> Option<String> {
    let mut above = path.iter().rev().skip(1).map(|part| part.to_string_lossy().into_owned());
    let (version, package) = (above.next()?, above.next()?);
    let detail: PackageDetail = api.get(&format!("/api/v1/packages/{package}")).await;
    let served = detail.summary.active && detail.summary.current_version.map(|v| v.to_string()) == Some(version);
    detail.summary.bulletin_name.filter(|_| served)
}

/// A second server on the database and the packages of a plant.
async fn second(plant: &Plant) -> Server {
    Server::setup(BINARY)
        .env("PATCHWHARF_DATABASE", &plant.server.database_url())
        .packages(&plant.server.packages().canonicalize().unwrap())
        .config(TEST_CONFIG)
        .start()
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_11_two_servers_on_one_postgresql_check_refresh_and_delete_the_same_packages() {
    if !Setup::postgres_at_hand() {
        return skipped("G-11: PATCHWHARF_TEST_POSTGRES is not set");
    }
    let plant = Plant::with(Server::setup(BINARY).on_postgres()).await;
    let stage = json!({"bulletins": &plant.bulletins});
    let job = plant.server.api().run_job("/api/v1/bulletins/stage", &stage).await;
    assert_eq!(job.job.state, JobState::Done);
    let other = second(&plant).await;
    let mut chance = Chance::new("two servers check");
    let (open, done) = (Open::default(), Arc::default());
    let one = plant.driver(&open, &done);
    let two = Driver { client: other.api().clone(), ..one.clone() };
    // Without damage: whatever a check finds is false.
    let acts: Vec<Act> =
        ACTS.into_iter().filter(|act| !matches!(act, Act::DamageAndRefresh | Act::DamageAndCheck)).collect();
    let mut checks = Vec::new();
    for round in 0..times(60, 6_000) {
        let driver = if round % 2 == 0 { &one } else { &two };
        let bulletin = chance.pick(&plant.bulletins).clone();
        if bulletin != LARGE {
            driver.act(*chance.pick(&acts), &bulletin, &mut chance).await.unwrap();
        }
        let wish = [json!({}), json!({"repair": true}), json!({"light": true})][round % 3].clone();
        let job: Job = driver.client.post(CHECK, &wish).await;
        checks.push(job.id);
        tokio::time::sleep(Duration::from_millis(chance.between(0, 20))).await;
    }
    one.wait_idle().await.unwrap();
    let mut looked = 0;
    checks.dedup();
    for id in &checks {
        let job = one.client.wait_for_job(*id).await;
        looked += job.report.as_ref().and_then(|r| r.counts.get("packages").copied()).unwrap_or(0);
        let bad: Vec<Finding> = findings(&one.client, &job)
            .await
            .into_iter()
            .filter(|f| matches!(f.gravity, Gravity::Damage | Gravity::Danger))
            // The other server's link is on the disk before it is on record: such a file is hashed, not called damaged.
            .filter(|f| f.kind != FindingKind::FileUnproved)
            .collect();
        assert!(bad.is_empty(), "seed {}: {bad:#?}", chance.seed());
    }
    drop(other);
    judge::recovered(&plant, &one).await;
    figures!(
        "two servers on PostgreSQL: {} checks among other jobs looked at {looked} packages, no false finding",
        checks.len()
    );
}
