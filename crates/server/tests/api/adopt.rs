//! Adoption by the command line, on both databases.

use patchwharf_model::{
    api::{AuditEntry, JobDetail, Page},
    job::ReportItem,
    package::VersionState,
};
use patchwharf_testkit::{
    Server,
    disk::{FileSystem, LoopPermit, PowerDisk},
    server::Setup,
};
use serde_json::json;
use tempfile::TempDir;

use crate::world::{BINARY, World};

#[tokio::test]
async fn a_folder_is_adopted_by_the_command_line() {
    adopted(World::new().await).await;
}

#[tokio::test]
async fn a_folder_is_adopted_on_postgresql_too() {
    if !Setup::postgres_at_hand() {
        return patchwharf_testkit::skipped("PATCHWHARF_TEST_POSTGRES names no PostgreSQL");
    }
    adopted(World::on(Server::setup(BINARY).on_postgres().start().await).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_are_shared_where_the_file_system_can_and_what_is_written_there_does_not_show_here() {
    let disk = match PowerDisk::create(&LoopPermit::take(), FileSystem::Xfs, 400) {
        Ok(disk) => disk,
        Err(why) => {
            return patchwharf_testkit::skipped(&format!("shared blocks: loop mounts are not allowed here: {why}"));
        }
    };
    let world = World::on(Server::setup(BINARY).packages(&disk.path().join("packages")).start().await).await;
    let usb = disk.path().canonicalize().unwrap().join("usb");
    std::fs::create_dir(&usb).unwrap();
    std::fs::write(usb.join("x"), &world.files[0].bytes).unwrap();
    let path = usb.display().to_string();
    let said = world.server.patchwharf(&["location", "adopt", &path, "--dry-run"]).ok();
    assert!(said.contains("by shared blocks"), "{said}");
    let told = world.server.patchwharf(&["location", "adopt", &path]).ok();
    assert!(told.contains("share their blocks") && told.contains("no second copy"), "{told}");
    std::fs::write(usb.join("x"), vec![7; 20_000]).unwrap();
    assert_eq!(world.server.api().fetch(&world.address("B-1", "file-0.exe").await).await.body, world.files[0].bytes);
    // Asked for, every byte is copied all the same.
    std::fs::write(usb.join("y"), &world.files[3].bytes).unwrap();
    let copied = world.server.patchwharf(&["location", "adopt", &path, "--copy"]).ok();
    assert!(copied.contains("1 package adopted") && !copied.contains("share"), "{copied}");
}

async fn adopted(world: World) {
    let home = TempDir::new().unwrap();
    let usb = home.path().canonicalize().unwrap();
    std::fs::create_dir(usb.join("a")).unwrap();
    for (at, name) in [(0, "a/x"), (1, "y"), (3, "a/z")] {
        std::fs::write(usb.join(name), &world.files[at].bytes).unwrap();
    }
    std::fs::write(usb.join("=1+1"), "foreign").unwrap();
    let path = usb.display().to_string();
    let run = |arguments: &[&str]| world.server.patchwharf(arguments);

    let said = run(&["location", "adopt", &path, "--dry-run"]).ok();
    assert!(said.contains("2 packages would be adopted") && said.contains("1 foreign file"), "{said}");
    let told = run(&["location", "adopt", &path]).ok();
    assert!(told.contains("2 packages adopted from") && told.contains("B-2"), "{told}");
    assert!(told.contains("incomplete") && told.contains("bulletin stage B-2"), "{told}");
    assert_eq!(world.package("B-1").await.summary.state, Some(VersionState::Staged));
    assert!(world.package("B-3").await.summary.weak, "pinned by SHA-1 only");
    assert!(world.bulletin("B-2").await.software_updates[0].package.is_none());
    assert_eq!(world.server.api().fetch(&world.address("B-1", "file-0.exe").await).await.body, world.files[0].bytes);

    let jobs: Page<serde_json::Value> = world.server.api().get("/api/v1/jobs?kind=adopt").await;
    let job = jobs.items[0]["id"].as_str().unwrap().to_owned();
    let csv = run(&["job", "items", &job, "--outcome", "foreign", "--csv"]).ok();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!((lines.len(), lines[0]), (2, "item,outcome,failed,reason"), "{csv}");
    let digest = patchwharf_testkit::payload::sha256(b"foreign").to_string();
    assert!(lines[1].starts_with("\"'=1+1\",foreign,no,") && lines[1].contains(&digest), "{csv}");
    // By the API all at once, too.
    let all = world.server.api().fetch(&format!("/api/v1/jobs/{job}/items?format=csv")).await;
    assert!(all.header("content-disposition").is_some_and(|name| name.contains(&format!("job-{job}.csv"))), "{all:?}");
    assert_eq!(all.text().lines().count(), 5, "{}", all.text());
    let foreign: Vec<ReportItem> =
        world.server.api().get(&format!("/api/v1/jobs/{job}/items?format=json&outcome=foreign")).await;
    assert_eq!(foreign.len(), 1, "{foreign:#?}");
    let detail: JobDetail = world.server.api().get(&format!("/api/v1/jobs/{job}")).await;
    assert_eq!(detail.report.unwrap().counts["files"], 4);
    // Every line is had page by page.
    let (mut all, mut path_of) = (Vec::new(), format!("/api/v1/jobs/{job}/items?limit=1"));
    loop {
        let page: Page<ReportItem> = world.server.api().get(&path_of).await;
        all.extend(page.items);
        let Some(next) = page.next else { break };
        path_of = format!("/api/v1/jobs/{job}/items?limit=1&cursor={next}");
    }
    assert_eq!(all.len(), 4, "{all:#?}");
    let audit: Page<AuditEntry> = world.server.api().get("/api/v1/audit?limit=100").await;
    assert!(audit.items.iter().any(|entry| entry.action == "package.switch"), "{audit:#?}");

    for (arguments, why) in [
        (vec!["location", "adopt", &path, "--trust", "nonsense"], "64 hexadecimal digits"),
        (vec!["location", "adopt", &path, "--link", "--copy"], "cannot be used with"),
    ] {
        let refused = run(&arguments);
        assert!(refused.code != Some(0) && refused.stderr.contains(why), "{refused:?}");
    }
    let missing = run(&["location", "adopt", &format!("{path}/nothing")]);
    assert!(missing.code == Some(1) && missing.stdout.contains("is not a folder"), "{missing:?}");
    let body = json!({ "path": "relative" });
    let answer = world.server.api().call(reqwest::Method::POST, "/api/v1/locations/adopt", Some(&body)).await;
    assert_eq!(answer.problem().code, "invalid-body");
    // What could not be read is a problem, and the rest is adopted all the same.
    let mut deep = usb.clone();
    (0..70).for_each(|_| deep.push("d"));
    std::fs::create_dir_all(&deep).unwrap();
    let look = run(&["location", "adopt", &path, "--dry-run"]);
    assert!(look.code == Some(1) && look.stdout.starts_with("adopt done: "), "{look:?}");
    let again = run(&["location", "adopt", &path]);
    assert!(again.code == Some(1) && again.stdout.contains("more folders than are entered"), "{again:?}");
    assert!(again.stdout.contains("2 packages were here already"), "{again:?}");
    assert!(again.stdout.contains("adopt done with problems: ") && !again.stdout.contains("adopt failed"), "{again:?}");
}
