//! Documents of feeds: conditional, capped, retried.

use camino::Utf8PathBuf;
use patchwharf_server::fetch::{Document, FetchError, Validators};
use patchwharf_testkit::{
    Payload,
    vendor::{Act, Lie},
};

use crate::rig::Rig;

async fn get(rig: &Rig, validators: &Validators, cap_bytes: u64) -> (Result<Document, FetchError>, Utf8PathBuf) {
    let into = Utf8PathBuf::from_path_buf(rig.folder().join("document")).unwrap();
    let source = rig.configured("/catalogue");
    (rig.fetcher.get_document(&source, validators, cap_bytes, &into, &rig.stop).await, into)
}

#[tokio::test]
async fn a_document_that_has_not_changed_is_not_sent_again() {
    let rig = Rig::new();
    let payload = Payload::random("catalogue.cab", 100_000);
    rig.vendor.publish("/catalogue", &payload);
    let (first, into) = get(&rig, &Validators::default(), 1 << 20).await;
    let Document::Fetched { size_bytes, sha256, validators } = first.unwrap() else { panic!("it is new") };
    assert_eq!((size_bytes, sha256), (100_000, payload.sha256()));
    assert_eq!(std::fs::read(into).unwrap(), payload.bytes);
    let (second, _) = get(&rig, &validators, 1 << 20).await;
    assert!(matches!(second.unwrap(), Document::Unchanged));
}

#[tokio::test]
async fn s_07_a_document_without_an_end_is_cut_at_the_cap() {
    let rig = Rig::new();
    rig.vendor.script("/catalogue", [Act::Endless]);
    let (result, _) = get(&rig, &Validators::default(), 1 << 20).await;
    assert_eq!(result.unwrap_err().code(), "too-long");
    rig.vendor.script("/catalogue", [Act::EndlessWithLength]);
    let (result, _) = get(&rig, &Validators::default(), 1 << 20).await;
    assert_eq!(result.unwrap_err().code(), "too-long");
}

#[tokio::test]
async fn a_truncated_document_is_asked_for_again() {
    let rig = Rig::new();
    let payload = Payload::random("catalogue.cab", 100_000);
    rig.vendor.script("/catalogue", [Act::Lie((&payload).into(), Lie::TruncateAt(50_000)), Act::serve(&payload)]);
    let (result, into) = get(&rig, &Validators::default(), 1 << 20).await;
    assert!(matches!(result.unwrap(), Document::Fetched { size_bytes: 100_000, .. }));
    assert_eq!(std::fs::read(into).unwrap(), payload.bytes);
}

#[tokio::test]
async fn s_15_a_packed_document_is_kept_as_it_came() {
    let rig = Rig::new();
    rig.vendor.script("/catalogue", [Act::GzipBomb { unpacked_bytes: 64 << 20 }]);
    let (result, _) = get(&rig, &Validators::default(), 8 << 20).await;
    match result {
        Ok(Document::Fetched { size_bytes, .. }) => assert!(size_bytes < 8 << 20),
        other => panic!("{other:?}"),
    }
}
