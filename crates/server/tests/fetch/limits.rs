//! S-03 and the other limits of time and number.

use std::{sync::Arc, time::Duration};

use patchwharf_server::{fetch::Trust, jobs::StopReason};
use patchwharf_testkit::{
    Payload, Vendor, eventually_async,
    vendor::{Lie, Mood},
};

use crate::rig::{DEADLINE, Rig, source};

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
async fn who_is_asked_to_stop_does_not_wait_for_the_bandwidth() {
    let rig = Rig::with(|c| {
        c.max_bytes_per_second = 1;
        c.idle_timeout = DEADLINE;
    });
    let payload = Payload::random("a.exe", 20_000);
    rig.vendor.lie("/file", &payload, Lie::StallAt(10_000));
    let stopped = async {
        let came = || async { (rig.vendor.held() == 1).then_some(()) };
        eventually_async("half of it is on its way, worth hours", DEADLINE, came).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        rig.stop.ask(StopReason::Paused);
    };
    let both = async { tokio::join!(rig.fetch(&payload), stopped).0 };
    let ended = tokio::time::timeout(DEADLINE, both).await.expect("it stops at once");
    assert_eq!(ended.unwrap_err().code(), "stopped");
}

#[tokio::test]
async fn s_03_a_silent_host_leaves_the_places_of_the_others_free() {
    let rig = Arc::new(Rig::with(|c| {
        (c.parallel, c.per_host) = (4, 2);
        c.idle_timeout = DEADLINE;
    }));
    let slow = Vendor::start_on("127.0.0.2:0");
    slow.set_mood(Mood::Silent);
    let mut hanging = tokio::task::JoinSet::new();
    for n in 0..20 {
        let (rig, url) = (Arc::clone(&rig), slow.url("/x"));
        hanging.spawn(async move {
            let payload = Payload::random(format!("slow{n}.exe"), 100);
            let from = source(&url, Trust::Configured);
            rig.fetch_from(&payload, vec![from]).await.map(|_| ())
        });
    }
    let payload = Payload::random("a.exe", 10_000);
    rig.vendor.publish("/file", &payload);
    tokio::time::timeout(DEADLINE, rig.fetch(&payload)).await.expect("a place for the good host").unwrap();
    hanging.abort_all();
}

/// Downloads files whose bodies the vendors hold open, lets go of all of them whenever `together` stand still, and says
/// how many did at most at each vendor.
async fn held(rig: &Arc<Rig>, vendors: &[Vendor], of_each: usize, together: usize) -> Vec<usize> {
    let mut all = tokio::task::JoinSet::new();
    for (number, vendor) in vendors.iter().enumerate() {
        for n in 0..of_each {
            let payload = Payload::random(format!("{number}-{n}.exe"), 2_000);
            let path = format!("/{n}");
            vendor.lie(&path, &payload, Lie::StallAt(1_000));
            let (rig, from) = (Arc::clone(rig), source(&vendor.url(&path), Trust::Configured));
            all.spawn(async move { rig.fetch_from(&payload, vec![from]).await.map(drop) });
        }
    }
    while !all.is_empty() {
        let wave = together.min(all.len());
        eventually_async("as many downloads as may be are under way", DEADLINE, || async {
            (vendors.iter().map(Vendor::held).sum::<usize>() == wave).then_some(())
        })
        .await;
        vendors.iter().for_each(Vendor::release);
        for _ in 0..wave {
            all.join_next().await.unwrap().unwrap().unwrap();
        }
    }
    vendors.iter().map(Vendor::most_held).collect()
}

#[tokio::test]
async fn no_more_downloads_per_host_than_allowed() {
    let rig = Arc::new(Rig::with(|c| (c.parallel, c.per_host) = (16, 3)));
    let vendors = [Vendor::start(), Vendor::start_on("127.0.0.2:0")];
    assert_eq!(held(&rig, &vendors, 30, 6).await, [3, 3], "the limit is each host's own");
}

#[tokio::test]
async fn no_more_downloads_altogether_than_allowed() {
    let rig = Arc::new(Rig::with(|c| (c.parallel, c.per_host) = (4, 8)));
    assert_eq!(held(&rig, &[Vendor::start()], 30, 4).await, [4]);
}
