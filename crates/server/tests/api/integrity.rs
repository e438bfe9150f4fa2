//! The integrity check and its findings: over the API, on the command line, as JSON and as CSV.

use patchwharf_model::{
    api::{Finding, Job, JobDetail, Page},
    finding::{FindingKind, Outcome},
    job::JobState,
};
use patchwharf_testkit::{Server, server::Setup};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{BINARY, World, done};

const CHECK: &str = "/api/v1/store/integrity-check";

/// B-1 rotten, a stranger beside it whose name is a formula, and something at the root that is not ours.
async fn damaged(world: &World) -> std::path::PathBuf {
    let path = world.on_disk(&world.address("B-1", "file-0.exe").await);
    std::fs::write(&path, vec![7; 20_000]).unwrap();
    std::fs::write(path.with_file_name("=cmd.dll"), "planted").unwrap();
    std::fs::write(world.server.packages().join("holiday.jpg"), "mine").unwrap();
    path
}

async fn findings_are_listed_filtered_exported_and_mended(world: &World) {
    let api = world.server.api();
    let wish = json!({ "name": "servers", "of": { "bulletins": ["B-1"] }, "enabled": true });
    let _: Value = api.post("/api/v1/policies", &wish).await;
    let path = damaged(world).await;
    let job = api.run_job(CHECK, &json!({})).await;
    assert_eq!(job.job.state, JobState::Failed, "{job:#?}");
    let report = job.report.as_ref().unwrap();
    assert!(report.summary.contains("3 findings (1 damage, 1 danger, 1 leftover)"), "{}", report.summary);
    assert!(report.items[0].failed && report.items[0].outcome == "file-changed", "worst first: {:#?}", report.items);

    let address = format!("/api/v1/jobs/{}/findings", job.job.id);
    let page: Page<Finding> = api.get(&address).await;
    assert_eq!((page.total, page.items.len(), page.next), (Some(3), 3, None));
    let worst = &page.items[0];
    assert_eq!((worst.kind, worst.path.as_str()), (FindingKind::FileChanged, path.to_str().unwrap()));
    assert_eq!((worst.bulletin_name.as_str(), worst.policies.as_slice()), ("B-1", ["servers".to_owned()].as_slice()));
    let first: Page<Finding> = api.get(&format!("{address}?limit=1")).await;
    let second: Page<Finding> = api.get(&format!("{address}?limit=2&cursor={}", first.next.unwrap())).await;
    assert_eq!([&first.items[..], &second.items[..]].concat(), page.items);
    let danger: Page<Finding> = api.get(&format!("{address}?gravity=danger,leftover&text=CMD")).await;
    assert_eq!(danger.items.len(), 1, "{danger:#?}");
    let bad = api.call(Method::GET, &format!("{address}?kind=nonsense"), None).await;
    assert_eq!(bad.problem().code, "invalid-query");

    let json = api.fetch(&format!("{address}?format=json")).await;
    assert_eq!(serde_json::from_slice::<Vec<Finding>>(&json.body).unwrap(), page.items);
    let csv = api.fetch(&format!("{address}?format=csv&limit=1")).await;
    assert!(csv.header("content-type").unwrap().starts_with("text/csv"));
    assert!(csv.header("content-disposition").unwrap().contains(".csv"));
    let text = csv.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "a heading and everything, whatever the limit: {text}");
    assert!(lines[0].starts_with("gravity,kind,outcome,bulletin,"), "{text}");

    let mend = api.run_job(CHECK, &json!({ "of": { "bulletins": ["B-1"] }, "repair": true })).await;
    done(&mend);
    let page: Page<Finding> = api.get(&format!("/api/v1/jobs/{}/findings", mend.job.id)).await;
    assert_eq!(page.items.iter().map(|f| f.outcome).collect::<Vec<_>>(), [Outcome::Mended, Outcome::SetAside]);
    assert_eq!(api.fetch(&world.address("B-1", "file-0.exe").await).await.body, world.files[0].bytes);
}

#[tokio::test]
async fn findings_are_listed_filtered_exported_and_mended_on_sqlite() {
    findings_are_listed_filtered_exported_and_mended(&World::staged().await).await;
}

#[tokio::test]
async fn findings_are_listed_filtered_exported_and_mended_on_postgresql() {
    if !Setup::postgres_at_hand() {
        return patchwharf_testkit::skipped("PATCHWHARF_TEST_POSTGRES names no PostgreSQL");
    }
    let world = World::on(Server::setup(BINARY).on_postgres().start().await).await;
    world.stage(&["B-1", "B-2"]).await;
    findings_are_listed_filtered_exported_and_mended(&world).await;
}

#[tokio::test]
async fn w_11_a_name_on_disk_is_no_formula_in_the_export() {
    let world = World::staged().await;
    std::fs::write(world.server.packages().join("=cmd|' -C calc'!A0"), "mine").unwrap();
    let job = world.server.api().run_job(CHECK, &json!({})).await;
    let csv = world.server.api().fetch(&format!("/api/v1/jobs/{}/findings?format=csv", job.job.id)).await.text();
    // It stands behind its folder; nothing in a cell of its own begins with it.
    assert!(csv.contains("=cmd") && !csv.contains(",=") && !csv.contains(",\"="), "{csv}");
}

