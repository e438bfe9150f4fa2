//! S-18: many want the same file.

use std::sync::Arc;

use patchwharf_server::{
    fetch::Meaning,
    jobs::{Stop, StopReason},
};
use patchwharf_testkit::{
    Payload, eventually_async,
    vendor::{Act, Lie},
};
use tokio::task::JoinSet;

use crate::rig::{DEADLINE, Rig};

#[tokio::test]
async fn s_18_fifty_at_once_are_one_download() {
    let rig = Arc::new(Rig::new());
    let payload = Payload::random("a.exe", 2 << 20);
    rig.vendor.publish("/file", &payload);
    let mut all = JoinSet::new();
    for _ in 0..50 {
        let (rig, payload) = (Arc::clone(&rig), payload.clone());
        all.spawn(async move { rig.fetch(&payload).await.unwrap() });
    }
    let verified = all.join_all().await;
    assert_eq!(verified.len(), 50);
    assert_eq!(rig.vendor.count("/file"), 1);
}

#[tokio::test]
async fn s_18_a_failure_is_shared_by_those_who_waited_and_not_by_those_who_come_later() {
    let rig = Arc::new(Rig::with(|c| c.attempts = 1));
    let payload = Payload::random("a.exe", 1_000);
    rig.vendor.script("/file", [Act::status(500)]);
    let mut all = JoinSet::new();
    for _ in 0..20 {
        let (rig, payload) = (Arc::clone(&rig), payload.clone());
        all.spawn(async move { rig.fetch(&payload).await.unwrap_err().meaning() });
    }
    assert!(all.join_all().await.into_iter().all(|m| m == Meaning::Unreachable));
    rig.vendor.publish("/file", &payload);
    rig.fetch(&payload).await.unwrap();
}

#[tokio::test]
async fn s_18_one_that_is_cancelled_leaves_the_download_to_the_next() {
    let rig = Rig::with(|c| c.idle_timeout = DEADLINE);
    let payload = Payload::random("a.exe", 6 << 20);
    rig.vendor.script("/file", [Act::Lie((&payload).into(), Lie::StallAt(4 << 20)), Act::serve(&payload)]);
    let (first, second) = (Stop::new(), Stop::new());
    let request = |stop: &Stop| {
        let mut request = rig.request(&payload, vec![rig.configured("/file")]);
        request.stop = stop.clone();
        rig.fetcher.fetch(request)
    };
    let (one, two, ()) = tokio::join!(request(&first), request(&second), async {
        eventually_async("the stall", DEADLINE, || async { (rig.vendor.bytes_sent("/file") >= 4 << 20).then_some(()) })
            .await;
        first.ask(StopReason::Cancelled);
    });
    assert_eq!(one.unwrap_err().code(), "stopped");
    two.unwrap();
    assert_eq!(rig.vendor.count("/file"), 2);
}
