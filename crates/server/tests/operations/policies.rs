use patchwharf_db::{
    bulletins,
    policies::{self, OnRevision, PolicyUpdate},
};
use patchwharf_model::{PolicyId, job::JobRequest};
use patchwharf_testkit::Payload;

use crate::world::World;

async fn world_with_policy(on_revision: OnRevision) -> (World, PolicyId) {
    let world = World::start().await;
    let one = Payload::random("one.exe", 30_000);
    world.catalogue(&[("B-1", vec![world.publish(&one)])]).await;
    world.stage(&["B-1"]).await.done();
    let update = world.update("B-1").await.update_id;
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    let id = policies::create(&mut w, "servers", true, on_revision, &[update]).await.unwrap();
    w.commit().await.unwrap();
    (world, id)
}

async fn switch(world: &World, id: PolicyId) -> PolicyUpdate {
    policies::switches(&world.app().db, id).await.unwrap().remove(0)
}

async fn revise(world: &World) {
    let new = Payload::random("two.exe", 30_000);
    world.catalogue(&[("B-1", vec![world.publish(&new)])]).await;
    world.stage(&["B-1"]).await.done();
}

#[tokio::test]
async fn a_policy_follows_a_quick_refresh_and_a_complete_one_and_the_report_says_so() {
    let (world, id) = world_with_policy(OnRevision::Ask).await;
    std::fs::remove_file(world.folder("B-1").await.join("one.exe")).unwrap();
    let ended = world.refresh(&["B-1"]).await.done();
    assert_eq!(switch(&world, id).await.version, Some(2), "the content is the same: nothing to ask");
    assert!(ended.item("policy servers").reason.contains("version 2"));
    let of = world.of(&["B-1"]).await;
    world.run(JobRequest::RefreshComplete { of }).await.done();
    assert_eq!(switch(&world, id).await.package_id, world.update("B-1").await.package_id);
}

#[tokio::test]
async fn an_automatic_policy_follows_a_vendors_revision() {
    let (mut world, id) = world_with_policy(OnRevision::Automatic).await;
    revise(&world).await;
    let switch = switch(&world, id).await;
    assert_eq!((switch.version, switch.enabled), (Some(2), true));
    world.check().await;
}

#[tokio::test]
async fn the_job_revise_stages_anew_what_the_vendor_has_revised_and_policies_follow() {
    let (mut world, id) = world_with_policy(OnRevision::Automatic).await;
    let nothing = world.run(JobRequest::Revise { dry_run: false }).await.done();
    assert!(nothing.report.summary.contains("nothing to do"), "{nothing:?}");
    let new = Payload::random("two.exe", 30_000);
    world.catalogue(&[("B-1", vec![world.publish(&new)])]).await;
    let of = [world.update("B-1").await.bulletin_id];
    for (enabled, found) in [(false, 0), (true, 1)] {
        let mut w = world.app().db.write("admin", "test", world.clock.now()).await.unwrap();
        patchwharf_db::bulletins::set_enabled(&mut w, &of, enabled).await.unwrap();
        w.commit().await.unwrap();
        let looked = world.run(JobRequest::Revise { dry_run: true }).await.done();
        assert_eq!(looked.report.items.len(), found, "of a bulletin that is disabled nothing is fetched");
    }
    let looked = world.run(JobRequest::Revise { dry_run: true }).await.done();
    assert_eq!((looked.count("packages"), looked.count("bytes")), (1, 30_000), "{looked:?}");
    assert_eq!(switch(&world, id).await.version, Some(1), "a look changes nothing");
    let done = world.run(JobRequest::Revise { dry_run: false }).await.done();
    assert!(done.report.summary.contains("1 package revised"), "{done:?}");
    assert_eq!(switch(&world, id).await.version, Some(2));
    assert!(world.run(JobRequest::Revise { dry_run: true }).await.done().report.items.is_empty());
    world.check().await;
}

#[tokio::test]
async fn revised_updates_are_staged_anew_by_the_clock_once_it_is_set() {
    let (world, id) = world_with_policy(OnRevision::Automatic).await;
    let mut w = world.app().db.write("admin", "test", world.clock.now()).await.unwrap();
    patchwharf_db::settings::set(&mut w, "revise.every", "1d").await.unwrap();
    w.commit().await.unwrap();
    patchwharf_server::start::tick(world.app()).await.unwrap();
    let new = Payload::random("two.exe", 30_000);
    world.catalogue(&[("B-1", vec![world.publish(&new)])]).await;
    world.later(std::time::Duration::from_secs(25 * 3600));
    patchwharf_server::start::tick(world.app()).await.unwrap();
    let query = patchwharf_db::jobs::JobQuery { limit: 100, ..Default::default() };
    let jobs = patchwharf_db::jobs::list(&world.app().db, &query).await.unwrap().rows;
    let revise = jobs.into_iter().find(|job| job.kind == patchwharf_model::job::JobKind::Revise).expect("it is due");
    world.ended(revise.job_id).await.done();
    assert_eq!(switch(&world, id).await.version, Some(2));
}

#[tokio::test]
async fn an_asking_policy_keeps_what_it_had_until_the_administrator_accepts() {
    let (mut world, id) = world_with_policy(OnRevision::Ask).await;
    let old = world.folder("B-1").await;
    revise(&world).await;
    let held = switch(&world, id).await;
    assert_eq!((held.version, held.pending_version, held.enabled), (Some(1), Some(2), true));
    world.later(std::time::Duration::from_secs(48 * 3600));
    world.run(JobRequest::Reconcile { dry_run: false }).await.done();
    assert!(old.exists(), "what a policy points at is not swept");
    let mut w = world.app().db.write("admin", "test", world.clock.now()).await.unwrap();
    assert_eq!(policies::accept(&mut w, id, None).await.unwrap(), 1);
    w.commit().await.unwrap();
    assert_eq!(switch(&world, id).await.version, Some(2));
    world.check().await;
}

#[tokio::test]
async fn a_disabled_bulletin_is_withdrawn_from_the_policy_and_comes_back_as_it_was() {
    let (world, id) = world_with_policy(OnRevision::Automatic).await;
    let bulletin = world.bulletin("B-1").await;
    for enabled in [false, true] {
        let mut w = world.app().db.write("admin", "test", world.clock.now()).await.unwrap();
        bulletins::set_enabled(&mut w, &[bulletin], enabled).await.unwrap();
        w.commit().await.unwrap();
        let switch = switch(&world, id).await;
        assert_eq!((switch.offered, switch.enabled), (Some(enabled), true));
        world.refresh(&["B-1"]).await.done();
    }
}
