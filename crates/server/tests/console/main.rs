//! Journeys through the console in a real browser: Playwright drives Debian's Chromium (`e2e/`), against a real server
//! with a vendor's catalogue.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs, unreachable_pub, dead_code)]

mod rows;
#[path = "../api/world.rs"]
mod world;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use patchwharf_model::Timestamp;
use patchwharf_testkit::{
    Payload, Server, Vendor,
    apt::{Deb, Key, KeyKind, Repository},
    sdp::{Catalogue, Item, Update},
    server::patient_config,
    vendor::{Act, Lie, Publication},
};
use serde_json::{Value, json};
use tokio::process::Command;
use world::World;

/// Where the journeys lie.
fn journeys() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e")
}

/// The browser, where everything that the journeys need is there; else it is said what is not.
fn browser() -> Option<PathBuf> {
    let chromium =
        ["/usr/bin/chromium", "/usr/bin/chromium-browser"].into_iter().map(PathBuf::from).find(|p| p.exists());
    let missing = if chromium.is_none() {
        "chromium is not installed"
    } else if !journeys().join("node_modules/playwright-core").exists() {
        "e2e/node_modules is not installed (npm ci)"
    } else {
        return chromium;
    };
    patchwharf_testkit::skipped(&format!("journeys through the console: {missing}"));
    None
}

