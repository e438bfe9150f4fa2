//! Deleting what nothing uses: over the API, on the command line, on both databases.

use patchwharf_model::{
    api::{AuditEntry, Code, Job, JobDetail, LogRecord, PackageSummary, Page, Settings},
    job::JobState,
};
use patchwharf_testkit::{
    Payload, Server, eventually_async,
    sdp::{Catalogue, Update},
    server::{DEADLINE, Setup},
    skipped,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{BINARY, World, done};

const PATH: &str = "/api/v1/store/delete-unused";

async fn packages(world: &World) -> Vec<PackageSummary> {
    let page: Page<PackageSummary> = world.server.api().get("/api/v1/packages?limit=100").await;
    page.items.into_iter().filter(|package| package.active).collect()
}

async fn rules_are_set_tried_and_followed(world: &World) {
    let api = world.server.api();
    let run = |arguments: &[&str]| world.server.patchwharf(arguments);
    let settings: Settings = api.get("/api/v1/settings").await;
    let rules: Vec<_> = settings.settings.iter().filter(|setting| setting.name.starts_with("unused.")).collect();
    assert!(rules.len() == 4 && rules.iter().all(|rule| rule.value == "off" && rule.default == "off"), "{rules:#?}");
    for (name, bad, hint) in [
        ("unused.superseded-after", "30", "14d"),
        ("unused.disabled-after", "never", "or off"),
        ("unused.without-policy-after", "1 month", "or off"),
        ("unused.by-the-clock", "yes", "on nor off"),
    ] {
        let refused = run(&["settings", "set", name, bad]);
        assert!(refused.code == Some(1) && refused.stderr.contains(hint), "{refused:?}");
    }
    let told = run(&["job", "run", "delete-unused"]);
    assert!(told.code == Some(0) && told.stdout.contains("every rule is off"), "{told:?}");

    let wish = json!({ "name": "servers", "of": { "bulletins": ["B-1"] }, "enabled": true });
    let _: Value = api.post("/api/v1/policies", &wish).await;
    assert_eq!(run(&["settings", "set", "unused.without-policy-after", "0s"]).code, Some(0));
    let dry = run(&["job", "run", "delete-unused", "--dry-run"]).ok();
    assert!(dry.contains("1 unused package would be deleted") && dry.contains("without-policy"), "{dry}");
    assert!(dry.contains("B-2 ") && dry.contains("40003 bytes; staged ") && !dry.contains("B-1 "), "{dry}");
    let off = run(&["job", "run", "delete-unused", "--without-policy-after", "off", "--disabled-after", "0s"]).ok();
    assert!(off.contains("no unused package was deleted"), "{off}");
    let check = run(&["job", "run", "integrity-check", "--delete-unused", "--dry-run"]).ok();
    assert!(check.contains("1 unused package would be deleted"), "{check}");
    assert_eq!(packages(world).await.len(), 2);

    let package = world.package("B-2").await.summary.id;
    let output = run(&["--json", "job", "run", "delete-unused"]).ok();
    let job: JobDetail = serde_json::from_str(&output).unwrap();
    done(&job);
    let report = job.report.as_ref().unwrap();
    assert_eq!((report.counts["deleted"], report.counts["unused-bytes"]), (1, 40_003), "{report:#?}");
    assert!(report.items[0].item.contains(&package.to_string()) && report.items[0].outcome == "deleted", "{report:#?}");
    let shown = run(&["job", "show", &job.job.id.to_string()]).ok();
    assert!(shown.contains("delete-unused done: 1 unused package deleted") && shown.contains("B-2 "), "{shown}");
    assert_eq!(packages(world).await.len(), 1);
    let audit: Page<AuditEntry> = api.get(&format!("/api/v1/audit?object=package%20{package}&limit=20")).await;
    let entry = audit.items.iter().find(|entry| entry.action == "package.delete").expect("it is on the audit trail");
    assert!(entry.before.as_deref().is_some_and(|before| before.contains("without-policy: 40003 bytes")), "{entry:#?}");
    let bulletin = world.bulletin("B-2").await.summary.id;
    eventually_async("the log names it", DEADLINE, || async {
        let records: Page<LogRecord> = api.get(&format!("/api/v1/logs?package={package}&limit=100")).await;
        let named = records.items.into_iter().find(|record| record.message.contains("deleted as unused"))?;
        assert_eq!(named.bulletin, Some(bulletin));
        Some(())
    })
    .await;
    let refused = api.call(Method::POST, PATH, Some(&json!({ "older_than": "3d" }))).await;
    assert_eq!(refused.problem().code, Code::InvalidBody.as_str());
    let refused = api.call(Method::POST, PATH, Some(&json!({ "disabled_after": "3 days ago" }))).await;
    assert_eq!(refused.problem().code, Code::InvalidBody.as_str());
    world.server.holds();
}

#[tokio::test]
async fn rules_are_set_tried_and_followed_on_sqlite() {
    rules_are_set_tried_and_followed(&World::staged().await).await;
}

#[tokio::test]
async fn rules_are_set_tried_and_followed_on_postgresql() {
    if !Setup::postgres_at_hand() {
        return skipped("PATCHWHARF_TEST_POSTGRES names no PostgreSQL");
    }
    let world = World::on(Server::setup(BINARY).on_postgres().start().await).await;
    world.stage(&["B-1", "B-2"]).await;
    rules_are_set_tried_and_followed(&world).await;
}

#[tokio::test]
async fn an_integrity_check_names_the_command_for_what_nothing_uses() {
    let world = World::staged().await;
    let run = |arguments: &[&str]| world.server.patchwharf(arguments);
    assert_eq!(run(&["bulletin", "disable", "B-2"]).code, Some(0));
    let job: JobDetail =
        serde_json::from_str(&run(&["--json", "job", "run", "integrity-check"]).ok()).expect("a job with its report");
    let findings = run(&["--json", "job", "findings", &job.job.id.to_string()]).ok();
    assert!(findings.contains("package-unused") && findings.contains("patchwharf job run delete-unused"), "{findings}");
    let dry = run(&["job", "run", "delete-unused", "--disabled-after", "0s", "--dry-run"]).ok();
    assert!(dry.contains("1 disabled") && dry.contains("its bulletin is disabled since"), "{dry}");
}

/// More than the buffers of a connection take.
const LONG: usize = 64 << 20;

#[tokio::test]
async fn what_a_running_download_reads_is_kept_and_the_download_ends_whole() {
    let world = World::new().await;
    let api = world.server.api();
    let file = Payload::random("long.exe", LONG);
    world.vendor.publish("/long.xml", Catalogue::new([Update::new(9, "B-9").payload(&world.vendor, &file)]).v1_xml());
    let source = json!({ "kind": "sdp", "url": world.vendor.url("/long.xml") });
    let feed: Value = api.post("/api/v1/feeds", &json!({ "name": "long", "source": source })).await;
    done(&api.run_job(&format!("/api/v1/feeds/{}/import", feed["id"].as_str().unwrap()), &json!({})).await);
    world.stage(&["B-9"]).await;
    let address = world.address("B-9", "long.exe").await;
    let download = api.request(Method::GET, &address).send().await.unwrap();
    let wish = json!({ "without_policy_after": "0s" });
    let kept = api.run_job(PATH, &wish).await;
    let line = &kept.report.as_ref().unwrap().items[0];
    assert!(line.outcome == "kept" && line.reason.contains("a download reads it now"), "{kept:#?}");
    assert_eq!(kept.job.state, JobState::Done);
    assert!(download.bytes().await.unwrap() == file.bytes, "the download has ended whole");
    eventually_async("it goes when nobody reads it", DEADLINE, || async {
        done(&api.run_job(PATH, &wish).await);
        packages(&world).await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_on_one_postgresql_delete_the_same_packages_at_once() {
    if !Setup::postgres_at_hand() {
        return skipped("PATCHWHARF_TEST_POSTGRES names no PostgreSQL");
    }
    let world = World::on(Server::setup(BINARY).on_postgres().start().await).await;
    let files: Vec<Payload> = (0..600).map(|n| Payload::random(format!("many-{n}.exe"), 100)).collect();
    let updates = (0..600).map(|n| Update::new(n as u64 + 10, &format!("M-{n}")).payload(&world.vendor, &files[n]));
    world.vendor.publish("/many.xml", Catalogue::new(updates.collect::<Vec<_>>()).v1_xml());
    let api = world.server.api();
    let source = json!({ "kind": "sdp", "url": world.vendor.url("/many.xml") });
    let feed: Value = api.post("/api/v1/feeds", &json!({ "name": "many", "source": source })).await;
    done(&api.run_job(&format!("/api/v1/feeds/{}/import", feed["id"].as_str().unwrap()), &json!({})).await);
    done(&api.run_job("/api/v1/bulletins/stage", &json!({ "filter": { "text": "M-" } })).await);
    assert_eq!(packages(&world).await.len(), 100, "a page of them");
    let other = Server::setup(BINARY)
        .env("PATCHWHARF_DATABASE", &world.server.database_url())
        .packages(&world.server.packages().canonicalize().unwrap())
        .config(patchwharf_testkit::server::TEST_CONFIG)
        .start()
        .await;
    // Two different requests: the same one twice would be one job.
    let one: Job = api.post(PATH, &json!({ "without_policy_after": "0s" })).await;
    let two: Job = other.api().post(PATH, &json!({ "without_policy_after": "0s", "also_supplied": true })).await;
    assert_ne!(one.id, two.id);
    let mut deleted = 0;
    for job in [one, two] {
        let ended = api.wait_for_job(job.id).await;
        assert_eq!(ended.job.state, JobState::Done, "{ended:#?}");
        deleted += ended.report.unwrap().counts.get("deleted").copied().unwrap_or(0);
    }
    assert_eq!(deleted, 600, "each package by one of them");
    assert!(packages(&world).await.is_empty());
    drop(other);
    world.server.holds();
}
