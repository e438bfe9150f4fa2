//! S-02, S-04, S-05, S-10: broken off, resumed, joined.

use bytes::Bytes;
use patchwharf_server::jobs::StopReason;
use patchwharf_testkit::{
    Payload, eventually,
    vendor::{Act, Lie, Publication},
};

use crate::rig::{DEADLINE, Rig, config, fetcher};

/// Long enough that what has come is kept.
const LONG: usize = 6 << 20;
const CUT: usize = 4 << 20;

#[tokio::test]
async fn s_02_a_body_that_falls_silent_is_resumed_by_range_and_if_range() {
    let rig = Rig::with(|c| c.idle_timeout = std::time::Duration::from_secs(1));
    let payload = Payload::random("a.exe", LONG);
    let (honest, etag) = (Publication::from(&payload), Publication::from(&payload).etag);
    rig.vendor.script("/file", [Act::Lie(honest.clone(), Lie::StallAt(CUT)), Act::Serve(honest)]);
    rig.fetch(&payload).await.unwrap();
    let requests = rig.vendor.requests_for("/file");
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].range(), Some((CUT as u64, None)));
    assert_eq!(requests[1].header("if-range"), etag.as_deref());
}

#[tokio::test]
async fn s_04_a_truncated_body_is_never_committed_and_resumes() {
    let rig = Rig::with(|c| c.attempts = 1);
    let payload = Payload::random("a.exe", LONG);
    let honest = Publication::from(&payload);
    rig.vendor.script("/file", [Act::Lie(honest.clone(), Lie::TruncateAt(CUT)), Act::Serve(honest)]);
    let error = rig.fetch(&payload).await.unwrap_err();
    assert_eq!(error.code(), "truncated");
    assert!(error.to_string().contains(&CUT.to_string()), "{error}");
    assert!(rig.on_disk().iter().all(|path| path.contains("/.staging/")), "{:?}", rig.on_disk());
    rig.fetch(&payload).await.unwrap();
    assert_eq!(rig.vendor.requests_for("/file")[1].range(), Some((CUT as u64, None)));
}

#[tokio::test]
async fn s_04_a_changed_etag_restarts_from_zero() {
    let rig = Rig::new();
    let payload = Payload::random("a.exe", LONG);
    let old = Publication::from(&payload).etag(Some("\"old\""));
    let new = Publication::from(&payload).etag(Some("\"new\""));
    rig.vendor.script("/file", [Act::Lie(old, Lie::TruncateAt(CUT)), Act::Serve(new)]);
    rig.fetch(&payload).await.unwrap();
    let requests = rig.vendor.requests_for("/file");
    assert_eq!(requests[1].header("if-range"), Some("\"old\""));
    assert_eq!(requests.len(), 2, "the answer 200 to If-Range is the whole file");
}

#[tokio::test]
async fn s_05_a_chunked_body_without_its_end_is_an_error() {
    let rig = Rig::with(|c| c.attempts = 1);
    let payload = Payload::random("a.exe", 100_000);
    rig.vendor.lie("/file", &payload, Lie::TruncateChunkedAt(50_000));
    let error = rig.fetch(&payload).await.unwrap_err();
    assert_eq!(error.code(), "truncated");
    // Even when everything came: without the last chunk nobody knows that it was everything; the digest does.
    rig.vendor.lie("/file", &payload, Lie::TruncateChunkedAt(100_000));
    let _ = rig.fetch(&payload).await;
    assert!(rig.on_disk().iter().all(|path| path.contains("/.staging/")), "{:?}", rig.on_disk());
}

async fn joined_in_spite_of(lie: Lie, most_requests: usize) {
    let rig = Rig::new();
    let payload = Payload::random("a.exe", LONG);
    let honest = Publication::from(&payload);
    rig.vendor.script(
        "/file",
        [Act::Lie(honest.clone(), Lie::TruncateAt(CUT)), Act::Lie(honest.clone(), lie), Act::Serve(honest)],
    );
    let verified = rig.fetch(&payload).await.unwrap();
    assert_eq!(verified.digests().sha256, payload.sha256());
    assert!(rig.vendor.count("/file") <= most_requests, "{} requests", rig.vendor.count("/file"));
}