#[tokio::test]
async fn what_does_not_go_together_is_refused() {
    let world = World::staged().await;
    let api = world.server.api();
    for (wish, status) in [
        (json!({ "light": true, "past_cache": true }), 422),
        (json!({ "dry_run": true }), 422),
        (json!({ "link": true }), 422),
        (json!({ "max_bytes_per_second": 0 }), 422),
        (json!({ "only_between": "night" }), 422),
        (json!({ "lite": true }), 422),
        (json!({ "location": "/nowhere" }), 404),
        (json!({ "of": { "bulletins": ["B-77"] } }), 404),
        (json!({ "of": {} }), 422),
    ] {
        let answer = api.call(Method::POST, CHECK, Some(&wish)).await;
        assert_eq!(answer.status, status, "{wish}: {}", answer.text());
    }
    let here: Job = api.post(CHECK, &json!({ "location": world.server.packages().to_str().unwrap() })).await;
    done(&api.wait_for_job(here.id).await);
    let none = api.call(Method::GET, "/api/v1/jobs/0190c2a4-9d0a-7d6b-8f00-000000000000/findings", None).await;
    assert_eq!(none.status, 404);
}

#[tokio::test]
async fn the_check_runs_and_its_findings_are_read_on_the_command_line() {
    let world = World::staged().await;
    let run = |arguments: &[&str]| world.server.patchwharf(arguments);
    assert_eq!(run(&["job", "run", "integrity-check"]).code, Some(0));
    damaged(&world).await;
    let dry = run(&["job", "run", "integrity-check", "--repair", "--dry-run"]);
    assert_eq!(dry.code, Some(1), "findings remain: {dry:?}");
    assert!(dry.stdout.contains("dry run") && dry.stdout.contains("planned"), "{dry:?}");
    let check = run(&["job", "run", "integrity-check", "--max-rate", "1GiB"]);
    assert_eq!(check.code, Some(1), "{check:?}");
    for part in ["damage", "file-changed", "B-1", "file-extra", "holiday.jpg", "patchwharf job findings "] {
        assert!(check.stdout.contains(part), "{part}: {check:?}");
    }
    let worst = check.stdout.find("file-changed").unwrap();
    assert!(worst < check.stdout.find("file-extra").unwrap(), "worst first: {}", check.stdout);
    let id = check.stdout.split("patchwharf job findings ").nth(1).unwrap().split('`').next().unwrap().to_owned();
    assert!(run(&["job", "show", &id]).ok().contains("file-changed"));
    let told = run(&["job", "findings", &id, "--gravity", "damage"]).ok();
    assert!(told.contains("expected") && told.contains("SHA-256") && told.contains("--repair"), "{told}");
    assert!(!told.contains("holiday.jpg"), "{told}");
    let json: Vec<Finding> = serde_json::from_str(&run(&["--json", "job", "findings", &id]).ok()).unwrap();
    assert_eq!(json.len(), 3);
    assert_eq!(run(&["job", "findings", &id, "--csv"]).ok().lines().count(), 4);
    let detail: JobDetail = serde_json::from_str(&run(&["--json", "job", "show", &id]).ok()).unwrap();
    assert_eq!(detail.report.unwrap().counts["file-changed"], 1);

    // The command that a finding names runs as it is printed, and mends.
    let command = told.lines().find_map(|line| line.strip_prefix("command")).unwrap().trim();
    let ran = std::process::Command::new("sh").args(["-c", command]).output().unwrap();
    assert!(ran.status.success(), "{command}: {ran:?}");
    assert_eq!(run(&["job", "run", "integrity-check", "--bulletin", "B-1", "--repair"]).code, Some(0));
    std::fs::remove_file(world.server.packages().join("holiday.jpg")).unwrap();
    let whole = run(&["job", "run", "integrity-check"]);
    assert_eq!(whole.code, Some(0));
    let jobs: Page<Job> = world.server.api().get("/api/v1/jobs?kind=integrity-check&limit=1").await;
    let none = run(&["job", "findings", &jobs.items[0].id.to_string(), "--kind", "folder-twice"]);
    assert!(none.ok().contains("no findings"));
    assert_eq!(run(&["job", "run", "integrity-check", "--light"]).code, Some(0));
    assert_eq!(run(&["job", "run", "integrity-check", "--only-between", "25:00-26:00"]).code, Some(2));
}

#[tokio::test]
async fn the_settings_of_checks_by_the_clock_are_shown_and_set() {
    let world = World::new().await;
    let settings: Value = world.server.api().get("/api/v1/settings").await;
    assert_eq!(settings["config"]["integrity"]["light-every"], "1h");
    assert_eq!(settings["config"]["integrity"]["full-every"], "7d");
    assert_eq!(settings["config"]["integrity"]["only-between"], Value::Null);
    let run = |arguments: &[&str]| world.server.patchwharf(arguments);
    for (name, value, bad) in [
        ("light-every", "30m", "1s"),
        ("full-every", "30d", "soon"),
        ("max-rate", "50MiB", "fast"),
        ("only-between", "22:00-05:00", "night"),
    ] {
        let name = format!("integrity.{name}");
        assert!(run(&["settings", "set", &name, value]).ok().contains(value), "{name}");
        assert_ne!(run(&["settings", "set", &name, bad]).code, Some(0), "{name}");
    }
    let settings: Value = world.server.api().get("/api/v1/settings").await;
    let integrity = &settings["config"]["integrity"];
    assert_eq!((&integrity["light-every"], &integrity["full-every"]), (&json!("30m"), &json!("30d")));
    assert_eq!(integrity["only-between"], "22:00-05:00");
    let shown = run(&["settings", "show"]).ok();
    assert!(shown.contains("50MiB"), "{shown}");
}
