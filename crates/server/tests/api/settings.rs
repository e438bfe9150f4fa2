//! What is set while the server runs counts at once, and passwords in it are never shown.

use patchwharf_model::api::{AuditEntry, Code, LogRecord, Page, Settings};
use patchwharf_testkit::{
    Payload, eventually_async,
    sdp::{Catalogue, Item, Update},
    server::DEADLINE,
};
use reqwest::Method;
use serde_json::json;

use crate::world::{World, done};

async fn value(world: &World, name: &str) -> String {
    let settings: Settings = world.server.api().get("/api/v1/settings").await;
    settings.settings.into_iter().find(|setting| setting.name == name).expect("the setting").value
}

#[tokio::test]
async fn custom_severities_are_those_of_the_list() {
    let world = World::new().await;
    let api = world.server.api();
    let give = |severity: &str| {
        let body = json!({ "of": { "bulletins": ["B-1"] }, "severity": severity });
        async move { api.call(Method::POST, "/api/v1/bulletins/severity", Some(&body)).await }
    };
    assert_eq!(give("whatever").await.status, 200, "without a list any name will do");
    assert_eq!(world.server.patchwharf(&["settings", "set", "severity.levels", "Urgent, This month"]).code, Some(0));
    let refused = give("whatever").await.problem();
    assert_eq!(refused.code, Code::InvalidBody.as_str());
    assert!(refused.detail.contains("Urgent, This month"), "{refused:?}");
    assert_eq!(give("urgent").await.status, 200);
    assert_eq!(world.bulletin("B-1").await.summary.custom_severity.as_deref(), Some("Urgent"), "as the list writes it");
    let twice = world.server.patchwharf(&["settings", "set", "severity.levels", "a, A"]);
    assert!(twice.code == Some(1) && twice.stderr.contains("stands twice"), "{twice:?}");
}

#[tokio::test]
async fn w_19_a_proxy_counts_at_once_and_its_password_is_shown_nowhere() {
    let world = World::new().await;
    let run = |arguments: &[&str]| world.server.patchwharf(arguments);
    // Nobody listens there.
    let set = run(&["settings", "set", "fetch.proxy", "http://anna:canary-word@127.0.0.1:9"]);
    assert!(set.code == Some(0) && set.stdout.contains("anna:***@127.0.0.1"), "{set:?}");
    assert!(!format!("{set:?}").contains("canary-word") && !run(&["settings", "show"]).ok().contains("canary-word"));
    let stage = world.server.api().run_job("/api/v1/bulletins/stage", &json!({ "bulletins": ["B-1"] })).await;
    assert_eq!(stage.job.state, patchwharf_model::job::JobState::Failed, "it went by the proxy: {stage:#?}");
    let stars = run(&["settings", "set", "fetch.proxy", "http://anna:***@127.0.0.1:9"]);
    assert!(stars.code == Some(1) && stars.stderr.contains("the password itself"), "{stars:?}");
    assert_eq!(run(&["settings", "set", "fetch.proxy", "off"]).code, Some(0));
    done(&world.server.api().run_job("/api/v1/bulletins/stage", &json!({ "bulletins": ["B-1"] })).await);

    let audit: Page<AuditEntry> = world.server.api().get("/api/v1/audit?action=setting.set&limit=100").await;
    let told = format!("{:?}", audit.items);
    assert!(told.contains("anna:***@") && !told.contains("canary-word"), "{told}");
    eventually_async("the log has the change", DEADLINE, || async {
        let records: Page<LogRecord> = world.server.api().get("/api/v1/logs?text=setting&limit=100").await;
        records.items.iter().any(|record| record.message.contains("setting changed")).then_some(())
    })
    .await;
    let all: Page<LogRecord> = world.server.api().get("/api/v1/logs?limit=1000").await;
    assert!(!format!("{all:?}").contains("canary-word"));
}

#[tokio::test]
async fn what_is_kept_is_not_cut_short_and_bandwidth_is_set_in_units() {
    let world = World::new().await;
    let run = |name: &str, value: &str| world.server.patchwharf(&["settings", "set", name, value]);
    for (name, bad, hint) in [
        ("retention.audit", "1d", "30d"),
        ("retention.jobs", "soon", "off"),
        ("log.keep", "off", "14d"),
        ("fetch.max-rate", "fast", "MiB"),
        ("feeds.languages", "en us", "pt-BR"),
    ] {
        let refused = run(name, bad);
        assert!(refused.code == Some(1) && refused.stderr.contains(hint), "{refused:?}");
    }
    for (name, good) in [("retention.audit", "365d"), ("packages.grace", "2d"), ("fetch.max-rate", "20MiB")] {
        assert_eq!(run(name, good).code, Some(0), "{name}");
        assert_eq!(value(&world, name).await, good);
    }
}

#[tokio::test]
async fn languages_choose_the_files_of_feeds_that_say_nothing_of_languages() {
    let world = World::new().await;
    let api = world.server.api();
    let item = |name: &str, languages: &[&str]| {
        let payload = Payload::random(name, 1_000);
        let path = format!("/files/{name}");
        world.vendor.publish(&path, &payload);
        let languages = languages.iter().map(|language| (*language).to_owned()).collect();
        Item { languages, ..Item::new(&payload, Some(world.vendor.url(&path))) }
    };
    let update =
        Update::new(7, "B-7").item(item("de.exe", &["de"])).item(item("en.exe", &["en"])).item(item("any.exe", &[]));
    world.vendor.publish("/catalogue.xml", Catalogue::new([update]).v1_xml());
    let import = async || {
        done(&api.run_job("/api/v1/feeds/vendor/import", &json!({ "confirm_shrink": true })).await);
        let update = world.bulletin("B-7").await.software_updates.remove(0);
        update.size_bytes
    };
    assert_eq!(import().await, 3_000);
    assert_eq!(world.server.patchwharf(&["settings", "set", "feeds.languages", "en*"]).code, Some(0));
    assert_eq!(import().await, 2_000, "the catalogue is read anew although it has not changed");
    let own = json!({ "rules": { "include": [{ "field": "language", "pattern": "de" }] } });
    assert_eq!(api.call(Method::PATCH, "/api/v1/feeds/vendor", Some(&own)).await.status, 200);
    let preview = api.run_job("/api/v1/feeds/vendor/preview", &json!({ "auto_stage": {} })).await;
    let counts = preview.report.expect("a report").counts;
    assert_eq!(
        (counts["files"], counts["bytes"], counts["staged-updates"], counts["staged-bytes"]),
        (2, 2_000, 1, 2_000)
    );
    assert_eq!(import().await, 2_000, "a feed's own rule counts alone");
}