async fn journey(name: &str, world: &World) {
    let Some(chromium) = browser() else { return };
    let shots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console");
    std::fs::create_dir_all(&shots).unwrap();
    let mut node = Command::new("node");
    node.arg(journeys().join(format!("{name}.mjs")))
        .env("CONSOLE_URL", world.server.url(""))
        .env("CONSOLE_DATA", world.server.data())
        .env("CONSOLE_PACKAGES", world.server.packages())
        .env("CONSOLE_SHOTS", &shots)
        .env("CONSOLE_ARCHIVE", world.vendor.url("/debian"))
        .env("CHROMIUM", chromium)
        .kill_on_drop(true);
    if let Some(pin) = world.server.pin() {
        node.env("CONSOLE_PIN", pin).env("NODE_EXTRA_CA_CERTS", world.server.data().join("tls/ca.pem"));
    }
    let ended = tokio::time::timeout(Duration::from_secs(280), node.output()).await;
    let output = ended.expect("the journey came to no end").expect("node runs");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{told}");
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_signs_in_and_out_and_does_what_ones_role_allows() {
    journey("door", &World::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_over_https_with_the_cookie_that_browsers_send_over_tls_only() {
    let server = Server::setup(world::BINARY).tls().start().await;
    journey("door", &World::on(server).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bulletins_are_staged_mended_distributed_and_recreated() {
    let title = "<img src=x onerror=\"window.canary=1;alert(1)\"><script>alert(2)</script>";
    let server = Server::setup(world::BINARY).config(&patient_config()).start().await;
    let world = World::with(server, title).await;
    // The first time the vendor takes some seconds for the file of B-1, so that one sees how far it is.
    let file = Publication::from(&world.files[0]);
    let slow = Act::Lie(file.clone(), Lie::Drip { bytes: 1_000, every: Duration::from_millis(400) });
    world.vendor.script(&format!("/files/{}", world.files[0].name), [slow, Act::Serve(file)]);
    journey("bulletins", &world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_location_is_changed_packages_moved_and_originals_pruned() {
    journey("services", &World::staged().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_go_back_and_selections_mean_what_they_say() {
    journey("tables", &World::staged().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_a_feed_are_tried_before_they_are_saved_and_archives_are_added_by_form() {
    let world = World::new().await;
    let key = Key::generate(KeyKind::Ed25519);
    std::fs::write(world.server.data().join("archive.gpg"), key.keyring()).unwrap();
    let debs = [Deb::new("example", "1.0-1", "amd64"), Deb::new("tool", "2.0-1", "all")];
    let archive = Repository::new(debs).fresh(Timestamp::now());
    for place in ["/debian", "/debian-moved"] {
        archive.publish(&world.vendor, place, &key);
    }
    journey("feeds", &world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn procedure_1_quick_refresh_as_the_article_tells_it() {
    journey("procedure_1", &World::staged().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn procedure_2_complete_refresh_as_the_article_tells_it() {
    journey("procedure_2", &World::staged().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn procedure_3_change_of_location_as_the_article_tells_it() {
    journey("procedure_3", &World::staged().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn procedure_4_relocation_as_the_article_tells_it() {
    journey("procedure_4", &World::staged().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn procedure_5_foreign_folders_as_the_article_tells_it() {
    journey("procedure_5", &World::staged().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_fetched_by_hand_is_given_on_the_bulletins_page() {
    let world = World::new().await;
    let by_hand = Payload::random("by-hand.exe", 5_000);
    std::fs::write(world.server.data().join(&by_hand.name), &by_hand.bytes).unwrap();
    let catalogue = Catalogue::new([Update::new(9, "B-9").item(Item::new(&by_hand, None))]);
    world.vendor.publish("/catalogue.xml", catalogue.v1_xml());
    let import = json!({ "confirm_shrink": true });
    world::done(&world.server.api().run_job("/api/v1/feeds/vendor/import", &import).await);
    journey("supply", &world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_paused_resumed_and_cancelled_on_its_page_and_its_report_is_a_file() {
    let world = World::patient().await;
    for file in &world.files[1..3] {
        let slow = Lie::Drip { bytes: 10, every: Duration::from_millis(200) };
        world.vendor.lie(&format!("/files/{}", file.name), file, slow);
    }
    journey("jobs", &world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulletin_and_a_package_are_shown_whole_and_live() {
    let (server, vendor) = (Server::start(world::BINARY).await, Vendor::start());
    let file = |number: u64| Payload::random(format!("file-{number}.exe"), 9_000 + number as usize);
    let update = |number: u64, bulletin: &str| Update::new(number, bulletin).payload(&vendor, &file(number));
    let many = (10..35).map(|number| update(number, "B-many"));
    let newer = update(2, "B-new").supersedes([1, 99]);
    let updates = [update(1, "B/old"), newer].into_iter().chain(many);
    vendor.publish("/catalogue.xml", Catalogue::new(updates).v1_xml());
    let source = json!({ "kind": "sdp", "url": vendor.url("/catalogue.xml") });
    let _: Value = server.api().post("/api/v1/feeds", &json!({ "name": "vendor", "source": source })).await;
    world::done(&server.api().run_job("/api/v1/feeds/vendor/import", &json!({})).await);
    journey("bulletin", &World { server, vendor, files: Vec::new() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_vouches_for_looks_good_on_no_page() {
    let mut world = World::staged().await;
    assert_eq!(world.server.terminate(), Some(0));
    for name in ["patchwharf.db", "patchwharf.db-wal", "patchwharf.db-shm"] {
        let _ = std::fs::remove_file(world.server.data().join(name));
    }
    let made = world.server.patchwharf(&["store", "rebuild"]);
    assert!(made.stdout.contains("2 packages unproved"), "{made:?}");
    world.server.restart().await;
    journey("unproved", &world).await;
}

/// What the README's pictures show: bulletin, severity, title, KB, bytes.
const SHOWN: [(&str, &str, &str, &str, usize); 12] = [
    ("MS26-041", "Critical", "Security Update for the Windows print spooler", "5079101", 3_400_000),
    ("MS26-040", "Important", "Cumulative security update for Edge", "5079044", 2_700_000),
    ("MS26-039", "Critical", "Security Update for Windows Server (remote desktop gateway)", "5078990", 4_100_000),
    ("MS26-038", "Important", "Security Update for .NET 8 and .NET 9", "5078875", 1_900_000),
    ("MS26-037", "Moderate", "Security Update for Windows Subsystem for Linux", "5078831", 900_000),
    ("MS26-036", "Important", "Security Update for SQL Server 2022", "5078702", 2_200_000),
    ("MS26-035", "Low", "Update for the Windows Malicious Software Removal Tool", "890830", 700_000),
    ("MS26-034", "Important", "Security Update for Exchange Server 2019", "5078533", 3_800_000),
    ("MS26-033", "Critical", "Security Update for the Windows kernel", "5078422", 2_600_000),
    ("MS26-032", "Moderate", "Security Update for Visual Studio 2022", "5078310", 1_200_000),
    ("MS26-031", "Important", "Security Update for Hyper-V", "5078274", 1_500_000),
    ("MS26-030", "Important", "Security Update for Office 2024", "5078169", 3_100_000),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_pictures_of_the_readme_can_be_made_anew() {
    let server = Server::start(world::BINARY).await;
    let vendor = Vendor::start();
    let update = |(number, row): (usize, (&str, &str, &str, &str, usize))| {
        let (bulletin, severity, title, kb, bytes) = row;
        let payload = Payload::random(format!("windows-kb{kb}-x64.msu"), bytes);
        let update = Update::new(number as u64 + 1, bulletin).payload(&vendor, &payload);
        let (severity, title, kb) = (Some(severity.to_owned()), title.to_owned(), Some(kb.to_owned()));
        let created = format!("2026-{:02}-{:02}T17:00:00Z", 11 - number / 5, 24 - (number % 5) * 5);
        Update { severity, title, kb, created, ..update }
    };
    vendor.publish("/catalogue.xml", Catalogue::new(SHOWN.into_iter().enumerate().map(update)).v1_xml());
    let source = json!({ "kind": "sdp", "url": vendor.url("/catalogue.xml") });
    let feed: Value = server.api().post("/api/v1/feeds", &json!({ "name": "Windows", "source": source })).await;
    let import = format!("/api/v1/feeds/{}/import", feed["id"].as_str().unwrap());
    world::done(&server.api().run_job(&import, &json!({})).await);
    journey("pictures", &World { server, vendor, files: Vec::new() }.after_days(25, 1).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_read_at_any_time_around_any_record_and_as_a_file() {
    journey("log", &World::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_shown_without_a_hole_whatever_comes_and_breaks() {
    journey("viewer", &World::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_has_limits_and_a_session_without_anybody_ends_at_the_door() {
    let config = format!("{}\n[console]\nsession-idle = '60s'\n", patchwharf_testkit::server::TEST_CONFIG);
    let server = Server::setup(world::BINARY).config(&config).start().await;
    journey("session", &World::on(server).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_system_jobs_say_first_what_they_would_do_and_go_on_past_what_is_wrong() {
    journey("tasks", &World::staged().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_says_what_to_do_first_and_how_the_store_grows() {
    let server = Server::start(world::BINARY).await;
    let empty = World { server, vendor: Vendor::start(), files: Vec::new() };
    journey("first", &empty).await;
    journey("dashboard", &World::staged().await.with_history().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_can_be_used_by_everybody_and_brings_nothing_from_elsewhere() {
    journey("pages", &World::staged().await).await;
}

/// A script as text, which says where it was planted, should it ever run.
fn script(number: u8) -> String {
    format!("<img src=x onerror=\"window.canary={number}\"><script>window.canary={number}</script>")
}

#[tokio::test(flavor = "multi_thread")]
async fn w_10_what_vendors_disks_and_errors_say_is_text_on_every_page() {
    let (server, vendor) = (Server::start(world::BINARY).await, Vendor::start());
    let quoted = Payload::random("a' onmouseover='window.canary=7' b=&lt;.exe", 2_000);
    let [odd, none] = ["b.exe", "c.exe"].map(|name| Payload::random(name, 2_000));
    vendor.publish("/quoted", &quoted);
    let evil = Payload::random(script(6).replace('/', ""), 2_000);
    let first = Update {
        title: script(1),
        description: script(2),
        vendor: script(3),
        kb: Some(script(3)),
        ..Update::new(1, "B-1").item(Item::new(&quoted, Some(vendor.url("/quoted"))))
    };
    let address = vendor.url("/'\"onmouseover=\"window.canary=4\"><img/src=x/onerror=window.canary=4>");
    let second = Update::new(2, "B-2").item(Item::new(&odd, Some(address)));
    let third = Update::new(3, "B-3").item(Item::new(&evil, Some(vendor.url("/evil"))));
    let fourth = Update::new(4, "B-4").item(Item::new(&none, Some("javascript:window.canary=8".to_owned())));
    vendor.publish("/catalogue.xml", Catalogue::new([first, second, third, fourth]).v1_xml());
    let source = json!({ "kind": "sdp", "url": vendor.url("/catalogue.xml") });
    let api = server.api();
    let _: serde_json::Value = api.post("/api/v1/feeds", &json!({ "name": "vendor", "source": source })).await;
    api.run_job("/api/v1/feeds/vendor/import", &json!({})).await;
    api.run_job("/api/v1/bulletins/stage", &json!({ "filter": {} })).await;
    std::fs::write(server.packages().join(script(5).replace('/', "")), "x").unwrap();
    api.run_job("/api/v1/store/integrity-check", &json!({})).await;
    journey("hostile", &World { server, vendor, files: Vec::new() }).await;
}
