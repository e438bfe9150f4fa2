//! Packages.

use futures_util::{StreamExt as _, stream};
use patchwharf_model::{
    api::{DeletionPreview, Job, PackageSummary, Page, StoreHistory, StoreTotals},
    job::JobState,
    package::VersionState,
};
use patchwharf_testkit::{
    eventually_async,
    sdp::{Catalogue, Item, Update},
    server::DEADLINE,
};
use reqwest::Method;
use serde_json::json;

use crate::world::{World, done};

#[tokio::test]
async fn a_package_shows_versions_files_digests_and_proofs() {
    let world = World::staged().await;
    world.stage(&["B-3"]).await;
    let package = world.package("B-2").await;
    assert_eq!(package.summary.state, Some(VersionState::Staged));
    assert!(!package.summary.weak && package.summary.verified_at.is_some());
    let files = &package.versions[0].files;
    assert_eq!(files.len(), 2);
    assert_eq!(files[0].sha256, Some(world.files[1].sha256()));
    assert!(std::path::Path::new(&package.versions[0].path).join(files[0].name.as_str()).is_file());
    let staged: Page<PackageSummary> = world.server.api().get("/api/v1/packages?state=staged&weak=false").await;
    assert_eq!(staged.items.len(), 2);
}

#[tokio::test]
async fn a_damaged_package_says_when_it_was_looked_at_last() {
    let world = World::staged().await;
    let before = world.package("B-1").await.summary;
    let path = world.on_disk(&world.address("B-1", "file-0.exe").await);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    for _ in 0..2 {
        let earlier = patchwharf_model::Timestamp::now();
        let verify = world.server.api().run_job("/api/v1/packages/verify", &json!({ "packages": [before.id] })).await;
        assert_eq!(verify.job.state, JobState::Failed, "{verify:?}");
        let package = world.package("B-1").await;
        assert_eq!(package.summary.state, Some(VersionState::Corrupt));
        assert!(package.summary.verified_at > Some(earlier), "{:?}", package.summary);
        let file = &package.versions[0].files[0];
        assert_eq!(file.verified_at, package.summary.verified_at);
    }
    // It sorts by what it shows.
    let sorted: Page<PackageSummary> = world.server.api().get("/api/v1/packages?sort=verified&order=descending").await;
    assert_eq!(sorted.items[0].id, before.id);
    assert!(sorted.items.is_sorted_by_key(|package| std::cmp::Reverse(package.verified_at)));
    world.server.holds();
}

#[tokio::test]
async fn v_18_a_package_that_the_vendor_pins_by_sha1_only_is_weak_and_gets_a_sha256_of_ours() {
    let world = World::staged().await;
    world.stage(&["B-3"]).await;
    let weak = world.package("B-3").await;
    assert!(weak.summary.weak, "vendor digest SHA-1 only");
    assert_eq!(weak.versions[0].files[0].sha256, Some(world.files[3].sha256()));
    let staged: Page<PackageSummary> = world.server.api().get("/api/v1/packages?state=staged&weak=true").await;
    assert_eq!(staged.items.iter().map(|package| package.id).collect::<Vec<_>>(), [weak.summary.id]);
    world.server.holds();
}

#[tokio::test]
async fn the_same_data_is_counted_once_and_said_to_be_the_same() {
    let world = World::new().await;
    let api = world.server.api();
    let twin = &world.files[0];
    let catalogue = Catalogue::new([
        Update::new(7, "B-7").payload(&world.vendor, twin),
        Update::new(8, "B-8").payload(&world.vendor, twin),
    ]);
    world.vendor.publish("/catalogue.xml", catalogue.v1_xml());
    done(&api.run_job("/api/v1/feeds/vendor/import", &json!({ "confirm_shrink": true })).await);
    world.stage(&["B-7"]).await;
    world.stage(&["B-8"]).await;
    let totals: StoreTotals = api.get("/api/v1/store").await;
    assert_eq!((totals.packages, totals.files, totals.size_bytes), (2, 2, 2 * twin.size_bytes()));
    let file = world.package("B-8").await.versions[0].files[0].clone();
    assert_eq!((file.same_data, totals.disk_bytes), (1, twin.size_bytes()), "one download, one copy on disk");
}

