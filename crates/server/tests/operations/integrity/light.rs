//! Light checks: length and time stamps. What was touched is never called healthy.

use std::{fs, time::Duration};

use patchwharf_db::jobs as job_table;
use patchwharf_model::{
    finding::{DoneBy, FindingKind as Kind, Outcome},
    job::{IntegrityCheck, JobKind, JobRequest, JobState},
    package::VersionState,
};

use patchwharf_server::jobs::Order;

use super::{budget::hours_from_now, check, finish, found_by, full, light, many, rot};
use crate::world::World;

#[tokio::test]
async fn a_light_check_of_a_healthy_store_reads_and_writes_nothing() {
    let world = World::start().await;
    let names = many(&world, 40).await;
    let first = check(&world, light()).await.clean();
    assert!(first.findings.is_empty(), "{first:#?}");
    let proved = world.update(&names[0]).await.proved_at;
    world.later(Duration::from_secs(3600));
    let checked = check(&world, light()).await.clean();
    assert_eq!((checked.ended.count("bytes-read"), checked.ended.count("files")), (0, 40));
    assert!(checked.ended.report.summary.contains("compared by length and time stamps"));
    assert_eq!(world.update(&names[0]).await.proved_at, proved, "a stamp proves nothing anew");
}

#[tokio::test]
async fn a_changed_time_stamp_is_never_healthy_it_orders_the_full_check_of_that_file() {
    let world = World::start().await;
    let names = many(&world, 3).await;
    let path = world.folder(&names[1]).await.join(&names[1]);
    let later = fs::metadata(&path).unwrap().modified().unwrap() + Duration::from_secs(5);
    fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
    // Nothing is known to be wrong: the job that was ordered will say it.
    let checked = check(&world, light()).await.clean();
    let finding = checked.one(Kind::FileUnproved);
    assert_eq!((finding.outcome, finding.by), (Outcome::Ordered, DoneBy::Clock));
    assert_eq!(checked.findings.len(), 1);
    let query = job_table::JobQuery { kinds: vec![JobKind::IntegrityCheck], limit: 10, ..Default::default() };
    let jobs = job_table::list(&world.app().db, &query).await.unwrap().rows;
    let ordered = jobs.iter().find(|job| job.job_id != checked.job).expect("a full check was ordered");
    assert!(finding.became.contains(&ordered.job_id.to_string()), "{finding:#?}");
    let ended = world.ended(ordered.job_id).await.done();
    assert_eq!((ended.count("packages"), ended.count("bytes-read")), (1, 2_000), "of exactly that package");
    assert!(check(&world, light()).await.clean().findings.is_empty(), "its bytes were right");
}

/// What is ordered keeps to the hours of the check that orders it; the clock's own little orders need none.
#[tokio::test]
async fn an_ordered_full_check_keeps_to_the_hours_that_were_asked_for() {
    let world = World::start().await;
    let names = many(&world, 2).await;
    let path = world.folder(&names[1]).await.join(&names[1]);
    let touch = |seconds: u64| {
        let later = fs::metadata(&path).unwrap().modified().unwrap() + Duration::from_secs(seconds);
        fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
    };
    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    let of_the_clock = hours_from_now(&world, 120);
    patchwharf_db::settings::set(&mut w, "integrity.only-between", &of_the_clock.to_string()).await.unwrap();
    w.commit().await.unwrap();
    let own = hours_from_now(&world, -10);
    for (actor, asked, kept) in [("admin", Some(own), Some(own)), ("admin", None, None), (Order::CLOCK, None, None)] {
        touch(5);
        let wish = IntegrityCheck { only_between: asked, ..light() };
        let job = world.app().jobs.order(JobRequest::IntegrityCheck(wish), Order::by(actor)).await.unwrap().job;
        world.ended(job).await.done();
        let finding = found_by(&world, job).await.into_iter().find(|one| one.kind == Kind::FileUnproved).unwrap();
        let ordered = finding.became.split_whitespace().nth(1).unwrap().parse().unwrap();
        let row = job_table::show(&world.app().db, ordered).await.unwrap();
        let Ok(JobRequest::IntegrityCheck(full)) = serde_json::from_str(&row.payload) else { panic!("{row:#?}") };
        assert_eq!((full.light, full.only_between), (false, kept), "{actor}");
        world.ended(ordered).await.done();
    }
}

