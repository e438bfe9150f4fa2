//! Bulletins.

use patchwharf_model::api::{AuditEntry, BulletinChange, BulletinPreview, BulletinSummary, Page, Refers};
use patchwharf_testkit::{Payload, eventually_async, server::DEADLINE};
use reqwest::Method;
use serde_json::json;

use crate::world::{World, done};

#[tokio::test]
async fn bulletins_are_listed_filtered_sorted_and_paged_by_key() {
    let world = World::new().await;
    let api = world.server.api();
    let names = async |query: &str| -> Vec<String> {
        let page: Page<BulletinSummary> = api.get(&format!("/api/v1/bulletins?{query}")).await;
        page.items.into_iter().map(|row| row.name).collect()
    };
    assert_eq!(names("sort=name&order=descending").await, ["B-3", "B-2", "B-1"]);
    assert_eq!(names("severity=critical").await, ["B-1"]);
    assert_eq!(names("cve=CVE-2026-0002").await, ["B-2"]);
    assert_eq!(names("kb=3").await, ["B-3"]);
    assert_eq!(names("kb=KB3").await, ["B-3"]);
    assert_eq!(names("vendor=example%20corp").await.len(), 3);
    assert_eq!(names("text=cve-2026-0002%20HOLE").await, ["B-2"]);
    assert_eq!(names("state=downloaded").await, Vec::<String>::new());
    assert_eq!(names("state=current,not-downloaded,enabled").await.len(), 3);
    assert_eq!(names("revised_before=2020-01-01T00:00:00Z").await, Vec::<String>::new());

    let first: Page<BulletinSummary> = api.get("/api/v1/bulletins?limit=2").await;
    assert_eq!((first.items.len(), first.total), (2, Some(3)));
    let rest: Page<BulletinSummary> =
        api.get(&format!("/api/v1/bulletins?limit=2&cursor={}", first.next.unwrap())).await;
    assert_eq!((rest.items[0].name.as_str(), rest.items.len(), rest.next), ("B-3", 1, None));
}

#[tokio::test]
async fn disabling_and_rating_survive_the_next_import() {
    let world = World::new().await;
    let api = world.server.api();
    let change: BulletinChange =
        api.post("/api/v1/bulletins/disable", &json!({ "bulletins": ["B-1", "vendor/B-2"] })).await;
    assert_eq!((change.chosen, change.changed), (2, 2));
    let again: BulletinChange = api.post("/api/v1/bulletins/disable", &json!({ "bulletins": ["b-1"] })).await;
    assert_eq!((again.chosen, again.changed), (1, 0));
    let rate = json!({ "of": { "filter": { "severity": "critical" } }, "severity": "this week" });
    let change: BulletinChange = api.post("/api/v1/bulletins/severity", &rate).await;
    assert_eq!(change.changed, 1);
    done(&api.run_job("/api/v1/feeds/vendor/import", &json!({})).await);
    let bulletin = world.bulletin("B-1").await.summary;
    assert_eq!((bulletin.enabled, bulletin.custom_severity.as_deref()), (false, Some("this week")));
    let change: BulletinChange = api.post("/api/v1/bulletins/enable", &json!({ "filter": {} })).await;
    assert_eq!((change.chosen, change.changed), (3, 2));
}

#[tokio::test]
async fn a_choice_must_choose_something() {
    let world = World::new().await;
    let api = world.server.api();
    for (body, code) in [
        (json!({}), "nothing-selected"),
        (json!({ "filter": { "cve": "CVE-1999-0001" } }), "nothing-selected"),
        (json!({ "bulletins": ["B-1"], "filter": {} }), "invalid-body"),
        (json!({ "bulletins": ["B-9"] }), "not-found"),
    ] {
        let problem = api.call(Method::POST, "/api/v1/bulletins/stage", Some(&body)).await.problem();
        assert_eq!(problem.code, code, "{body}: {}", problem.detail);
    }
}

#[tokio::test]
async fn staging_makes_a_bulletin_downloaded_and_says_what_refers_to_it() {
    let world = World::staged().await;
    let api = world.server.api();
    let bulletin = world.bulletin("B-2").await;
    assert!(bulletin.summary.downloaded && bulletin.summary.oldest_proof_at.is_some());
    assert_eq!(bulletin.software_updates[0].files, 2);
    assert!(!world.bulletin("B-3").await.summary.downloaded);
    let wish = json!({ "name": "servers", "of": { "bulletins": ["B-2"] }, "enabled": true });
    let _: serde_json::Value = api.post("/api/v1/policies", &wish).await;
    let refers: Refers = api.get("/api/v1/bulletins/B-2/refers").await;
    assert_eq!(refers.policies[0].name, "servers");
    assert_eq!(refers.packages, [bulletin.software_updates[0].package.unwrap()]);
    assert_eq!(world.bulletin("B-2").await.summary.policies, 1);
}

