//! a backup of a busy server, a new host, and the drill with its figures.

use std::{sync::Arc, time::Instant};

use patchwharf_model::{api::Job, job::JobState};
use patchwharf_testkit::{Payload, Server, server::TEST_CONFIG, skipped};
use serde_json::json;

use crate::stock::{BINARY, Stock};

fn passphrase(folder: &std::path::Path) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join("passphrase");
    std::fs::write(&path, "a passphrase of some length\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Agents that download without a pause, and how many downloads were whole.
struct Agents {
    stop: Arc<std::sync::atomic::AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<usize>>,
}

impl Agents {
    fn start(stock: &Stock, addresses: &[String]) -> Self {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let tasks = (0..4).map(|agent| {
            let (stop, api, addresses) = (Arc::clone(&stop), stock.server.api().clone(), addresses.to_vec());
            let files = stock.files.clone();
            tokio::spawn(async move {
                let mut whole = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let n = (whole * 7 + agent) % addresses.len();
                    let answer = api.fetch(&addresses[n]).await;
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    assert!(answer.body == files[n].bytes, "the download is not what the vendor published");
                    whole += 1;
                }
                whole
            })
        });
        let tasks = tasks.collect();
        Self { stop, tasks }
    }

    async fn end(self) -> usize {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let mut whole = 0;
        for task in self.tasks {
            whole += task.await.unwrap();
        }
        whole
    }
}

async fn addresses(stock: &Stock, count: usize) -> Vec<String> {
    let mut addresses = Vec::new();
    for n in 0..count {
        let bulletin: patchwharf_model::api::BulletinDetail =
            stock.server.api().get(&format!("/api/v1/bulletins/B-{n}")).await;
        let package = bulletin.software_updates[0].package.expect("a package");
        addresses.push(format!("/packages/{package}/1/{}", stock.files[n].name));
    }
    addresses
}