#[tokio::test]
async fn s_10_a_206_with_the_wrong_range_restarts_once() {
    joined_in_spite_of(Lie::WrongContentRange(1), 3).await;
}

#[tokio::test]
async fn s_10_a_206_without_its_range_restarts_once() {
    joined_in_spite_of(Lie::NoContentRange, 3).await;
}

#[tokio::test]
async fn s_10_a_416_restarts_once() {
    joined_in_spite_of(Lie::Unsatisfiable, 3).await;
}

#[tokio::test]
async fn s_10_an_ignored_range_is_taken_as_the_whole_file() {
    joined_in_spite_of(Lie::IgnoreRange, 2).await;
}

#[tokio::test]
async fn s_10_a_file_that_changed_between_its_parts_is_found_by_its_digest() {
    let rig = Rig::new();
    let payload = Payload::random("a.exe", LONG);
    let honest = Publication::from(&payload);
    let other = Bytes::from(vec![7; LONG]);
    rig.vendor.script(
        "/file",
        [
            Act::Lie(honest.clone(), Lie::TruncateAt(CUT)),
            Act::Lie(honest.clone(), Lie::ChangeOnRange(other)),
            Act::Serve(honest),
        ],
    );
    let verified = rig.fetch(&payload).await.unwrap();
    assert_eq!(verified.digests().sha256, payload.sha256());
    let requests = rig.vendor.requests_for("/file");
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[2].range(), None, "joined bytes that are wrong are not built upon");
}

#[tokio::test]
async fn s_10_a_vendor_that_never_lets_the_parts_fit_does_not_loop() {
    let rig = Rig::new();
    let payload = Payload::random("a.exe", LONG);
    let honest = Publication::from(&payload);
    rig.vendor.script("/file", [Act::Lie(honest, Lie::TruncateAt(CUT))]);
    let error = rig.fetch(&payload).await.unwrap_err();
    assert_eq!(error.code(), "truncated");
    assert!(rig.vendor.count("/file") <= 6, "{} requests", rig.vendor.count("/file"));
}

#[tokio::test]
async fn a_stopped_download_is_resumed_by_the_next_process() {
    let rig = Rig::with(|c| c.idle_timeout = DEADLINE);
    let payload = Payload::random("a.exe", LONG);
    rig.vendor.lie("/file", &payload, Lie::StallAt(CUT));
    let stop = rig.stop.clone();
    let (progress, vendor) = (rig.progress.clone(), &rig.vendor);
    let (ended, ()) = tokio::join!(rig.fetch(&payload), async {
        tokio::task::yield_now().await;
        let seen = patchwharf_testkit::eventually_async("the bytes before the stall", DEADLINE, || async {
            let (_, now) = progress.snapshot(std::time::Instant::now());
            (now.files.first().is_some_and(|f| f.done_bytes >= CUT as u64)).then_some(())
        });
        seen.await;
        stop.ask(StopReason::Shutdown);
        let _ = vendor;
    });
    assert_eq!(ended.unwrap_err().code(), "stopped");
    rig.vendor.publish("/file", &payload);
    let next = fetcher(&config(), None, &rig.metrics);
    let mut request = rig.request(&payload, vec![rig.configured("/file")]);
    request.stop = patchwharf_server::jobs::Stop::new();
    next.fetch(request).await.unwrap();
    let requests = rig.vendor.requests_for("/file");
    assert_eq!(requests.last().and_then(|r| r.range()), Some((CUT as u64, None)));
    eventually("nothing is shown any more", DEADLINE, || {
        rig.progress.snapshot(std::time::Instant::now()).1.files.is_empty().then_some(())
    });
}

#[tokio::test]
async fn another_mirror_goes_on_where_the_first_one_stopped() {
    let rig = Rig::new();
    let payload = Payload::random("a.exe", LONG);
    rig.vendor.lie("/one", &payload, Lie::TruncateAt(CUT));
    rig.vendor.publish("/two", &payload);
    rig.fetch_from(&payload, vec![rig.configured("/one"), rig.configured("/two")]).await.unwrap();
    let second = &rig.vendor.requests_for("/two")[0];
    assert_eq!(second.range(), Some((CUT as u64, None)));
    assert_eq!(second.header("if-range"), None, "a validator is worth something only where it came from");
}