#[tokio::test]
async fn a_preview_counts_what_an_action_touches_and_its_number_can_be_held_to() {
    let world = World::new().await;
    world.stage(&["B-1"]).await;
    let api = world.server.api();
    let policy = json!({ "name": "servers", "of": { "bulletins": ["B-1"] } });
    let _: serde_json::Value = api.post("/api/v1/policies", &policy).await;
    let preview: BulletinPreview = api.post("/api/v1/bulletins/preview", &json!({ "filter": {} })).await;
    assert_eq!((preview.bulletins, preview.names), (3, vec!["B-1".to_owned(), "B-2".to_owned(), "B-3".to_owned()]));
    assert_eq!(preview.policies.iter().map(|policy| policy.name.as_str()).collect::<Vec<_>>(), ["servers"]);
    let sizes: Vec<u64> = world.files.iter().map(Payload::size_bytes).collect();
    assert_eq!((preview.updates, preview.size_bytes), (3, sizes.iter().sum()));
    assert_eq!((preview.missing, preview.missing_bytes), (2, sizes[1..].iter().sum()));
    let of = json!({ "bulletins": ["B-1"] });
    let preview: BulletinPreview = api.post("/api/v1/bulletins/preview", &of).await;
    assert_eq!((preview.bulletins, preview.missing, preview.missing_bytes), (1, 0, 0));

    // What was three bulletins when it was looked at is not done to any other number.
    let other = json!({ "filter": { "severity": "critical" }, "confirm": 3 });
    for path in ["stage", "disable", "recreate"] {
        let problem = api.call(Method::POST, &format!("/api/v1/bulletins/{path}"), Some(&other)).await.problem();
        assert_eq!((problem.status, problem.code.as_str()), (409, "confirmation-needed"), "{path}");
    }
    assert!(world.bulletin("B-1").await.summary.enabled);
    let right = json!({ "filter": { "severity": "critical" }, "confirm": 1 });
    let change: BulletinChange = api.post("/api/v1/bulletins/disable", &right).await;
    assert_eq!(change.changed, 1);
}

#[tokio::test]
async fn a_row_says_what_is_wrong_with_it_and_how_its_description_begins() {
    let world = World::staged().await;
    let api = world.server.api();
    let row = async |name: &str| -> BulletinSummary {
        let page: Page<BulletinSummary> = api.get("/api/v1/bulletins?sort=name").await;
        page.items.into_iter().find(|row| row.name == name).unwrap()
    };
    let whole = row("B-1").await;
    assert_eq!((whole.excerpt.as_str(), whole.trouble), ("Update 1 closes a hole & mends <things>.", None));
    let file = world.on_disk(&world.address("B-1", "file-0.exe").await);
    std::fs::write(&file, "broken").unwrap();
    let package = world.package("B-1").await.summary.id;
    api.run_job("/api/v1/packages/verify", &json!({ "packages": [package] })).await;
    let trouble = row("B-1").await.trouble.unwrap();
    assert_eq!((trouble.package, trouble.unproved), (package, false));
    assert!(trouble.reason.contains("file-0.exe"), "{}", trouble.reason);
    assert_eq!(world.bulletin("B-1").await.summary.trouble.unwrap().reason, trouble.reason);
    assert_eq!(row("B-2").await.trouble, None);
    assert!(
        world.server.patchwharf(&["bulletin", "show", "B-1"]).ok().contains(&trouble.reason),
        "the command says it too"
    );
}

#[tokio::test]
async fn what_was_changed_of_a_bulletin_includes_its_packages_those_that_are_deleted_too() {
    let world = World::staged().await;
    let api = world.server.api();
    let first = world.package("B-1").await.summary.id;
    let other = world.package("B-2").await.summary.id;
    let _: BulletinChange = api.post("/api/v1/bulletins/disable", &json!({ "bulletins": ["B-1"] })).await;
    done(&api.run_job("/api/v1/packages/delete", &json!({ "of": { "packages": [first] } })).await);
    done(&api.run_job("/api/v1/packages/delete", &json!({ "of": { "packages": [other] } })).await);
    let changes = eventually_async("the log knows the package", DEADLINE, || async {
        let page: Page<AuditEntry> = api.get("/api/v1/audit?bulletin=B-1&limit=1000").await;
        page.items.iter().any(|entry| entry.action == "package.delete").then_some(page.items)
    })
    .await;
    let id = world.bulletin("B-1").await.summary.id;
    let objects = [format!("bulletin {id}"), format!("package {first}")];
    assert!(changes.iter().all(|entry| objects.contains(&entry.object)), "{changes:?}");
    for action in ["bulletin.disable", "package.switch", "package.delete"] {
        assert!(changes.iter().any(|entry| entry.action == action), "{action}: {changes:?}");
    }
    let both = api.fetch("/api/v1/audit?bulletin=B-1&object=feed").await.problem();
    assert_eq!(both.code, "invalid-query");
    assert_eq!(api.fetch("/api/v1/audit?bulletin=B-9").await.problem().code, "not-found");
    let csv = api.fetch("/api/v1/audit?bulletin=B-1&format=csv").await.text();
    assert!(csv.contains("package.delete") && !csv.contains(&other.to_string()), "{csv}");
    let listed = world.server.patchwharf(&["audit", "list", "--bulletin", "B-1"]).ok();
    assert!(listed.contains("package.delete") && !listed.contains(&other.to_string()), "{listed}");
}
