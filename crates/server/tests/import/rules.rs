//! Include and exclude rules, their preview, and staging by rule.

use patchwharf_model::job::JobKind;
use patchwharf_testkit::{
    Payload, eventually_async,
    sdp::{Catalogue, Item, Update},
    server::DEADLINE,
};
use serde_json::{Value, json};

use crate::rig::{Counts, Rig};

fn two_vendors(rig: &Rig) -> Catalogue {
    let other = Update { vendor: "Other Corp".into(), ..Update::new(2, "OT26-002") };
    let german = Item { languages: vec!["de".into()], ..Item::new(&Payload::random("de.exe", 700), None) };
    let english = Item { languages: vec!["en".into()], ..Item::new(&Payload::random("en.exe", 500), None) };
    let one = Update::new(1, "AC26-001")
        .payload(&rig.vendor, &Payload::random("neutral.exe", 300))
        .item(german)
        .item(english);
    Catalogue::new([one, other.payload(&rig.vendor, &Payload::random("other.exe", 11))])
}

#[tokio::test]
async fn a_preview_counts_what_rules_would_take_and_changes_nothing() {
    let rig = Rig::sdp().await;
    rig.publish(&two_vendors(&rig));
    let rules =
        json!({ "include": [{ "field": "vendor", "pattern": "example*" }, { "field": "language", "pattern": "en" }] });
    let job = rig.server.api().run_job("/api/v1/feeds/acme/preview", &json!({ "rules": rules })).await;
    let counts = Counts::of(job);
    let found = ["updates", "bulletins", "files", "bytes", "left-out"].map(|name| counts.get(name));
    assert_eq!(found, [1, 1, 2, 800, 1]);
    assert_eq!(rig.names("").await, Vec::<String>::new());
}

#[tokio::test]
async fn rules_take_updates_and_files_and_new_rules_count_from_the_next_import_on() {
    let rig = Rig::sdp().await;
    rig.publish(&two_vendors(&rig));
    rig.set(&json!({ "rules": { "include": [{ "field": "vendor", "pattern": "example*" }, { "field": "language", "pattern": "en" }] } })).await;
    let counts = rig.import().await;
    assert_eq!((counts.get("added"), counts.get("left-out")), (1, 1));
    assert_eq!(rig.bulletin("AC26-001").await["software_updates"][0]["files"], 2);

    rig.set(&json!({ "rules": {} })).await;
    let counts = rig.import().await;
    assert_eq!(counts.all(), [1, 1, 0, 0, 0, 0], "one is new, one has a file more");
    assert_eq!(rig.bulletin("AC26-001").await["software_updates"][0]["files"], 3);

    rig.set(&json!({ "rules": { "exclude": [{ "field": "vendor", "pattern": "other*" }] } })).await;
    let counts = rig.import().await;
    assert_eq!((counts.get("no-longer-listed"), counts.get("left-out")), (1, 1));
    assert_eq!(rig.bulletin("OT26-002").await["listed"], false, "kept");
}

#[tokio::test]
async fn what_the_feeds_rule_names_is_staged_after_an_import() {
    let rig = Rig::sdp().await;
    rig.publish(&two_vendors(&rig));
    rig.set(&json!({ "auto_stage": { "include": [{ "field": "vendor", "pattern": "other*" }] } })).await;
    rig.import().await;
    let job: Value = eventually_async("a job that stages", DEADLINE, || async {
        let jobs: Value = rig.server.api().get("/api/v1/jobs").await;
        let staging = jobs["items"].as_array()?.iter().find(|job| job["kind"] == JobKind::Stage.as_str())?.clone();
        Some(staging)
    })
    .await;
    assert_eq!(job["actor"], "admin", "the one who asked for the import: {job}");
}
