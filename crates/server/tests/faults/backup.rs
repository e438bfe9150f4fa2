//! H2 for backup and restore: every named step with a kill, an error and a panic. What looks like a backup is one, a job
//! that died makes its backup at the next start, and a restore that died goes on.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use patchwharf_model::{
    api::{Job, JobDetail, Page},
    job::JobState,
};
use patchwharf_store::fault::Step;
use patchwharf_testkit::{Chance, Server, server::Setup, skipped};
use serde_json::json;

use crate::plant::{BINARY, Plant};

const FAULT: &str = "PATCHWHARF_FAULT";

fn steps(kind: &str) -> impl Iterator<Item = Step> {
    Step::ALL.iter().copied().filter(move |step| step.name().starts_with(kind))
}

fn patchwharf(data: &Path, arguments: &[&str], fault: Option<&str>) -> Output {
    let mut command = Command::new(BINARY);
    command.arg("--data").arg(data).args(arguments).env_remove(FAULT);
    if let Some(fault) = fault {
        command.env(FAULT, fault);
    }
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Restores the newest backup into a new folder and lets the independent judge look at it.
fn restored(folder: &Path, into: &Path) {
    let run = patchwharf(into, &["restore", folder.to_str().unwrap()], None);
    assert!(run.status.success(), "{}", said(&run));
    let judged = patchwharf(into, &["fsck", "--at-rest"], None);
    assert!(judged.status.success(), "{}", said(&judged));
    std::fs::remove_dir_all(into).unwrap();
}

fn backups(folder: &Path) -> usize {
    std::fs::read_dir(folder.join("points")).map_or(0, |points| {
        points.flatten().filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')).count()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_07_a_backup_that_dies_at_any_step_is_none_and_is_made_at_the_next_start() {
    let mut chance = Chance::new("backup steps");
    let mut plant = Plant::start().await;
    let home = tempfile::tempdir().unwrap();
    let (folder, target) = (home.path().join("backups"), home.path().join("restored"));
    let (mut died, mut faults) = (0, 0);
    for step in steps("backup.") {
        for action in ["kill", "error", "panic"] {
            let bulletin = chance.pick(&plant.bulletins).clone();
            let stage = json!({ "bulletins": [bulletin] });
            plant.server.api().run_job("/api/v1/bulletins/stage", &stage).await;
            let before = backups(&folder);
            plant.server.set_env(FAULT, &format!("{}:{action}:1", step.name()));
            plant.server.restart().await;
            let body = json!({ "folder": folder, "plain": true });
            let job: Job = plant.server.api().post("/api/v1/backups", &body).await;
            let end = std::time::Instant::now() + patchwharf_testkit::server::DEADLINE;
            // It dies, or the job ends.
            while plant.server.runs() {
                let path = format!("/api/v1/jobs/{}", job.id);
                let Ok(answer) = plant.server.api().try_call(reqwest::Method::GET, &path, None).await else { continue };
                let now: JobDetail = answer.ok();
                if now.job.state.is_final() {
                    break;
                }
                assert!(std::time::Instant::now() < end, "{} {action}: {now:#?}", step.name());
            }
            died += usize::from(!plant.server.runs());
            faults += 1;
            plant.server.kill_9();
            let whole = backups(&folder);
            assert!(whole == before || whole == before + 1, "{} {action}", step.name());
            if whole > 0 {
                let list = patchwharf(plant.server.data(), &["restore", folder.to_str().unwrap(), "--list"], None);
                assert!(list.status.success(), "what looks like a backup is one: {}", said(&list));
                restored(&folder, &target);
            }
            plant.server.remove_env(FAULT);
            plant.server.restart().await;
            plant.server.api().wait_for_job(job.id).await;
            let again = plant.server.api().run_job("/api/v1/backups", &body).await;
            assert_eq!(again.job.state, JobState::Done, "{again:#?}");
            restored(&folder, &target);
            let open: Page<Job> = plant.server.api().get("/api/v1/jobs?state=queued,running&limit=10").await;
            assert!(open.items.is_empty(), "{open:#?}");
            let left = std::fs::read_dir(folder.join("points")).unwrap().flatten();
            assert!(left.into_iter().all(|entry| !entry.file_name().to_string_lossy().starts_with('.')), "left-overs");
        }
    }
    figures!(
        "backup: {faults} faults at {} steps, {died} deaths, every backup that is listed was restored",
        faults / 3
    );
    assert!(died >= faults / 3, "every kill is reached");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_07_a_restore_that_dies_at_any_step_goes_on_and_no_server_starts_on_the_half_of_it() {
    let plant = Plant::start().await;
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("backups");
    let stage = json!({ "bulletins": &plant.bulletins[..4] });
    plant.server.api().run_job("/api/v1/bulletins/stage", &stage).await;
    let backup = plant.server.api().run_job("/api/v1/backups", &json!({ "folder": folder, "plain": true })).await;
    assert_eq!(backup.job.state, JobState::Done, "{backup:#?}");
    let arguments = ["restore", folder.to_str().unwrap()];
    // Placing has steps of its own.
    let placing = [Step::PlaceBeforeFsync, Step::PlaceBeforeRename, Step::PlaceAfterRename];
    let (mut died, mut faults) = (0, 0);
    for step in steps("restore.").chain(placing) {
        for action in ["kill", "error", "panic"] {
            let data: PathBuf = home.path().join(format!("{}-{action}", step.name()));
            let broken = patchwharf(&data, &arguments, Some(&format!("{}:{action}:1", step.name())));
            assert!(!broken.status.success(), "{} {action}: {}", step.name(), said(&broken));
            died += usize::from(broken.status.code().is_none());
            faults += 1;
            let start = patchwharf(&data, &["serve", "--listen", "127.0.0.1:0"], None);
            assert_eq!(start.status.code(), Some(2), "{} {action}: {}", step.name(), said(&start));
            assert!(said(&start).contains("run the same `patchwharf restore` again"), "{}", said(&start));
            let again = patchwharf(&data, &arguments, None);
            assert!(again.status.success(), "{} {action}: {}", step.name(), said(&again));
            let judged = patchwharf(&data, &["fsck", "--at-rest"], None);
            assert!(judged.status.success(), "{} {action}: {}", step.name(), said(&judged));
            std::fs::remove_dir_all(&data).unwrap();
        }
    }
    figures!("restore: {faults} faults at {} steps, {died} kills, each went on to its end", faults / 3);
    assert_eq!(died, faults / 3, "every step was reached");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_07_a_restore_that_goes_on_writes_only_where_it_has_begun_itself() {
    let plants = [Some(Server::setup(BINARY)), Setup::postgres_at_hand().then(|| Server::setup(BINARY).on_postgres())];
    if plants[1].is_none() {
        skipped("a restore that goes on, on PostgreSQL: PATCHWHARF_TEST_POSTGRES names no server");
    }
    for setup in plants.into_iter().flatten() {
        let plant = Plant::with(setup).await;
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("backups");
        let stage = json!({ "bulletins": &plant.bulletins[..2] });
        plant.server.api().run_job("/api/v1/bulletins/stage", &stage).await;
        let backup = plant.server.api().run_job("/api/v1/backups", &json!({ "folder": folder, "plain": true })).await;
        assert_eq!(backup.job.state, JobState::Done, "{backup:#?}");
        let (live, live_packages) = (plant.server.database_url(), plant.server.packages());
        let new = match live.starts_with("postgres") {
            true => Server::setup(BINARY).on_postgres().prepare().await,
            false => Server::setup(BINARY).prepare().await,
        };
        let own = new.database_url();
        std::fs::remove_dir_all(new.data()).unwrap();
        let restore = |database: &str, packages: Option<&Path>, fault: Option<&str>| {
            let mut arguments = vec!["restore", folder.to_str().unwrap(), "--database", database];
            if let Some(packages) = packages {
                arguments.extend(["--package-location", packages.to_str().unwrap()]);
            }
            patchwharf(new.data(), &arguments, fault)
        };
        let refused = |run: Output| {
            assert_eq!(run.status.code(), Some(2), "{}", said(&run));
            assert!(said(&run).contains("a restore "), "it says what a restore does not do: {}", said(&run));
        };
        refused(restore(&live, None, None));
        refused(restore(&own, Some(&live_packages), None));
        assert!(!new.data().exists(), "nothing was written");
        let died = restore(&own, None, Some("restore.after-database:kill:1"));
        assert_eq!(died.status.code(), None, "{}", said(&died));
        refused(restore(&live, None, None));
        refused(restore(&own, Some(&live_packages), None));
        let again = restore(&own, None, None);
        assert!(again.status.success(), "{}", said(&again));
        let judged = new.patchwharf(&["fsck", "--at-rest"]);
        assert_eq!(judged.code, Some(0), "{judged:?}");
    }
}
