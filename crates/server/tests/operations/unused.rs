//! Deleting what nothing uses: each rule at its very moment, each thing that keeps a package, what is said, what is left.

mod kept;
mod many;

use std::{collections::BTreeSet, time::Duration};

use patchwharf_db::{
    audit::{self, AuditFilter},
    bulletins,
    catalogue::{self, Counting, Switch, UpdateStanding},
    policies::{self, OnRevision},
    settings,
};
use patchwharf_model::{
    PolicyId, UnusedAfter,
    job::{DeleteUnused, IntegrityCheck, JobRequest, Selection},
};
use patchwharf_testkit::Payload;

use crate::world::{Ended, World};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// What a time in the database is rounded to.
const MOMENT: Duration = Duration::from_micros(1);

fn days(days: u32) -> Option<UnusedAfter> {
    Some(UnusedAfter(Some(DAY * days)))
}

async fn delete_unused(world: &World, wish: DeleteUnused) -> Ended {
    world.run(JobRequest::DeleteUnused(wish)).await
}

/// `B-1`, `B-2` and so on, staged.
async fn staged(count: usize) -> World {
    let world = World::start().await;
    let names: Vec<String> = (1..=count).map(|n| format!("B-{n}")).collect();
    let files: Vec<_> =
        (1..=count).map(|n| vec![world.publish(&Payload::random(format!("f{n}.exe"), 1_000 * n))]).collect();
    let all: Vec<_> = names.iter().map(String::as_str).zip(files).collect();
    world.catalogue(&all).await;
    world.stage(&names.iter().map(String::as_str).collect::<Vec<_>>()).await.done();
    world
}

/// The update of a bulletin is superseded by that of another from now on, as an import would have it.
async fn supersede(world: &World, old: &str, new: &str) {
    let update_id = world.update(old).await.update_id;
    let db = &world.app().db;
    let mut w = db.write("test", "test", world.clock.now()).await.unwrap();
    let generation = catalogue::begin_generation(&mut w, world.feed).await.unwrap();
    let standing = UpdateStanding { update_id, superseded_by: Some(format!("{new}.update")), listed: true };
    catalogue::set_update_standing(&mut w, world.feed, generation, &[standing]).await.unwrap();
    w.commit().await.unwrap();
    let mut w = db.write("test", "test", world.clock.now()).await.unwrap();
    let mut counting = Counting::begin(db, world.feed, generation).await.unwrap();
    let counted = counting.next(&mut w, usize::MAX).await.unwrap().unwrap();
    catalogue::switch_generation(&mut w, &Switch { counted, fingerprint: None, catalogue_date: None }).await.unwrap();
    w.commit().await.unwrap();
}

async fn disable(world: &World, bulletin: &str) {
    let id = world.bulletin(bulletin).await;
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    bulletins::set_enabled(&mut w, &[id], false).await.unwrap();
    w.commit().await.unwrap();
}

async fn policy(world: &World, name: &str, bulletin: &str, enabled: bool) -> PolicyId {
    let update = world.update(bulletin).await.update_id;
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    let id = policies::create(&mut w, name, true, OnRevision::Automatic, &[update]).await.unwrap();
    policies::set_enabled(&mut w, id, enabled).await.unwrap();
    w.commit().await.unwrap();
    id
}

async fn set(world: &World, name: &str, value: &str) {
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    settings::set(&mut w, name, value).await.unwrap();
    w.commit().await.unwrap();
}

/// The bulletins that still have a package.
async fn left(world: &World, count: usize) -> BTreeSet<usize> {
    let mut left = BTreeSet::new();
    for n in 1..=count {
        if world.update(&format!("B-{n}")).await.package_id.is_some() {
            left.insert(n);
        }
    }
    left
}

#[tokio::test]
async fn with_every_rule_off_nothing_goes_and_the_way_to_switch_one_on_is_said() {
    let mut world = staged(1).await;
    disable(&world, "B-1").await;
    world.later(DAY * 9_000);
    let ended = delete_unused(&world, DeleteUnused::default()).await.done();
    let summary = &ended.report.summary;
    assert!(summary.contains("every rule is off") && summary.contains("settings set unused."), "{summary}");
    let check = IntegrityCheck { delete_unused: true, ..IntegrityCheck::full(Selection::All) };
    let checked = world.run(JobRequest::IntegrityCheck(check)).await.done();
    assert!(checked.report.summary.contains("every rule is off"), "{checked:#?}");
    assert_eq!(left(&world, 1).await, [1].into());
    world.check().await;
}

