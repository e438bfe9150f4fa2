//! Health and metrics.

use patchwharf_model::api::{Health, Settings};
use patchwharf_testkit::{
    Server, damage_table, eventually_async,
    server::{Client, DEADLINE},
};

use crate::world::{BINARY, World};

#[tokio::test]
async fn health_says_whether_database_and_locations_are_well() {
    let server = Server::start(BINARY).await;
    let anonymous = Client::anonymous(&server.url(""));
    let health: Health = anonymous.get("/healthz").await;
    assert_eq!(health.status, "ok");
    assert!(health.checks.iter().any(|check| check.name == "database" && check.ok));
    assert!(health.checks.iter().any(|check| check.name.starts_with("location ") && check.ok));
    std::fs::rename(server.packages(), server.data().join("elsewhere")).unwrap();
    let answer = anonymous.fetch("/healthz").await;
    assert_eq!(answer.status, 503);
    assert!(!answer.text().contains(&server.data().display().to_string()), "it names a path: {}", answer.text());
}

#[tokio::test]
async fn metrics_are_for_the_machine_itself_and_count_requests() {
    let server = Server::start(BINARY).await;
    let anonymous = Client::anonymous(&server.url(""));
    let _ = server.api().fetch("/api/v1/jobs").await;
    let text = anonymous.fetch("/metrics").await.text();
    assert!(text.contains("patchwharf_http_requests_total{route=\"/api/v1/jobs\",status=\"200\"}"), "{text}");
    let proxied = anonymous.request(reqwest::Method::GET, "/metrics").header("x-forwarded-for", "192.0.2.1");
    assert_eq!(anonymous.send(proxied).await.unwrap().status, 401);
}

#[tokio::test]
async fn metrics_count_packages_by_state() {
    let world = World::staged().await;
    let anonymous = Client::anonymous(&world.server.url(""));
    let line = |state: &str, packages: u32| format!("patchwharf_packages{{state=\"{state}\"}} {packages}\n");
    let text = anonymous.fetch("/metrics").await.text();
    assert!(text.contains(&line("staged", 2)) && text.contains(&line("corrupt", 0)), "{text}");
    std::fs::write(world.on_disk(&world.address("B-1", "file-0.exe").await), "rotten").unwrap();
    let _ = world.server.api().run_job("/api/v1/packages/verify", &serde_json::json!({ "all": true })).await;
    // Counts that took long are given again for a while.
    eventually_async("the counts are those of now", DEADLINE, || async {
        let text = anonymous.fetch("/metrics").await.text();
        (text.contains(&line("staged", 1)) && text.contains(&line("corrupt", 1))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn settings_show_what_is_in_force_without_secrets() {
    let server = Server::setup(BINARY).env("PATCHWHARF_PROXY", "http://user:s3cret@127.0.0.1:9/").start().await;
    let answer = server.api().fetch("/api/v1/settings").await;
    let text = answer.text();
    assert!(!text.contains("s3cret"), "{text}");
    let settings: Settings = answer.ok();
    assert_eq!(settings.locations.len(), 1);
    assert!(settings.locations[0].is_default && settings.locations[0].free_bytes.is_some());
    assert_eq!(settings.manifest_key.len(), 64);
}

#[tokio::test]
async fn c_12_with_a_damaged_database_packages_are_served_and_nothing_is_changed() {
    let mut world = World::staged().await;
    let address = world.address("B-1", "file-0.exe").await;
    assert_eq!(world.server.terminate(), Some(0));
    world.server.holds();
    damage_table(&world.server.data().join("patchwharf.db"), "audit").await;
    world.server.restart().await;

    let file = world.server.api().fetch(&address).await;
    assert_eq!((file.status, file.body == world.files[0].bytes), (200, true));
    let health = Client::anonymous(&world.server.url("")).fetch("/healthz").await;
    assert!(health.status == 503 && health.text().contains("damaged"), "{}", health.text());
    let body = serde_json::json!({ "bulletins": ["B-1"] });
    let answer = world.server.api().call(reqwest::Method::POST, "/api/v1/bulletins/stage", Some(&body)).await;
    assert_eq!(answer.header("retry-after"), None, "trying again does not help");
    let problem = answer.problem();
    assert_eq!(problem.code, "read-only");
    assert!(problem.detail.contains("backup"), "{}", problem.detail);
    let fsck = world.server.patchwharf(&["fsck"]);
    assert_ne!(fsck.code, Some(0), "the independent checker sees the damage as well: {fsck:?}");
}
