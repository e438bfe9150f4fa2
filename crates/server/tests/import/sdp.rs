//! SDP catalogues: what is added, revised, withdrawn, superseded, kept.

use patchwharf_testkit::{
    Payload,
    cab::Method,
    sdp::{Catalogue, Item, Update, update_number},
};
use serde_json::json;

use crate::rig::{CATALOGUE, Rig};

fn numbered(numbers: std::ops::Range<u64>) -> Vec<Update> {
    numbers.map(|number| Update::new(number, &format!("AC26-{number:03}"))).collect()
}

#[tokio::test]
async fn an_update_is_added_then_unchanged_then_revised_then_withdrawn() {
    let rig = Rig::sdp().await;
    let mut updates = numbered(1..4);
    rig.publish(&Catalogue::new(updates.clone()));
    assert_eq!(rig.import().await.all(), [3, 0, 0, 0, 0, 0]);
    assert_eq!(rig.names("sort=name").await, ["AC26-001", "AC26-002", "AC26-003"]);

    let again = rig.import().await;
    assert!(again.text().contains("has not changed"), "{}", again.text());
    assert!(rig.vendor.requests_for(CATALOGUE).last().unwrap().header("if-none-match").is_some());

    updates[0].title = "Example update 1, second edition".to_owned();
    updates[0].created = "2026-11-05T08:00:00Z".to_owned();
    updates[1].expired = true;
    rig.publish(&Catalogue::new(updates.clone()));
    assert_eq!(rig.import().await.all(), [0, 2, 1, 0, 1, 0]);
    assert_eq!(rig.bulletin("AC26-001").await["title"], "Example update 1, second edition");
    assert_eq!(rig.bulletin("AC26-001").await["revised_at"], "2026-11-05T08:00:00Z");
    assert_eq!(rig.bulletin("AC26-002").await["withdrawn"], true);

    updates.pop();
    rig.publish(&Catalogue::new(updates));
    let gone = rig.import().await;
    assert_eq!((gone.get("no-longer-listed"), gone.get("unchanged")), (1, 2));
    let kept = rig.bulletin("AC26-003").await;
    assert_eq!((&kept["listed"], &kept["withdrawn"]), (&json!(false), &json!(false)), "kept: only Expired withdraws");
}

#[tokio::test]
async fn bulletins_say_together_what_their_updates_say() {
    let rig = Rig::sdp().await;
    let one = Update { severity: Some("Low".into()), ..Update::new(1, "AC26-100").created("2026-10-01T00:00:00Z") };
    let two =
        Update { severity: Some("Critical".into()), ..Update::new(2, "AC26-100").created("2026-11-02T00:00:00Z") };
    let alone = Update { bulletin: None, kb: None, ..Update::new(3, "") };
    let file = |name: &str| Item::new(&Payload::random(name, 100), None);
    rig.publish(&Catalogue::new([two.item(file("b.exe")), one.item(file("a.exe")), alone.item(file("c.exe"))]));
    assert_eq!(rig.import().await.get("added"), 3);
    let bulletin = rig.bulletin("AC26-100").await;
    assert_eq!((&bulletin["severity"], &bulletin["updates"]), (&json!("critical"), &json!(2)));
    assert_eq!(
        (&bulletin["released_at"], &bulletin["revised_at"]),
        (&json!("2026-10-01T00:00:00Z"), &json!("2026-11-02T00:00:00Z"))
    );
    assert_eq!(bulletin["cves"], json!(["CVE-2026-0001", "CVE-2026-0002"]));
    assert_eq!(bulletin["kbs"], json!(["KB1", "KB2"]));
    assert_eq!(bulletin["title"], "Example update 1");
    assert_eq!(rig.bulletin(&update_number(3).to_string()).await["updates"], 1);
}

#[tokio::test]
async fn only_a_published_update_supersedes() {
    let rig = Rig::sdp().await;
    let newer = Update::new(2, "AC26-002").supersedes([1, 999]);
    rig.publish(&Catalogue::new([Update::new(1, "AC26-001"), newer.clone()]));
    let first = rig.import().await;
    assert_eq!((first.get("added"), first.get("superseded")), (2, 1));
    assert_eq!(rig.bulletin("AC26-001").await["superseded_by"], "AC26-002");

    rig.publish(&Catalogue::new([Update::new(1, "AC26-001"), Update { expired: true, ..newer }]));
    assert_eq!(rig.import().await.get("withdrawn"), 1);
    assert_eq!(rig.bulletin("AC26-001").await["superseded_by"], json!(null), "an expired superseder does not count");

    let last = Update::new(3, "AC26-003").supersedes([1, 2]);
    rig.publish(&Catalogue::new([Update::new(1, "AC26-001"), last]));
    assert_eq!(rig.import().await.get("superseded"), 1 + 1, "also the one that is no longer listed");
    assert_eq!(rig.bulletin("AC26-001").await["superseded_by"], "AC26-003");
}

