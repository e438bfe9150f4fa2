//! Jobs and the log by the command line.

use std::io::{BufRead as _, BufReader};

use patchwharf_model::job::JobState;
use patchwharf_testkit::{eventually, server::DEADLINE, vendor::Mood};

use super::Beside;
use crate::world::World;

/// The job that `--no-wait` names.
fn named(line: &str) -> String {
    line.split(' ').nth(2).unwrap_or_else(|| panic!("{line}")).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_started_without_waiting_paused_resumed_watched_and_cancelled() {
    let world = World::patient().await;
    let run = |arguments: &[&str]| world.server.patchwharf(arguments);
    let shows = |job: &str, state: JobState| {
        eventually(&format!("job {job} is {state}"), DEADLINE, || {
            let text = run(&["job", "show", job]).ok();
            text.lines().any(|line| line.split_whitespace().eq(["state", state.as_str()])).then_some(())
        });
    };
    world.vendor.set_mood(Mood::Silent);
    let started = run(&["--no-wait", "bulletin", "stage", "B-1"]).ok();
    assert!(started.starts_with("stage job "), "{started}");
    let job = named(&started);
    shows(&job, JobState::Running);
    assert!(run(&["job", "pause", &job]).ok().starts_with(&format!("job {job}: ")));
    shows(&job, JobState::Paused);

    let watching = Beside::start(&world.server, &["job", "watch", &job]);
    world.vendor.set_mood(Mood::Up);
    world.vendor.release();
    drop(run(&["job", "resume", &job]).ok());
    let (code, text) = watching.end();
    assert!(code == Some(0) && text.contains("stage done") && text.contains("B-1"), "{code:?} {text}");
    let late = run(&["job", "cancel", &job]);
    assert!(late.code == Some(1) && late.stderr.contains("done"), "what has ended is not cancelled: {late:?}");

    world.vendor.set_mood(Mood::Silent);
    let job = named(&run(&["bulletin", "stage", "B-2", "--no-wait"]).ok());
    shows(&job, JobState::Running);
    drop(run(&["job", "cancel", &job]).ok());
    let watched = run(&["job", "watch", &job]);
    assert!(watched.code == Some(1) && watched.stdout.contains("stage cancelled"), "{watched:?}");
    assert!(!world.bulletin("B-2").await.summary.downloaded);
    let listed = run(&["job", "list", "--state", "cancelled"]).ok();
    assert!(listed.contains(&job), "{listed}");
    world.server.holds();
}

#[tokio::test]
async fn the_log_is_followed_as_it_is_written_and_over_a_restart() {
    let mut world = World::new().await;
    let mut tail = Beside::start(&world.server, &["log", "tail", "-n", "1000", "--level", "info"]);
    let lines = BufReader::new(tail.0.stdout.take().unwrap()).lines();
    let (sender, received) = std::sync::mpsc::channel();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let until = |message: &str| loop {
        let line = received.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("no record of \"{message}\" comes"));
        if line.contains(message) {
            break line;
        }
    };
    until("job=");
    drop(world.server.patchwharf(&["bulletin", "disable", "B-1"]).ok());
    let line = until("bulletin disabled");
    assert!(line.contains(" INFO ") && line.contains("bulletin="), "{line}");
    world.server.restart().await;
    drop(world.server.patchwharf(&["bulletin", "enable", "B-1"]).ok());
    until("bulletin enabled");
}
