//! Download software update packages: everything current, enabled and not here.

use std::time::Duration;

use patchwharf_model::job::{JobKind, JobRequest};
use patchwharf_testkit::Payload;

use crate::world::World;

#[tokio::test]
async fn all_that_is_current_enabled_and_not_here_is_staged_and_what_has_no_address_is_named() {
    let mut world = World::start().await;
    let [here, off, wanted, by_hand] =
        ["here.exe", "off.exe", "wanted.exe", "by-hand.exe"].map(|name| Payload::random(name, 30_000));
    let mut no_address = world.describe(&by_hand);
    no_address.url = None;
    let files = [&here, &off, &wanted].map(|payload| vec![world.publish(payload)]);
    let [a, b, c] = files;
    world.catalogue(&[("B-1", a), ("B-2", b), ("B-3", c), ("B-4", vec![no_address])]).await;
    world.stage(&["B-1"]).await.done();
    let mut w = world.app().db.write("admin", "test", world.clock.now()).await.unwrap();
    patchwharf_db::bulletins::set_enabled(&mut w, &[world.bulletin("B-2").await], false).await.unwrap();
    w.commit().await.unwrap();

    let looked = world.run(JobRequest::Download { dry_run: true }).await.done();
    assert_eq!((looked.count("packages"), looked.count("bytes")), (1, 30_000), "{looked:#?}");
    assert_eq!(
        (looked.item("B-3").outcome.as_str(), looked.item("B-4").outcome.as_str()),
        ("would-be-staged", "left-out")
    );
    assert_eq!(world.update("B-3").await.package_id, None, "a look fetches nothing");

    let done = world.run(JobRequest::Download { dry_run: false }).await.done();
    assert_eq!((done.count("staged"), done.count("left-out")), (1, 1), "{done:#?}");
    world.assert_staged("B-3", &[&wanted]).await;
    assert_eq!(world.update("B-2").await.package_id, None, "of a bulletin that is disabled nothing is fetched");
    let again = world.run(JobRequest::Download { dry_run: false }).await.done();
    assert!(again.report.summary.contains("nothing to do"), "{again:#?}");
    world.check().await;
}

#[tokio::test]
async fn it_is_done_by_the_clock_once_it_is_set() {
    let world = World::start().await;
    let one = Payload::random("one.exe", 30_000);
    world.catalogue(&[("B-1", vec![world.publish(&one)])]).await;
    let mut w = world.app().db.write("admin", "test", world.clock.now()).await.unwrap();
    patchwharf_db::settings::set(&mut w, "download.every", "1d").await.unwrap();
    w.commit().await.unwrap();
    patchwharf_server::start::tick(world.app()).await.unwrap();
    world.later(Duration::from_secs(25 * 3600));
    patchwharf_server::start::tick(world.app()).await.unwrap();
    let query = patchwharf_db::jobs::JobQuery { limit: 100, ..Default::default() };
    let jobs = patchwharf_db::jobs::list(&world.app().db, &query).await.unwrap().rows;
    let download = jobs.into_iter().find(|job| job.kind == JobKind::Download).expect("it is due");
    world.ended(download.job_id).await.done();
    world.assert_staged("B-1", &[&one]).await;
}
