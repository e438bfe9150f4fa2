//! many refreshes, of which some fail.

use std::{collections::BTreeSet, fs, time::Duration};

use patchwharf_testkit::{Payload, times};

use crate::world::World;

/// One package in so many cannot be had.
const LOST: usize = 33;

/// What was asked of the vendor since it last forgot.
fn asked(world: &World) -> BTreeSet<String> {
    world.vendor.requests().into_iter().map(|request| request.path).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_08_of_many_refreshes_each_has_its_own_result_and_a_retry_does_only_those_that_failed() {
    let mut world = World::start().await;
    let count = times(100, 1_000);
    let names: Vec<String> = (0..count).map(|n| format!("B-{n:04}")).collect();
    let payloads: Vec<Payload> = names.iter().map(|name| Payload::random(name.clone(), 2_000)).collect();
    let bulletins: Vec<_> =
        names.iter().zip(&payloads).map(|(name, payload)| (name.as_str(), vec![world.publish(payload)])).collect();
    world.catalogue(&bulletins).await;
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    world.stage(&all).await.done();
    for name in &names {
        fs::remove_file(world.folder(name).await.join(name)).unwrap();
    }
    let lost: Vec<usize> = (0..count).skip(LOST / 2).step_by(LOST).collect();
    let paths: BTreeSet<String> = lost.iter().map(|n| format!("/{}", names[*n])).collect();
    paths.iter().for_each(|path| world.vendor.unpublish(path));

    world.vendor.forget();
    let ended = world.refresh(&all).await.failed();
    assert_eq!(asked(&world).len(), count);
    let counts = (ended.count("mended"), ended.count("unreachable"));
    assert_eq!(counts, ((count - lost.len()) as u64, lost.len() as u64));
    for n in &lost {
        let line = ended.item(&names[*n]);
        assert!(line.outcome == "unreachable" && line.reason.contains(&format!("/{}", names[*n])), "{line:#?}");
    }

    // A person refreshes everything again: only what failed is asked for.
    world.vendor.forget();
    let again = world.refresh(&all).await.failed();
    assert_eq!(asked(&world), paths);
    let counts = (again.count("nothing-to-mend"), again.count("unreachable"));
    assert_eq!(counts, ((count - lost.len()) as u64, lost.len() as u64));

    // The clock tries again by itself: nothing else is even looked at.
    lost.iter().for_each(|n| world.vendor.publish(&format!("/{}", names[*n]), &payloads[*n]));
    world.vendor.forget();
    world.later(Duration::from_secs(600));
    let before = super::newest_job(&world).await;
    patchwharf_server::operations::retry::due(world.app()).await.unwrap();
    let retry = super::newest_job(&world).await;
    assert_ne!(before, retry, "a retry is ordered");
    world.app().jobs.wake();
    let retried = world.ended(retry).await.done();
    assert_eq!(retried.count("mended"), lost.len() as u64);
    assert_eq!(retried.report.items.len(), lost.len(), "{:#?}", retried.report);
    assert_eq!(asked(&world), paths);
    for (name, payload) in names.iter().zip(&payloads) {
        world.assert_staged(name, &[payload]).await;
    }
    world.check().await;
    eprintln!("FIGURES: {count} refreshes of which {} failed; the retry did only those", lost.len());
}
