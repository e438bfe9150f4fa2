//! Catalogues that are refused or held: the old one stays as it was.

use patchwharf_testkit::{
    cab::Method,
    sdp::{Catalogue, Update},
    vendor::Lie,
};
use serde_json::json;

use crate::rig::{CATALOGUE, Counts, Rig, many};

#[tokio::test]
async fn s_20_a_cut_or_broken_catalogue_leaves_the_old_one_active() {
    let rig = Rig::sdp().await;
    rig.publish(&many(40));
    assert_eq!(rig.import().await.get("added"), 40);
    let whole = many(60).v1_cab(Method::Mszip);
    for length in (0..whole.len()).step_by(1000) {
        rig.vendor.publish(CATALOGUE, whole[..length].to_vec());
        let text = rig.refused().await;
        assert!(text.contains("at byte"), "cut at {length}: {text}");
    }
    let xml = String::from_utf8(many(60).v1_xml()).unwrap();
    let (before_end, _) = xml.rsplit_once("</").unwrap();
    rig.vendor.publish(CATALOGUE, format!("{before_end}</else>").into_bytes());
    assert!(rig.refused().await.contains("malformed"));
    let body = xml.split_once("?>").unwrap().1;
    rig.vendor.publish(CATALOGUE, format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{body}").into_bytes());
    assert!(rig.refused().await.contains("document type declaration"));
    rig.publish(&many(60));
    assert_eq!(rig.import().await.all(), [20, 0, 0, 2, 40, 0], "and then it goes on");
    rig.server.holds();
}

#[tokio::test]
async fn a_vendor_that_is_down_or_breaks_off_leaves_the_old_one_active() {
    let rig = Rig::sdp().await;
    rig.publish(&many(3));
    rig.import().await;
    rig.vendor.lie(CATALOGUE, many(4).v1_cab(Method::Stored), Lie::TruncateAt(500));
    assert!(rig.refused().await.contains("fetch"));
    rig.vendor.go_down();
    assert!(rig.refused().await.contains("unreachable"));
}

#[tokio::test]
async fn what_was_written_before_a_fault_of_the_catalogue_is_dropped() {
    let rig = Rig::sdp().await;
    rig.publish(&many(3));
    rig.import().await;
    // Broken far behind the first batches, so that one of them is being written when the reader meets the fault.
    let xml = String::from_utf8(many(1_500).v1_xml()).unwrap();
    let (before_end, _) = xml.rsplit_once("</").unwrap();
    rig.vendor.publish(CATALOGUE, format!("{before_end}</else>").into_bytes());
    assert!(rig.refused().await.contains("malformed"));
    rig.server.holds();
    rig.publish(&many(1_500));
    assert_eq!(rig.import().await.get("added"), 1_497, "nothing of it was taken for known");
    rig.server.holds();
}

#[tokio::test]
async fn what_is_no_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let large = folder.path().join("large");
    std::fs::File::create(&large).unwrap().set_len((4 << 30) + 1).unwrap();
    let cases = [
        (folder.path(), "is a folder; name "),
        (pipe.as_path(), "neither a file nor a folder; name "),
        (large.as_path(), "has 4294967297 bytes, and at most 4294967296 bytes are read"),
    ];
    for (path, says) in cases {
        let rig = Rig::start().await;
        rig.add(&json!({ "name": "acme", "source": { "kind": "sdp", "url": path } })).await;
        let text = rig.refused().await;
        assert!(text.contains(says), "{text}");
    }
}

#[tokio::test]
async fn s_22_a_catalogue_that_went_back_in_time_or_comes_from_the_future_is_refused() {
    let rig = Rig::sdp().await;
    let dated = |time: &str| Catalogue::new([Update::new(1, "AC26-001"), Update::new(2, "AC26-002").created(time)]);
    rig.publish(&dated("2026-11-10T00:00:00Z"));
    rig.import().await;
    rig.publish(&dated("2026-11-09T00:00:00Z"));
    assert!(rig.refused().await.contains("went back in time"));
    rig.publish(&dated("2999-01-01T00:00:00Z"));
    assert!(rig.refused().await.contains("in the future"));
    rig.publish(&dated("2026-11-11T00:00:00Z"));
    assert_eq!(rig.import().await.get("revised"), 1);
    rig.server.holds();
}

#[tokio::test]
async fn s_23_a_catalogue_that_lost_most_of_its_updates_is_held_for_confirmation() {
    let rig = Rig::sdp().await;
    rig.publish(&many(60));
    rig.import().await;
    rig.publish(&many(3));
    let text = rig.refused().await;
    assert!(text.contains("57 of the 60") && text.contains("--confirm-shrink"), "{text}");
    let counts = Counts::of(rig.try_import(true).await);
    assert_eq!((counts.get("no-longer-listed"), counts.get("unchanged")), (57, 3));

    rig.publish(&many(15));
    assert_eq!(rig.import().await.get("unchanged"), 15);
    rig.publish(&many(1));
    assert_eq!(rig.import().await.get("no-longer-listed"), 14, "few are no mass");
    rig.server.holds();
}

#[tokio::test]
async fn rules_that_leave_much_out_are_no_shrinking() {
    let rig = Rig::sdp().await;
    rig.publish(&many(60));
    rig.import().await;
    rig.set(&json!({ "rules": { "include": [{ "field": "severity", "pattern": "critical" }] } })).await;
    assert_eq!(rig.import().await.get("left-out"), 48);
}
