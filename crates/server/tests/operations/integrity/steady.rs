//! G-11: a check that meets other jobs on the same packages never calls a healthy one damaged.

use std::time::Duration;

use patchwharf_db::jobs as job_table;
use patchwharf_model::{
    JobId,
    finding::Gravity,
    job::{JobRequest, JobState},
};
use patchwharf_testkit::{Chance, times};

use super::{finish, found_by, full, light, many, repair};
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn g_11_checks_that_meet_refresh_recreate_delete_and_stage_find_no_false_damage() {
    let mut world = World::start_with(|config| config.workers = 6).await;
    let names = many(&world, 6).await;
    let mut chance = Chance::new("checks among other jobs");
    let mut checks: Vec<JobId> = Vec::new();
    let mut others: Vec<JobId> = Vec::new();
    for round in 0..times(40, 4_000) {
        let name = chance.pick(&names).clone();
        let of = world.of(&[&name]).await;
        let request = match chance.between(0, 4) {
            0 => JobRequest::RefreshComplete { of },
            1 => JobRequest::Recreate { of },
            2 => match world.update(&name).await.package_id {
                Some(package) => JobRequest::Delete { packages: vec![package], although_needed: true },
                None => JobRequest::Stage { of },
            },
            3 => JobRequest::RefreshQuick { of },
            _ => JobRequest::Stage { of },
        };
        others.push(world.order(request).await);
        let wish = [full(), repair(), light()][round % 3].clone();
        checks.push(world.order(JobRequest::IntegrityCheck(wish)).await);
        world.later(Duration::from_secs(1));
        world.app().jobs.wake();
        tokio::task::yield_now().await;
    }
    for job in checks.iter().chain(&others) {
        finish(&world, *job).await;
    }
    let mut looked = 0;
    for job in &checks {
        let row = job_table::show(&world.app().db, *job).await.unwrap();
        looked += row.report.as_ref().and_then(|r| r.counts.get("packages").copied()).unwrap_or(0);
        let bad: Vec<_> = found_by(&world, *job)
            .await
            .into_iter()
            .filter(|finding| matches!(finding.gravity, Gravity::Damage | Gravity::Danger))
            .collect();
        assert!(bad.is_empty(), "seed {}: {row:#?}\n{bad:#?}", chance.seed());
        assert_eq!(row.state, JobState::Done, "seed {}: {row:#?}", chance.seed());
    }
    eprintln!(
        "FIGURES: {} checks met {} other jobs and looked at {looked} packages: no false finding",
        checks.len(),
        others.len()
    );
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    world.stage(&all).await;
    world.check().await;
}