#[tokio::test]
async fn rot_behind_an_unchanged_length_and_time_is_betrayed_by_the_inode() {
    let world = World::start().await;
    let names = many(&world, 3).await;
    rot(&world.folder(&names[2]).await.join(&names[2]));
    let checked = check(&world, light()).await.clean();
    assert_eq!(checked.kinds(), [Kind::FileUnproved]);
    let became = checked.one(Kind::FileUnproved).became.clone();
    let job = became.split_whitespace().nth(1).unwrap().parse().unwrap();
    world.ended(job).await.failed();
    assert_eq!(world.update(&names[2]).await.state, Some(VersionState::Corrupt));
    // The same bad file, untouched since: named again, not hashed again.
    let again = check(&world, light()).await.troubled();
    assert_eq!(again.kinds(), [Kind::FileChanged], "{again:#?}");
    assert!(again.one(Kind::FileChanged).found.contains("SHA-256"));
    let query = job_table::JobQuery { kinds: vec![JobKind::IntegrityCheck], limit: 10, ..Default::default() };
    assert_eq!(job_table::list(&world.app().db, &query).await.unwrap().rows.len(), 3, "nothing more was ordered");
    // Touched again, it has to be hashed again.
    let path = world.folder(&names[2]).await.join(&names[2]);
    fs::write(&path, patchwharf_testkit::Payload::random(names[2].clone(), 2_000).bytes).unwrap();
    let healed = check(&world, light()).await.clean();
    let job = healed.one(Kind::FileUnproved).became.split_whitespace().nth(1).unwrap().parse().unwrap();
    world.ended(job).await.done();
    assert_eq!(world.update(&names[2]).await.state, Some(VersionState::Staged));
}

#[tokio::test]
async fn what_is_plain_without_reading_is_said_at_once() {
    let world = World::start().await;
    let names = many(&world, 4).await;
    fs::remove_file(world.folder(&names[0]).await.join(&names[0])).unwrap();
    fs::File::options().write(true).open(world.folder(&names[1]).await.join(&names[1])).unwrap().set_len(3).unwrap();
    fs::write(world.folder(&names[2]).await.join("version.dll"), "planted").unwrap();
    let checked = check(&world, light()).await.troubled();
    let mut kinds = checked.kinds();
    kinds.sort();
    assert_eq!(kinds, [Kind::FileMissing, Kind::FileTruncated, Kind::FileExtra]);
    assert_eq!(world.update(&names[0]).await.state, Some(VersionState::Missing));
    assert_eq!(world.update(&names[1]).await.state, Some(VersionState::Corrupt));
    let mended = check(&world, patchwharf_model::job::IntegrityCheck { repair: true, ..light() }).await.clean();
    assert_eq!(mended.findings.len(), 3, "{mended:#?}");
    assert!(check(&world, full()).await.clean().kinds().is_empty());
}