/// The whole drill: back up while busy, restore on a new host, serve the same addresses, judge.
async fn drill(server: patchwharf_testkit::server::Setup, target: patchwharf_testkit::server::Setup, database: &str) {
    const STAGED: usize = 30;
    let stock = Stock::new(server, STAGED + 30, 300_000).await;
    stock.stage(0..STAGED).await;
    let home = tempfile::tempdir().unwrap();
    let backups = home.path().join("backups");
    let passphrase = passphrase(home.path());
    let addresses = addresses(&stock, STAGED).await;
    let agents = Agents::start(&stock, &addresses);
    let names: Vec<String> = (STAGED..STAGED + 30).map(|n| format!("B-{n}")).collect();
    let busy: Job = stock.server.api().post("/api/v1/bulletins/stage", &json!({ "bulletins": names })).await;
    let arguments = ["backup", backups.to_str().unwrap(), "--passphrase-file", &passphrase];
    let begun = Instant::now();
    let made = stock.server.patchwharf(&arguments);
    let taken = begun.elapsed();
    assert_eq!(made.code, Some(0), "{}{}", made.stdout, made.stderr);
    let downloads = agents.end().await;
    assert!(downloads > 0, "agents were served meanwhile");
    assert_eq!(stock.server.api().wait_for_job(busy.id).await.job.state, JobState::Done, "other work went on");

    // The new host: another data folder, another port, the old one is gone.
    let old = stock.server;
    let mut new = target.prepare().await;
    std::fs::remove_dir_all(new.data()).unwrap();
    let mut restore = vec!["restore", backups.to_str().unwrap(), "--passphrase-file", &passphrase];
    let url = new.database_url();
    if url.starts_with("postgres") {
        restore.extend(["--database", &url]);
    }
    let begun = Instant::now();
    let restored = new.patchwharf(&restore);
    let rto = begun.elapsed();
    assert_eq!(restored.code, Some(0), "{}{}", restored.stdout, restored.stderr);
    drop(old);
    new.restart().await;
    for (n, address) in addresses.iter().enumerate() {
        let answer = new.api().fetch(address).await;
        assert!(answer.status == 200 && answer.body == stock.files[n].bytes, "{address}: {}", answer.status);
    }
    let stock = Stock { server: new, ..Stock { server: Server::setup(BINARY).prepare().await, ..stock } };
    stock.idle().await;
    stock.server.holds();
    let age = restored.stdout.lines().find(|line| line.contains("from a backup that was")).unwrap_or_default();
    figures!(
        "X-07 drill on {database}: backup of a busy server {:.2} s with {downloads} downloads meanwhile; RTO {:.2} s \
         (restore of 18 MB and more until the server can start); RPO: {}",
        taken.as_secs_f64(),
        rto.as_secs_f64(),
        age.rsplit("from ").next().unwrap_or_default()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_07_the_drill_on_sqlite() {
    drill(Server::setup(BINARY), Server::setup(BINARY), "SQLite").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_07_the_drill_on_postgresql() {
    if !patchwharf_testkit::server::Setup::postgres_at_hand() {
        return skipped("the drill on PostgreSQL: PATCHWHARF_TEST_POSTGRES names no server");
    }
    drill(Server::setup(BINARY).on_postgres(), Server::setup(BINARY).on_postgres(), "PostgreSQL").await;
}

/// Two servers of one database: the one that is asked makes the backup, and what the other has staged and signed is in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_servers_the_one_that_is_asked_backs_up_what_both_have_staged() {
    if !patchwharf_testkit::server::Setup::postgres_at_hand() {
        return skipped("backup beside another server: PATCHWHARF_TEST_POSTGRES names no server");
    }
    let stock = Stock::new(Server::setup(BINARY).on_postgres(), 4, 20_000).await;
    stock.stage(0..2).await;
    let mut other = Server::setup(BINARY)
        .env("PATCHWHARF_DATABASE", &stock.server.database_url())
        .packages(&stock.server.packages().canonicalize().unwrap())
        .start()
        .await;
    let home = tempfile::tempdir().unwrap();
    let mut made = Vec::new();
    for n in 0..8 {
        let api = if n % 2 == 0 { stock.server.api() } else { other.api() };
        let settings: patchwharf_model::api::Settings = api.get("/api/v1/settings").await;
        let folder = home.path().join(n.to_string());
        let job: Job = api.post("/api/v1/backups", &json!({ "folder": folder, "plain": true })).await;
        made.push((folder, job.id, settings.manifest_key));
    }
    for (folder, job, key) in made {
        let done = stock.server.api().wait_for_job(job).await;
        assert_eq!(done.job.state, JobState::Done, "{done:#?}");
        assert_eq!(done.report.unwrap().counts["versions"], 2, "both are believed, whoever signed them");
        let drill = other.patchwharf(&["restore", folder.to_str().unwrap(), "--dry-run", "--key", &key]);
        assert_eq!(drill.code, Some(0), "the server that was asked made it: {drill:?}");
    }
    assert!(other.terminate().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_many_rows_is_copied_without_holding_up_those_who_write() {
    let stock = Stock::new(Server::setup(BINARY), 4, 10_000).await;
    // Rows that make the copy last.
    let text = "x".repeat(900);
    for chunk in 0..40 {
        let names: Vec<String> = (0..50).map(|n| format!("{chunk}-{n}-{text}")).collect();
        for name in names.chunks(10) {
            let name = &name[0];
            let body = json!({ "name": &name[..name.len().min(200)], "updates": [] });
            let _ = stock.server.api().call(reqwest::Method::POST, "/api/v1/policies", Some(&body)).await;
        }
    }
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("b");
    let backup = json!({ "folder": folder, "plain": true });
    let job: Job = stock.server.api().post("/api/v1/backups", &backup).await;
    let (mut slowest, mut writes) = (std::time::Duration::ZERO, 0);
    let detail = loop {
        let begun = Instant::now();
        let body = json!({ "name": format!("meanwhile {writes}"), "updates": [] });
        let answer = stock.server.api().call(reqwest::Method::POST, "/api/v1/policies", Some(&body)).await;
        assert!(answer.status < 500, "{}", answer.text());
        slowest = slowest.max(begun.elapsed());
        writes += 1;
        let detail: patchwharf_model::api::JobDetail =
            stock.server.api().get(&format!("/api/v1/jobs/{}", job.id)).await;
        if detail.job.state.is_final() {
            break detail;
        }
    };
    assert_eq!(detail.job.state, JobState::Done, "{detail:#?}");
    figures!(
        "backup beside writers: {writes} writes meanwhile, the slowest took {:.1} ms",
        slowest.as_secs_f64() * 1e3
    );
}

#[tokio::test]
async fn a_backup_by_schedule_is_made_and_old_ones_go() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("backups");
    let config =
        format!("{TEST_CONFIG}\n[backup]\nfolder = '{}'\nevery = '1s'\nkeep = 2\nplain = true\n", folder.display());
    let stock = Stock::new(Server::setup(BINARY).config(&config), 1, 10_000).await;
    stock.stage(0..1).await;
    let count = || std::fs::read_dir(folder.join("points")).map_or(0, Iterator::count);
    let job =
        patchwharf_testkit::eventually_async("the schedule backs up", patchwharf_testkit::server::DEADLINE, || async {
            let jobs: patchwharf_model::api::Page<Job> =
                stock.server.api().get("/api/v1/jobs?kind=backup&state=done").await;
            jobs.items.into_iter().next()
        })
        .await;
    assert_eq!(job.actor, "system");
    assert!((1..=2).contains(&count()), "{}", count());
}

#[tokio::test]
async fn a_backup_that_would_lie_in_the_way_or_without_a_decision_about_keys_is_refused() {
    let stock = Stock::new(Server::setup(BINARY), 1, 10_000).await;
    let server = &stock.server;
    let inside = server.data().join("backups-here");
    let run = server.patchwharf(&["backup", inside.to_str().unwrap(), "--plain"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stdout.contains("lie in one another"), "{run:?}");
    let undecided = server.patchwharf(&["backup", "/tmp/nowhere"]);
    assert_eq!(undecided.code, Some(2), "{undecided:?}");
    assert!(undecided.stderr.contains("--passphrase-file <FILE>|--plain"), "{undecided:?}");
    for (body, word) in [
        (json!({ "folder": "/tmp/nowhere" }), "passphrase_file"),
        (json!({ "folder": "relative", "plain": true }), "absolute"),
        (json!({ "folder": "/tmp/nowhere", "plain": true, "keep": 0 }), "keep"),
    ] {
        let answer = server.api().call(reqwest::Method::POST, "/api/v1/backups", Some(&body)).await;
        let problem = answer.problem();
        assert_eq!(problem.status, 422, "{problem:?}");
        assert!(problem.detail.contains(word), "{problem:?}");
    }
    let _ = Payload::random("unused", 1);
}