#[tokio::test]
async fn verify_names_file_expected_and_found_digest() {
    let world = World::staged().await;
    let address = world.address("B-1", "file-0.exe").await;
    std::fs::write(world.on_disk(&address), vec![7; 20_000]).unwrap();
    let verify = world.server.api().run_job("/api/v1/packages/verify", &json!({ "all": true })).await;
    assert_eq!(verify.job.state, JobState::Failed);
    let report = verify.report.unwrap();
    let failed: Vec<_> = report.items.iter().filter(|item| item.failed).collect();
    let text = serde_json::to_string(&failed).unwrap();
    assert!(text.contains("file-0.exe") && text.contains(&world.files[0].sha256().to_string()), "{text}");
    assert_eq!(world.package("B-1").await.summary.state, Some(VersionState::Corrupt));
    let damaged: Page<serde_json::Value> = world.server.api().get("/api/v1/bulletins?state=damaged").await;
    assert_eq!(damaged.items.len(), 1);
    done(
        &world
            .server
            .api()
            .run_job("/api/v1/bulletins/refresh", &json!({ "of": { "filter": { "state": "damaged" } } }))
            .await,
    );
    let mended = world.package("B-1").await.summary;
    assert_eq!((mended.state, mended.current_version), (Some(VersionState::Staged), Some(2)));
}

#[tokio::test]
async fn d_02_a_package_that_a_policy_needs_is_deleted_only_although_needed() {
    let world = World::staged().await;
    let api = world.server.api();
    let id = world.package("B-1").await.summary.id;
    let wish = json!({ "name": "servers", "of": { "bulletins": ["B-1"] }, "enabled": true });
    let _: serde_json::Value = api.post("/api/v1/policies", &wish).await;
    let delete = json!({ "of": { "packages": [id] } });
    let refused = api.call(Method::POST, "/api/v1/packages/delete", Some(&delete)).await.problem();
    assert_eq!((refused.status, refused.code.as_str()), (409, "still-needed"));
    assert_eq!(refused.refers.unwrap().policies[0].name, "servers");
    let delete = json!({ "of": { "packages": [id] }, "although_needed": true });
    done(&api.run_job("/api/v1/packages/delete", &delete).await);
    let policy: serde_json::Value = api.get("/api/v1/policies/servers").await;
    assert_eq!(policy["switches"][0]["state"], "package-missing");
    assert_eq!(policy["switches"][0]["enabled"], true);
    world.stage(&["B-1"]).await;
    let policy: serde_json::Value = api.get("/api/v1/policies/servers").await;
    assert_eq!(policy["switches"][0]["state"], "ready");
}

#[tokio::test]
async fn a_deletion_is_counted_before_it_is_done() {
    let world = World::staged().await;
    let api = world.server.api();
    let wish = json!({ "of": { "bulletins": ["B-2"] } });
    let preview: DeletionPreview = api.post("/api/v1/packages/delete/preview", &wish).await;
    let bytes = world.files[1].size_bytes() + world.files[2].size_bytes();
    assert_eq!((preview.packages, preview.of_packages, preview.files), (1, 2, 2));
    assert_eq!((preview.size_bytes, preview.freed_bytes, preview.needed), (bytes, bytes, 0));
    assert_eq!(preview.confirm, None, "one of two is no mass deletion");
    assert_eq!(world.package("B-2").await.summary.state, Some(VersionState::Staged));
}

#[tokio::test]
async fn d_10_a_mass_deletion_wants_its_number() {
    let world = World::new().await;
    let api = world.server.api();
    let twin = &world.files[0];
    let many = (1..=11).map(|n| Update::new(n, &format!("M-{n}")).payload(&world.vendor, twin));
    world.vendor.publish("/catalogue.xml", Catalogue::new(many).v1_xml());
    done(&api.run_job("/api/v1/feeds/vendor/import", &json!({ "confirm_shrink": true })).await);
    done(&api.run_job("/api/v1/bulletins/stage", &json!({ "filter": {} })).await);
    let ask = async |confirm: Option<u64>| {
        let wish = json!({ "of": { "all": true }, "confirm": confirm });
        api.call(Method::POST, "/api/v1/packages/delete", Some(&wish)).await
    };
    for wrong in [None, Some(10), Some(12)] {
        let refused = ask(wrong).await.problem();
        assert_eq!((refused.status, refused.code.as_str()), (409, "confirmation-needed"));
        assert!(refused.detail.contains("--confirm 11"), "{}", refused.detail);
    }
    let purge = "/api/v1/feeds/vendor?packages=purge";
    let refused = api.call(Method::DELETE, purge, None).await.problem();
    assert_eq!(refused.code, "confirmation-needed", "nor by the way of its feed");
    let page: Page<PackageSummary> = api.get("/api/v1/packages?state=staged&limit=100").await;
    assert_eq!(page.items.len(), 11);
    let deletion: Job = ask(Some(11)).await.ok();
    done(&api.wait_for_job(deletion.id).await);
    let page: Page<PackageSummary> = api.get("/api/v1/packages?limit=100").await;
    assert_eq!(page.items.len(), 0);
}

