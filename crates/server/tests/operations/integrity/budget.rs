//! The hours in which a check may run. (The rate is proved where the bytes are paid for: `bandwidth`, `pace`.)

use std::time::Duration;

use jiff::{ToSpan as _, tz::TimeZone};
use patchwharf_db::jobs as job_table;
use patchwharf_model::{
    DailyHours,
    job::{IntegrityCheck, JobRequest, JobState},
};
use patchwharf_testkit::eventually_async;

use super::{check, full, many};
use crate::world::{DEADLINE, World};

/// Hours that begin so long after now, by the machine's clock, and last an hour.
pub fn hours_from_now(world: &World, minutes: i64) -> DailyHours {
    let now = world.clock.now().to_zoned(TimeZone::system());
    let from = now.checked_add(minutes.minutes()).unwrap();
    let to = from.checked_add(1.hour()).unwrap();
    format!("{:02}:{:02}-{:02}:{:02}", from.hour(), from.minute(), to.hour(), to.minute()).parse().unwrap()
}

#[tokio::test]
async fn outside_its_hours_a_check_waits_by_itself_and_runs_when_they_begin() {
    let world = World::start().await;
    many(&world, 2).await;
    let wish = IntegrityCheck { only_between: Some(hours_from_now(&world, 120)), ..full() };
    let job = world.order(JobRequest::IntegrityCheck(wish)).await;
    let row = eventually_async("it waits", DEADLINE, || async {
        let row = job_table::show(&world.app().db, job).await.unwrap();
        (row.state == JobState::Queued && !row.waiting_for.is_empty()).then_some(row)
    })
    .await;
    assert!(row.waiting_for.contains("its hours"), "{}", row.waiting_for);
    assert_eq!(row.not_before, world.clock.now().checked_add(Duration::from_secs(7_200)).unwrap());
    world.later(Duration::from_secs(7_300));
    world.app().jobs.wake();
    world.ended(job).await.done();
    let now = IntegrityCheck { only_between: Some(hours_from_now(&world, -10)), ..full() };
    check(&world, now).await.clean();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_its_hours_end_a_check_stops_with_what_it_has_and_goes_on_the_next_day() {
    let world = World::start().await;
    let names = many(&world, 30).await;
    world.later(Duration::from_secs(60));
    let began = world.clock.now();
    let wish = IntegrityCheck {
        only_between: Some(hours_from_now(&world, -10)),
        max_bytes_per_second: Some(10_000),
        ..full()
    };
    let job = world.order(JobRequest::IntegrityCheck(wish)).await;
    eventually_async("it has begun", DEADLINE, || async {
        let mut proved = 0;
        for name in &names {
            proved += usize::from(world.update(name).await.proved_at >= Some(began));
        }
        (proved > 0).then_some(())
    })
    .await;
    world.later(Duration::from_secs(3_600));
    let row = eventually_async("it waits for the next day", DEADLINE, || async {
        let row = job_table::show(&world.app().db, job).await.unwrap();
        (row.state == JobState::Queued && !row.waiting_for.is_empty()).then_some(row)
    })
    .await;
    assert!(row.not_before > world.clock.now(), "{row:#?}");
    world.app().jobs.cancel(job, "admin").await.unwrap();
}
