//! S-06 to S-09, S-12, S-15: wrong bytes.

use patchwharf_model::update::VendorDigest;
use patchwharf_server::fetch::Meaning;
use patchwharf_testkit::{
    Payload,
    vendor::{Act, Lie, Publication},
};

use crate::rig::{Rig, expected, whole_text};

#[tokio::test]
async fn s_06_a_longer_file_is_refused_by_its_announced_length() {
    let rig = Rig::new();
    let payload = Payload::random("a.exe", 100_000);
    rig.vendor.lie("/file", &payload, Lie::Longer(1));
    let error = rig.fetch(&payload).await.unwrap_err();
    assert_eq!((error.code(), error.meaning()), ("wrong-length", Meaning::VendorChanged));
    assert!(error.to_string().contains("100001") && error.to_string().contains("100000"), "{error}");
    assert_eq!(rig.vendor.count("/file"), 1, "a wrong length does not get better");
}

#[tokio::test]
async fn s_06_a_shorter_file_is_refused() {
    let rig = Rig::new();
    let payload = Payload::random("a.exe", 100_000);
    rig.vendor.lie("/file", &payload, Lie::Shorter(1));
    assert_eq!(rig.fetch(&payload).await.unwrap_err().code(), "wrong-length");
    assert_eq!(rig.on_disk(), Vec::<String>::new());
}

#[tokio::test]
async fn s_07_endless_data_without_a_length_is_cut_at_the_first_byte_too_many() {
    let rig = Rig::new();
    let payload = Payload::random("a.exe", 3 << 20);
    rig.vendor.script("/file", [Act::Endless]);
    let error = rig.fetch(&payload).await.unwrap_err();
    assert_eq!(error.code(), "wrong-length");
    assert!(error.to_string().contains("more than"), "{error}");
    assert_eq!(rig.on_disk(), Vec::<String>::new(), "nothing of it is kept");
}

#[tokio::test]
async fn s_07_endless_data_with_a_huge_length_is_not_even_begun() {
    let rig = Rig::new();
    rig.vendor.script("/file", [Act::EndlessWithLength]);
    assert_eq!(rig.fetch(&Payload::random("a.exe", 1000)).await.unwrap_err().code(), "wrong-length");
    assert_eq!(rig.progress.snapshot(std::time::Instant::now()).1.done, 0);
}

#[tokio::test]
async fn s_08_one_wrong_bit_is_found_and_both_digests_are_named() {
    let rig = Rig::new();
    let payload = Payload::random("a.exe", 3 << 20);
    rig.vendor.lie("/file", &payload, Lie::FlipBit(1_234_567));
    let error = rig.fetch(&payload).await.unwrap_err();
    assert_eq!((error.code(), error.meaning()), ("vendor-changed", Meaning::VendorChanged));
    let mut wrong = payload.bytes.to_vec();
    wrong[1_234_567] ^= 1;
    let text = error.to_string();
    assert!(text.contains(&payload.sha256().to_string()), "{text}");
    assert!(text.contains(&patchwharf_testkit::payload::sha256(&wrong).to_string()), "{text}");
    assert_eq!(rig.vendor.count("/file"), 2, "attempts are limited: the same wrong digest twice is enough");
    assert_eq!(rig.on_disk(), Vec::<String>::new());
}

#[tokio::test]
async fn s_08_the_other_mirror_is_tried_after_a_wrong_digest() {
    let rig = Rig::new();
    let payload = Payload::random("a.exe", 100_000);
    rig.vendor.lie("/one", &payload, Lie::FlipBit(5));
    rig.vendor.publish("/two", &payload);
    rig.fetch_from(&payload, vec![rig.configured("/one"), rig.configured("/two")]).await.unwrap();
}

#[tokio::test]
async fn s_08_a_single_accident_on_the_way_is_forgiven() {
    let rig = Rig::new();
    let payload = Payload::random("a.exe", 100_000);
    rig.vendor.script("/file", [Act::Lie((&payload).into(), Lie::FlipBit(5)), Act::serve(&payload)]);
    rig.fetch(&payload).await.unwrap();
}

#[tokio::test]
async fn s_08_a_sha1_pin_is_checked_and_the_sha256_computed() {
    let rig = Rig::new();
    let payload = Payload::random("a.exe", 100_000);
    rig.vendor.publish("/file", &payload);
    let mut request = rig.request(&payload, vec![rig.configured("/file")]);
    request.expected.digest = VendorDigest::Sha1(payload.sha1());
    let verified = rig.fetcher.fetch(request).await.unwrap();
    assert_eq!(verified.digests().sha256, payload.sha256());
    drop(verified);
    let mut request = rig.request(&payload, vec![rig.configured("/file")]);
    request.expected = expected(&payload);
    request.expected.digest = VendorDigest::Sha1(payload.sha1());
    request.expected.pinned = Some(payload.damaged().sha256());
    let error = rig.fetcher.fetch(request).await.unwrap_err();
    assert_eq!(error.meaning(), Meaning::VendorChanged, "the first download's SHA-256 stays pinned: {error}");
}

#[tokio::test]
async fn s_09_a_captive_portal_is_no_file_and_its_page_is_not_shown() {
    let rig = Rig::new();
    rig.vendor.script("/file", [Act::html_page()]);
    let error = rig.fetch(&Payload::random("a.exe", 100_000)).await.unwrap_err();
    assert_eq!(error.meaning(), Meaning::VendorChanged);
    assert!(!whole_text(&error).contains("script"), "{error}");
}

#[tokio::test]
async fn s_12_control_bytes_in_an_etag_are_never_sent_back() {
    let rig = Rig::with(|c| c.attempts = 2);
    let payload = Payload::random("a.exe", 6 << 20);
    let sly = Publication::from(&payload).etag(None).last_modified(None).raw_header(b"ETag: \"a\x07b\"".to_vec());
    rig.vendor.script("/file", [Act::Lie(sly, Lie::TruncateAt(4 << 20)), Act::serve(&payload)]);
    let _ = rig.fetch(&payload).await;
    for request in rig.vendor.requests_for("/file") {
        let sent = request.header("if-range").unwrap_or_default();
        assert!(!sent.chars().any(char::is_control), "{sent:?}");
    }
}

#[tokio::test]
async fn s_15_a_gzip_bomb_is_not_unpacked() {
    let rig = Rig::new();
    rig.vendor.script("/file", [Act::GzipBomb { unpacked_bytes: 256 << 20 }]);
    let error = rig.fetch(&Payload::random("a.exe", 1 << 20)).await.unwrap_err();
    assert_eq!(error.meaning(), Meaning::VendorChanged);
    assert_eq!(rig.vendor.requests_for("/file")[0].header("accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let rig = Rig::new();
    let payload = Payload::new("empty.txt", Vec::new());
    rig.vendor.publish("/file", &payload);
    assert_eq!(rig.fetch(&payload).await.unwrap().digests().size_bytes, 0);
}