#[tokio::test]
async fn superseded_packages_go_when_their_time_has_come_and_not_a_moment_before() {
    let mut world = staged(4).await;
    world.later(DAY);
    // The one that supersedes was known from the first day.
    for old in ["B-1", "B-2", "B-3"] {
        supersede(&world, old, "B-4").await;
    }
    policy(&world, "servers", "B-2", true).await;
    let off = policy(&world, "lab", "B-3", false).await;
    let wish = || DeleteUnused { superseded_after: days(30), ..DeleteUnused::default() };
    world.later(DAY * 29 - MOMENT);
    let ended = delete_unused(&world, wish()).await.done();
    assert_eq!(ended.count("deleted"), 0, "{ended:#?}");
    world.later(MOMENT);
    let folder = world.folder("B-1").await;
    let ended = delete_unused(&world, wish()).await.done();
    assert_eq!((ended.count("deleted"), ended.count("superseded"), ended.count("kept")), (2, 2, 0), "{ended:#?}");
    assert_eq!((ended.count("superseded-bytes"), ended.count("bytes-freed") >= 4_000), (4_000, true), "{ended:#?}");
    let summary = &ended.report.summary;
    assert!(summary.contains("2 unused packages deleted") && summary.contains("1 superseded and needed"), "{summary}");
    let line = ended.item("B-1 B-1.update");
    assert!(line.reason.starts_with("superseded: 1000 bytes; superseded by B-4.update, since 2026-11-22"), "{line:?}");
    assert!(ended.item("B-3").reason.contains("a disabled policy shows \"package missing\""), "{ended:#?}");
    assert!(!folder.exists() && !folder.parent().unwrap().exists());
    assert_eq!(left(&world, 4).await, [2, 4].into());
    let switch = policies::switches(&world.app().db, off).await.unwrap().remove(0);
    assert!(switch.enabled && switch.package_id.is_none(), "it shows \"package missing\"");
    let trail = AuditFilter { action: Some("package.delete"), ..AuditFilter::default() };
    let trail = audit::list(&world.app().db, trail, None, 10).await.unwrap().rows;
    let before = trail[0].before.as_deref().unwrap_or_default();
    assert!(trail.len() == 2 && before.contains("superseded: ") && trail[0].source.starts_with("job "), "{trail:#?}");
    // It can be had again.
    world.stage(&["B-4"]).await.done();
    world.check().await;
}

#[tokio::test]
async fn packages_of_disabled_bulletins_and_packages_without_a_policy_go_in_their_time() {
    let mut world = staged(4).await;
    for bulletin in ["B-1", "B-2"] {
        disable(&world, bulletin).await;
    }
    // A policy keeps a package whether it is on or off.
    policy(&world, "lab", "B-2", false).await;
    policy(&world, "servers", "B-4", true).await;
    let disabled = || DeleteUnused { disabled_after: days(10), ..DeleteUnused::default() };
    let idle = || DeleteUnused { without_policy_after: days(20), ..DeleteUnused::default() };
    world.later(DAY * 10 - MOMENT);
    assert_eq!(delete_unused(&world, disabled()).await.done().count("deleted"), 0);
    world.later(MOMENT);
    let ended = delete_unused(&world, disabled()).await.done();
    assert_eq!((ended.count("deleted"), ended.count("disabled")), (1, 1), "{ended:#?}");
    assert_eq!(left(&world, 4).await, [2, 3, 4].into());
    // Staged again: its time begins anew.
    world.later(DAY * 5);
    world.run(JobRequest::RefreshComplete { of: world.of(&["B-3"]).await }).await.done();
    world.later(DAY * 20 - MOMENT);
    assert_eq!(delete_unused(&world, idle()).await.done().count("deleted"), 0);
    world.later(MOMENT);
    let ended = delete_unused(&world, idle()).await.done();
    assert_eq!((ended.count("deleted"), ended.count("without-policy")), (1, 1), "{ended:#?}");
    assert_eq!(left(&world, 4).await, [2, 4].into());
    world.check().await;
}

