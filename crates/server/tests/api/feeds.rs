//! Feeds.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use patchwharf_model::api::{AuditEntry, Feed, Page};
use patchwharf_testkit::{
    Server,
    apt::{Key, KeyKind},
};
use reqwest::Method;
use serde_json::json;

use crate::world::{BINARY, World, done};

#[tokio::test]
async fn a_feed_is_added_changed_and_removed_and_each_is_audited() {
    let server = Server::start(BINARY).await;
    let api = server.api();
    let wish = json!({ "name": "hp", "source": { "kind": "sdp", "url": "https://example.org/c.cab" },
        "rules": { "include": [{ "field": "vendor", "pattern": "HP" }] } });
    let created = api.call(Method::POST, "/api/v1/feeds", Some(&wish)).await;
    assert_eq!(created.status, 201);
    let place = created.header("location").unwrap().to_owned();
    let feed: Feed = created.ok();
    assert_eq!(place, format!("/api/v1/feeds/{}", feed.id));
    assert_eq!((feed.accept_sha1, feed.schedule_minutes, feed.bulletins), (false, None, Some(0)));
    let again = api.call(Method::POST, "/api/v1/feeds", Some(&wish)).await.problem();
    assert_eq!((again.status, again.code.as_str()), (409, "name-taken"), "{}", again.detail);

    let patch = json!({ "accept_sha1": true, "schedule_minutes": 60, "auto_stage": {} });
    let feed: Feed = api.call(Method::PATCH, "/api/v1/feeds/hp", Some(&patch)).await.ok();
    assert_eq!((feed.accept_sha1, feed.schedule_minutes), (true, Some(60)));
    assert!(feed.auto_stage.is_some() && !feed.rules.is_empty());
    let patch = json!({ "schedule_minutes": null, "auto_stage": null });
    let feed: Feed = api.call(Method::PATCH, "/api/v1/feeds/hp", Some(&patch)).await.ok();
    assert_eq!((feed.accept_sha1, feed.schedule_minutes, feed.auto_stage), (true, None, None));

    assert_eq!(api.call(Method::DELETE, "/api/v1/feeds/hp", None).await.status, 204);
    assert_eq!(api.fetch("/api/v1/feeds/hp").await.problem().code, "not-found");
    let audit: Page<AuditEntry> = api.get(&format!("/api/v1/audit?object=feed%20{}", feed.id)).await;
    let actions: Vec<_> = audit.items.iter().map(|entry| entry.action.as_str()).collect();
    assert!(actions.contains(&"feed.accept-sha1") && actions.len() >= 4, "{actions:?}");
    assert!(audit.items.iter().all(|entry| entry.actor == "admin" && entry.source == "api 127.0.0.1 data folder"));
}

#[tokio::test]
async fn a_keyring_is_kept_but_not_shown() {
    let server = Server::start(BINARY).await;
    let api = server.api();
    let keyring = STANDARD.encode(Key::generate(KeyKind::Ed25519).keyring());
    let source = json!({ "kind": "apt", "url": "https://example.org/debian", "suite": "stable", "components": ["main"],
        "architectures": ["amd64"], "keyring": keyring });
    let made = api.call(Method::POST, "/api/v1/feeds", Some(&json!({ "name": "deb", "source": source }))).await;
    assert!(!made.text().contains(&keyring), "{}", made.text());
    assert_eq!(made.status, 201, "{}", made.text());
    let mut shown: serde_json::Value = api.get("/api/v1/feeds/deb").await;
    shown["source"]["suite"] = "testing".into();
    let patch = json!({ "source": shown["source"] });
    let feed: Feed = api.call(Method::PATCH, "/api/v1/feeds/deb", Some(&patch)).await.ok();
    assert_eq!(feed.source.kind(), "apt");

    let mut junk = source.clone();
    junk["keyring"] = STANDARD.encode("no keyring at all").into();
    let refused = api.call(Method::POST, "/api/v1/feeds", Some(&json!({ "name": "junk", "source": junk }))).await;
    let problem = refused.problem();
    assert!(problem.code == "invalid-body" && problem.detail.contains("gpg --export"), "{}", problem.detail);
    let nowhere = json!({ "name": "nowhere", "source": { "kind": "sdp", "url": "/nowhere/catalogue.cab" } });
    let problem = api.call(Method::POST, "/api/v1/feeds", Some(&nowhere)).await.problem();
    assert!(problem.detail.contains("/nowhere/catalogue.cab"), "{}", problem.detail);
}

#[tokio::test]
async fn an_import_brings_bulletins_and_the_same_catalogue_changes_nothing() {
    let world = World::new().await;
    let api = world.server.api();
    let feed: Feed = api.get("/api/v1/feeds/vendor").await;
    assert_eq!(feed.bulletins, Some(3));
    assert!(feed.last_import_at.is_some() && feed.last_error.is_empty());
    let again = api.run_job("/api/v1/feeds/vendor/import", &json!({})).await;
    done(&again);
    let names: Page<serde_json::Value> = api.get("/api/v1/bulletins").await;
    let names: Vec<_> = names.items.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["B-1", "B-2", "B-3"]);
}

#[tokio::test]
async fn rules_are_previewed_without_changing_anything() {
    let world = World::new().await;
    let rules = json!({ "rules": { "include": [{ "field": "severity", "pattern": ">=critical" }] } });
    let preview = world.server.api().run_job("/api/v1/feeds/vendor/preview", &rules).await;
    done(&preview);
    let counts = preview.report.unwrap().counts;
    assert_eq!((counts["updates"], counts["bulletins"], counts["files"]), (1, 1, 1), "{counts:?}");
    assert_eq!(counts["bytes"], world.files[0].size_bytes());
    let feed: Feed = world.server.api().get("/api/v1/feeds/vendor").await;
    assert!(feed.rules.is_empty());
}

#[tokio::test]
async fn a_feed_with_packages_is_removed_only_when_told_what_becomes_of_them() {
    let world = World::staged().await;
    let api = world.server.api();
    let refused = api.call(Method::DELETE, "/api/v1/feeds/vendor", None).await.problem();
    assert_eq!((refused.status, refused.code.as_str()), (409, "still-needed"), "{}", refused.detail);
    let purge = api.call(Method::DELETE, "/api/v1/feeds/vendor?packages=purge", None).await;
    assert_eq!(purge.status, 202, "{}", purge.text());
    let job: patchwharf_model::api::Job = purge.ok();
    done(&api.wait_for_job(job.id).await);
    assert_eq!(api.call(Method::DELETE, "/api/v1/feeds/vendor?packages=purge", None).await.status, 204);
    let left: Page<serde_json::Value> = api.get("/api/v1/packages?replaced=true").await;
    assert!(left.items.is_empty(), "{left:?}");
}
