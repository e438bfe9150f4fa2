//! Journeys through the console in a real browser: Playwright drives Debian's Chromium (`e2e/`), against a real server
//! with a vendor's catalogue.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs, unreachable_pub, dead_code)]

#[path = "../api/world.rs"]
mod world;

use std::path::{Path, PathBuf};

use patchwharf_testkit::{
    Payload, Server, Vendor,
    sdp::{Catalogue, Item, Update},
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
        .env("CHROMIUM", chromium)
        .kill_on_drop(true);
    if let Some(pin) = world.server.pin() {
        node.env("CONSOLE_PIN", pin).env("NODE_EXTRA_CA_CERTS", world.server.data().join("tls/ca.pem"));
    }
    let ended = tokio::time::timeout(std::time::Duration::from_secs(280), node.output()).await;
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
    let server = Server::start(world::BINARY).await;
    journey("bulletins", &World::with(server, title).await).await;
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
async fn rules_of_a_feed_are_rows_that_are_tried_before_they_are_saved() {
    journey("feeds", &World::new().await).await;
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
    journey("pictures", &World { server, vendor, files: Vec::new() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_read_at_any_time_around_any_record_and_as_a_file() {
    journey("log", &World::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_folders_are_adopted_and_the_system_jobs_say_first_what_they_would_do() {
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
