//! S-01: the vendor cannot be reached.

use patchwharf_server::fetch::{Meaning, Trust};
use patchwharf_testkit::{
    Payload,
    vendor::{Act, Mood},
};

use crate::rig::{Rig, names, source};

#[tokio::test]
async fn s_01_a_refused_connection_is_unreachable_and_comes_back_by_itself() {
    let rig = Rig::new();
    let payload = Payload::random("a.exe", 10_000);
    rig.vendor.publish("/file", &payload);
    rig.vendor.go_down();
    let error = rig.fetch(&payload).await.unwrap_err();
    assert_eq!((error.code(), error.meaning()), ("unreachable", Meaning::Unreachable));
    assert!(error.to_string().contains("/file"), "{error}");
    rig.vendor.come_up();
    assert_eq!(rig.fetch(&payload).await.unwrap().digests().sha256, payload.sha256());
}

#[tokio::test]
async fn s_01_a_name_without_an_address_is_unreachable() {
    let rig = Rig::with_names(|_| {}, names(&[]));
    let payload = Payload::random("a.exe", 100);
    let error = rig.fetch_from(&payload, vec![source("http://gone.example/file", Trust::Named)]).await.unwrap_err();
    assert_eq!(error.code(), "unreachable");
}

#[tokio::test]
async fn s_01_a_vendor_that_is_down_does_not_stop_the_others() {
    let rig = Rig::new();
    let (good, bad) = (Payload::random("good.exe", 5_000), Payload::random("bad.exe", 5_000));
    rig.vendor.publish("/good", &good);
    rig.vendor.script("/bad", [Act::Reset]);
    let (bad, good) = tokio::join!(
        rig.fetch_from(&bad, vec![rig.configured("/bad")]),
        rig.fetch_from(&good, vec![rig.configured("/good")])
    );
    assert_eq!(bad.unwrap_err().meaning(), Meaning::Unreachable);
    good.unwrap();
}

#[tokio::test]
async fn s_01_a_vendor_that_never_answers_is_given_up() {
    let rig = Rig::with(|c| (c.attempts, c.idle_timeout) = (1, std::time::Duration::from_millis(300)));
    rig.vendor.set_mood(Mood::Silent);
    let error = rig.fetch(&Payload::random("a.exe", 100)).await.unwrap_err();
    assert_eq!((error.code(), error.meaning()), ("silent", Meaning::Unreachable));
}

#[tokio::test]
async fn s_01_a_busy_vendor_is_asked_again_when_it_says() {
    let rig = Rig::with(|c| c.backoff_cap = std::time::Duration::from_secs(5));
    let payload = Payload::random("a.exe", 1_000);
    rig.vendor.script("/file", [Act::too_many_requests(1), Act::serve(&payload)]);
    rig.fetch(&payload).await.unwrap();
    assert_eq!(rig.vendor.count("/file"), 2);
}

#[tokio::test]
async fn s_01_a_long_retry_after_is_handed_to_the_job() {
    let rig = Rig::new();
    rig.vendor.script("/file", [Act::too_many_requests(3600)]);
    let error = rig.fetch(&Payload::random("a.exe", 100)).await.unwrap_err();
    assert_eq!(error.code(), "vendor-busy");
    assert_eq!(error.retry_after(), Some(std::time::Duration::from_secs(3600)));
    assert_eq!(rig.vendor.count("/file"), 1);
}

#[tokio::test]
async fn a_file_that_the_vendor_has_taken_away_is_asked_for_once() {
    let rig = Rig::new();
    let error = rig.fetch(&Payload::random("a.exe", 100)).await.unwrap_err();
    assert_eq!(error.code(), "http-status");
    assert!(error.to_string().contains("404"), "{error}");
    assert_eq!(rig.vendor.count("/file"), 1);
}

#[tokio::test]
async fn the_next_mirror_is_tried() {
    let rig = Rig::new();
    let payload = Payload::random("a.exe", 1_000);
    rig.vendor.script("/one", [Act::status(500)]);
    rig.vendor.publish("/two", &payload);
    rig.fetch_from(&payload, vec![rig.configured("/one"), rig.configured("/two")]).await.unwrap();
    assert_eq!((rig.vendor.count("/one"), rig.vendor.count("/two")), (1, 1));
}
