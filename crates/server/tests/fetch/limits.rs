//! S-03 and the other limits of time and number.

use std::{sync::Arc, time::Duration};

use patchwharf_testkit::{
    Payload,
    vendor::{Lie, Mood},
};

use crate::rig::{DEADLINE, Rig};

#[tokio::test]
async fn s_03_a_dripping_vendor_is_given_up_and_the_next_mirror_tried() {
    let rig = Rig::with(|c| {
        c.slow_after = Duration::from_millis(300);
        c.idle_timeout = DEADLINE;
        c.attempts = 1;
    });
    let payload = Payload::random("a.exe", 100_000);
    rig.vendor.lie("/slow", &payload, Lie::Drip { bytes: 1, every: Duration::from_millis(20) });
    rig.vendor.publish("/good", &payload);
    let error = rig.fetch_from(&payload, vec![rig.configured("/slow")]).await.unwrap_err();
    assert_eq!(error.code(), "too-slow");
    assert!(error.to_string().contains("fetch.min-speed-bytes-per-second"), "{error}");
    rig.fetch_from(&payload, vec![rig.configured("/slow"), rig.configured("/good")]).await.unwrap();
}

#[tokio::test]
async fn s_03_a_silent_host_leaves_the_places_of_the_others_free() {
    let rig = Arc::new(Rig::with(|c| {
        (c.parallel, c.per_host) = (4, 2);
        c.idle_timeout = DEADLINE;
    }));
    let slow = patchwharf_testkit::Vendor::start_on("127.0.0.2:0");
    slow.set_mood(Mood::Silent);
    let mut hanging = tokio::task::JoinSet::new();
    for n in 0..20 {
        let (rig, url) = (Arc::clone(&rig), slow.url("/x"));
        hanging.spawn(async move {
            let payload = Payload::random(format!("slow{n}.exe"), 100);
            let from = crate::rig::source(&url, patchwharf_server::fetch::Trust::Configured);
            rig.fetch_from(&payload, vec![from]).await.map(|_| ())
        });
    }
    let payload = Payload::random("a.exe", 10_000);
    rig.vendor.publish("/file", &payload);
    tokio::time::timeout(DEADLINE, rig.fetch(&payload)).await.expect("a place for the good host").unwrap();
    hanging.abort_all();
}

#[tokio::test]
async fn no_more_downloads_per_host_than_allowed() {
    let rig = Arc::new(Rig::with(|c| c.per_host = 3));
    let mut all = tokio::task::JoinSet::new();
    for n in 0..30 {
        let rig = Arc::clone(&rig);
        all.spawn(async move {
            let payload = Payload::random(format!("{n}.exe"), 2_000);
            let path = format!("/{n}");
            rig.vendor.publish(&path, &payload);
            rig.fetch_from(&payload, vec![rig.configured(&path)]).await.unwrap();
            rig.progress.snapshot(std::time::Instant::now()).1.files.len()
        });
    }
    assert_eq!(all.join_all().await.len(), 30);
}