#[tokio::test]
async fn a_file_fetched_by_hand_is_held_to_the_digest() {
    let world = World::new().await;
    let api = world.server.api();
    let by_hand = patchwharf_testkit::Payload::random("by-hand.exe", 5_000);
    let catalogue = Catalogue::new([Update::new(9, "B-9").item(Item::new(&by_hand, None))]);
    world.vendor.publish("/catalogue.xml", catalogue.v1_xml());
    done(&api.run_job("/api/v1/feeds/vendor/import", &json!({ "confirm_shrink": true })).await);
    let update = world.bulletin("B-9").await.software_updates.remove(0);
    assert!(update.needs_file);
    let path = format!("/api/v1/updates/{}/supply", update.id);
    let send = |bytes: Vec<u8>| api.send(api.request(Method::POST, &path).body(bytes));
    let longer = send(vec![0; 5_001]).await.unwrap().problem();
    assert_eq!(longer.code, "body-too-large", "{}", longer.detail);
    let wrong: Job = send(vec![0; 5_000]).await.unwrap().ok();
    assert_eq!(api.wait_for_job(wrong.id).await.job.state, JobState::Failed);
    let right: Job = send(by_hand.bytes.to_vec()).await.unwrap().ok();
    done(&api.wait_for_job(right.id).await);
    assert!(world.bulletin("B-9").await.summary.downloaded);
    let left = std::fs::read_dir(world.server.data().join("uploads")).unwrap().count();
    assert_eq!(left, 0, "uploads are left behind");
}

#[tokio::test]
async fn s_06_what_was_sent_in_part_is_cleared_away_and_what_still_arrives_is_not() {
    let mut world = World::new().await;
    let update = world.bulletin("B-1").await.software_updates.remove(0);
    let uploads = world.server.data().join("uploads");
    let left = || std::fs::read_dir(&uploads).unwrap().count();
    let half = || async {
        let first = stream::iter([Ok::<_, std::io::Error>("half".to_owned())]);
        let head = reqwest::Body::wrap_stream(first.chain(stream::pending()));
        let request = world.server.api().request(Method::POST, &format!("/api/v1/updates/{}/supply", update.id));
        let client = world.server.api().clone();
        let sending = tokio::spawn(async move { client.send(request.body(head)).await }).abort_handle();
        eventually_async("half a file has arrived", DEADLINE, async || (left() == 1).then_some(())).await;
        sending
    };
    let sending = half().await;
    done(&world.server.api().run_job("/api/v1/store/reconcile", &json!({})).await);
    assert_eq!(left(), 1, "it still arrives");
    sending.abort();
    eventually_async("the client is gone, and so is its file", DEADLINE, async || (left() == 0).then_some(())).await;
    let sending = half().await;
    world.server.kill_9();
    sending.abort();
    world.server.restart().await;
    assert_eq!(left(), 0, "nobody waits for it");
}

#[tokio::test]
async fn reconcile_by_dry_run_changes_nothing() {
    let world = World::staged().await;
    let orphan = world.server.packages().join("0190c2a4-9d0a-7d6b-8f00-000000000000/1");
    std::fs::create_dir_all(&orphan).unwrap();
    std::fs::write(orphan.join("x.exe"), b"x").unwrap();
    let job = world.server.api().run_job("/api/v1/store/reconcile", &json!({ "dry_run": true })).await;
    let text = serde_json::to_string(&job.report).unwrap();
    assert!(text.contains("0190c2a4-9d0a-7d6b-8f00-000000000000"), "{text}");
    assert!(orphan.join("x.exe").is_file());
}

#[tokio::test]
async fn the_history_says_how_the_store_grew_and_when_the_disk_is_full() {
    let world = World::staged().await.with_history().await;
    let api = world.server.api();
    let history: StoreHistory = api.get("/api/v1/store/history?days=10").await;
    let sizes: Vec<u64> = history.staged.iter().map(|sample| sample.size_bytes).collect();
    assert!(sizes.starts_with(&(2..=10).map(|number| number << 20).collect::<Vec<_>>()), "{sizes:?}");
    assert_eq!(history.staged.last().unwrap().size_bytes, 60_003, "the last one is of now");
    let whole: StoreHistory = api.get("/api/v1/store/history").await;
    assert!(whole.staged.len() >= 10 && whole.staged.is_sorted_by_key(|sample| sample.at));
    let room = &whole.rooms[0];
    assert!(room.total_bytes > 0 && room.free.len() >= 11, "{room:?}");
    // A tenth of it each day; other programs use this disk, too.
    let days = room.full_in_seconds.expect("a forecast") / 86_400;
    assert!((8..=12).contains(&days), "{days} days");
    let refused = api.call(reqwest::Method::GET, "/api/v1/store/history?days=0", None).await.problem();
    assert_eq!(refused.code, "invalid-query");
}