#[tokio::test]
async fn s_24_updates_that_supersede_each_other_are_kept_and_named() {
    let rig = Rig::sdp().await;
    let circle = [Update::new(1, "AC26-001").supersedes([2]), Update::new(2, "AC26-002").supersedes([1])];
    rig.publish(&Catalogue::new(circle));
    let counts = rig.import().await;
    assert_eq!((counts.get("added"), counts.get("superseded")), (2, 0));
    assert!(
        counts.text().contains("in a circle") && counts.text().contains(&update_number(1).to_string()),
        "{}",
        counts.text()
    );
    rig.server.holds();
}

#[tokio::test]
async fn s_16_an_update_that_a_catalogue_has_twice_is_a_named_conflict() {
    let rig = Rig::sdp().await;
    let other = Update { title: "Something else".into(), ..Update::new(1, "AC26-009") };
    rig.publish(&Catalogue::new([
        Update::new(1, "AC26-001"),
        Update::new(2, "AC26-002"),
        other,
        Update::new(2, "AC26-002"),
    ]));
    let counts = rig.import().await;
    assert_eq!(counts.all(), [2, 0, 0, 0, 0, 1], "the same twice is no conflict");
    assert!(counts.text().contains("AC26-001") && counts.text().contains("AC26-009"), "{}", counts.text());
    assert_eq!(rig.bulletin("AC26-001").await["title"], "Example update 1");
    rig.server.holds();
}

#[tokio::test]
async fn a_bad_package_is_rejected_with_its_reason_and_the_rest_goes_on() {
    let rig = Rig::sdp().await;
    let payload = Payload::random("setup.exe", 1000);
    let bad = Item { name: "../../etc/passwd".into(), ..Item::new(&payload, None) };
    rig.publish(&Catalogue::new([Update::new(1, "AC26-001").item(bad), Update::new(2, "AC26-002")]));
    let counts = rig.import().await;
    assert_eq!(counts.all(), [1, 0, 0, 0, 0, 1]);
    assert!(counts.text().contains("is refused"), "{}", counts.text());
}

#[tokio::test]
async fn what_the_administrator_set_survives_every_import() {
    let rig = Rig::sdp().await;
    rig.publish(&Catalogue::new(numbered(1..3)));
    rig.import().await;
    let api = rig.server.api();
    let choice = json!({ "bulletins": ["AC26-001"] });
    let _: serde_json::Value = api.post("/api/v1/bulletins/disable", &choice).await;
    let severity = json!({ "of": choice, "severity": "Drop everything" });
    let _: serde_json::Value = api.post("/api/v1/bulletins/severity", &severity).await;
    let mut updates = numbered(1..3);
    updates[0].title = "Another title".into();
    rig.publish(&Catalogue::new(updates));
    assert_eq!(rig.import().await.get("revised"), 1);
    let bulletin = rig.bulletin("AC26-001").await;
    assert_eq!((&bulletin["enabled"], &bulletin["title"]), (&json!(false), &json!("Another title")));
    assert_eq!(bulletin["custom_severity"], "Drop everything");
}

#[tokio::test]
async fn a_catalogue_on_the_servers_own_disk_is_read_in_place_and_looked_at_only_when_it_changed() {
    let rig = Rig::start().await;
    let path = rig.server.data().join("local.cab");
    std::fs::write(&path, Catalogue::new(numbered(1..3)).v2_cab(Method::Stored)).unwrap();
    rig.add(&json!({ "name": "acme", "source": { "kind": "sdp", "url": path.to_str().unwrap() } })).await;
    assert_eq!(rig.import().await.get("added"), 2);
    assert!(rig.import().await.text().contains("has not changed"));
    std::fs::write(&path, Catalogue::new(numbered(1..4)).v2_cab(Method::Stored)).unwrap();
    assert_eq!(rig.import().await.all(), [1, 0, 0, 0, 2, 0]);
    assert!(std::fs::read_dir(rig.server.data().join("imports")).unwrap().next().is_none(), "nothing is left behind");
}