#[tokio::test]
async fn a_manifest_that_was_changed_is_found_by_its_stamp() {
    let world = World::start().await;
    let names = many(&world, 3).await;
    check(&world, light()).await.clean();
    let path = world.folder(&names[1]).await.join("package.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("vendor", "vandal")).unwrap();
    let checked = check(&world, light()).await.troubled();
    assert_eq!(checked.kinds(), [Kind::ManifestUnsigned]);
    fs::write(&path, text).unwrap();
    check(&world, light()).await.clean();
}

#[tokio::test]
async fn by_the_clock_light_checks_run_every_hour_and_full_ones_every_week_and_both_mend() {
    let world = World::start().await;
    let names = many(&world, 2).await;
    let kinds = |jobs: Vec<job_table::Job>| {
        let wish = |job: &job_table::Job| job.payload.contains("\"light\":true");
        (jobs.iter().filter(|job| wish(job)).count(), jobs.iter().filter(|job| !wish(job)).count())
    };
    let query = job_table::JobQuery { kinds: vec![JobKind::IntegrityCheck], limit: 100, ..Default::default() };
    let jobs = || async { job_table::list(&world.app().db, &query).await.unwrap().rows };
    patchwharf_server::start::tick(world.app()).await.unwrap();
    assert!(jobs().await.is_empty(), "the first is one period after the first start");
    world.later(Duration::from_secs(3700));
    patchwharf_server::start::tick(world.app()).await.unwrap();
    assert_eq!(kinds(jobs().await), (1, 0));
    finish(&world, jobs().await[0].job_id).await;
    rot(&world.folder(&names[0]).await.join(&names[0]));
    world.later(Duration::from_secs(7 * 24 * 3600));
    patchwharf_server::start::tick(world.app()).await.unwrap();
    for job in jobs().await {
        finish(&world, job.job_id).await;
    }
    // Those that the light one has ordered.
    for job in jobs().await {
        finish(&world, job.job_id).await;
    }
    let all = jobs().await;
    assert!(all.iter().all(|job| job.state != JobState::Queued));
    assert!(kinds(all.clone()).1 >= 1, "{all:#?}");
    assert!(all.iter().any(|job| job.payload.contains("\"past_cache\":true")), "from the disk itself");
    world.assert_staged(&names[0], &[&patchwharf_testkit::Payload::random(names[0].clone(), 2_000)]).await;

    let mut w = world.app().db.write("test", "test", world.clock.now()).await.unwrap();
    patchwharf_db::settings::set(&mut w, "integrity.light-every", "off").await.unwrap();
    patchwharf_db::settings::set(&mut w, "integrity.full-every", "30d").await.unwrap();
    w.commit().await.unwrap();
    world.later(Duration::from_secs(8 * 24 * 3600));
    patchwharf_server::start::tick(world.app()).await.unwrap();
    assert_eq!(jobs().await.len(), all.len(), "the settings count");
}

#[tokio::test]
async fn a_clock_that_ran_ahead_once_stops_no_check() {
    let world = World::start().await;
    many(&world, 1).await;
    let query = job_table::JobQuery { kinds: vec![JobKind::IntegrityCheck], limit: 100, ..Default::default() };
    let count = || async { job_table::list(&world.app().db, &query).await.unwrap().rows.len() };
    patchwharf_server::start::tick(world.app()).await.unwrap();
    let now = world.clock.now();
    world.later(Duration::from_secs(10 * 365 * 24 * 3600));
    patchwharf_server::start::tick(world.app()).await.unwrap();
    let ahead = count().await;
    assert!(ahead > 0);
    for job in job_table::list(&world.app().db, &query).await.unwrap().rows {
        finish(&world, job.job_id).await;
    }
    world.clock.set(now);
    patchwharf_server::start::tick(world.app()).await.unwrap();
    assert!(count().await > ahead, "its times lie ten years ahead, and are not waited for");
}

#[tokio::test]
async fn by_the_clock_a_light_check_stores_no_leftover_twice() {
    let world = World::start().await;
    many(&world, 1).await;
    fs::write(world.packages().join("holiday.jpg"), "mine").unwrap();
    let request = || patchwharf_model::job::JobRequest::IntegrityCheck(light());
    let mut summaries = Vec::new();
    let mut found = Vec::new();
    for _ in 0..2 {
        let order = patchwharf_server::jobs::Order::by(patchwharf_server::jobs::Order::CLOCK);
        let job = world.app().jobs.order(request(), order).await.unwrap().job;
        summaries.push(world.ended(job).await.report.summary);
        found.push(super::found_by(&world, job).await.len());
    }
    assert_eq!(found, [1, 0], "{summaries:#?}");
    assert!(summaries.iter().all(|summary| summary.contains("1 finding (1 leftover)")), "{summaries:#?}");
    // A person is shown all of it, and it is as old as it is.
    let first = world.clock.now();
    world.later(Duration::from_secs(3_600));
    assert_eq!(check(&world, full()).await.troubled().one(Kind::FileForeign).since, first);
}