#[tokio::test]
async fn a_dry_run_names_packages_rules_and_bytes_and_touches_nothing() {
    let mut world = staged(5).await;
    set(&world, "unused.superseded-after", "30d").await;
    set(&world, "unused.disabled-after", "5d").await;
    set(&world, "unused.without-policy-after", "40d").await;
    supersede(&world, "B-1", "B-5").await;
    supersede(&world, "B-2", "B-5").await;
    disable(&world, "B-2").await;
    disable(&world, "B-3").await;
    policy(&world, "servers", "B-5", true).await;
    world.later(DAY * 40);
    let before = tree(&world);
    let dry = delete_unused(&world, DeleteUnused { dry_run: true, ..DeleteUnused::default() }).await.done();
    let counts = ["would-be-deleted", "superseded", "disabled", "without-policy", "unused-bytes", "superseded-bytes"];
    assert_eq!(counts.map(|name| dry.count(name)), [4, 2, 1, 1, 10_000, 3_000], "{dry:#?}");
    assert!(dry.report.summary.contains("nothing was deleted (dry run)"), "{dry:#?}");
    assert_eq!((tree(&world), left(&world, 5).await), (before, (1..=5).collect()));
    // An override is for one run.
    let some = DeleteUnused { dry_run: true, superseded_after: Some(UnusedAfter::OFF), ..DeleteUnused::default() };
    let some = delete_unused(&world, some).await.done();
    assert_eq!(
        (some.count("superseded"), some.count("disabled"), some.count("without-policy")),
        (0, 2, 2),
        "{some:#?}"
    );
    let real = delete_unused(&world, DeleteUnused::default()).await.done();
    assert_eq!((real.count("deleted"), real.count("unused-bytes")), (4, 10_000), "{real:#?}");
    assert_eq!(left(&world, 5).await, [5].into());
    let none = delete_unused(&world, DeleteUnused::default()).await.done();
    assert_eq!(none.report.summary, "no unused package was deleted");
    world.check().await;
}

/// Every path below the first package location.
fn tree(world: &World) -> BTreeSet<String> {
    let found = std::process::Command::new("find").arg(world.packages()).output().unwrap();
    String::from_utf8_lossy(&found.stdout).lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn the_integrity_check_deletes_by_the_rules_that_are_set_and_only_what_it_is_about() {
    let mut world = staged(3).await;
    set(&world, "unused.without-policy-after", "1d").await;
    world.later(DAY);
    let wish = |of: Selection, dry_run: bool| {
        let check = IntegrityCheck { delete_unused: true, dry_run, ..IntegrityCheck::full(of) };
        JobRequest::IntegrityCheck(check)
    };
    let dry = world.run(wish(Selection::All, true)).await.done();
    assert!(dry.report.summary.contains("3 unused packages would be deleted"), "{dry:#?}");
    assert_eq!(left(&world, 3).await, [1, 2, 3].into());
    let some = world.run(wish(world.of(&["B-2"]).await, false)).await.done();
    assert_eq!(some.count("deleted"), 1, "{some:#?}");
    assert!(some.report.summary.contains("everything is as it should be; then 1 unused package deleted"), "{some:#?}");
    assert_eq!(left(&world, 3).await, [1, 3].into());
    let elsewhere = world.location("elsewhere", false).await;
    let check =
        IntegrityCheck { delete_unused: true, location: Some(elsewhere), ..IntegrityCheck::full(Selection::All) };
    let none = world.run(JobRequest::IntegrityCheck(check)).await.done();
    assert_eq!(none.count("deleted"), 0, "nothing is served from there: {none:#?}");
    let all = world.run(wish(Selection::All, false)).await.done();
    assert_eq!(all.count("deleted"), 2, "{all:#?}");
    world.check().await;
}

#[tokio::test]
async fn the_check_by_the_clock_deletes_only_when_that_is_switched_on() {
    let mut world = staged(2).await;
    set(&world, "unused.without-policy-after", "1d").await;
    let full = |world: &World| {
        let app = std::sync::Arc::clone(world.app());
        async move {
            patchwharf_server::start::tick(&app).await.unwrap();
            let query = patchwharf_db::jobs::JobQuery { limit: 100, ..Default::default() };
            let jobs = patchwharf_db::jobs::list(&app.db, &query).await.unwrap();
            jobs.rows.into_iter().find(|job| job.payload.contains("\"past_cache\":true")).map(|job| job.job_id)
        }
    };
    // The first look at the clock only notes the time.
    full(&world).await;
    world.later(DAY * 40);
    let check = full(&world).await.expect("a full check is due");
    assert_eq!(world.ended(check).await.count("deleted"), 0);
    assert_eq!(left(&world, 2).await, [1, 2].into());
    set(&world, "unused.by-the-clock", "on").await;
    world.later(DAY * 40);
    let check = full(&world).await.expect("another one is due");
    assert_eq!(world.ended(check).await.count("deleted"), 2);
    world.check().await;
}
