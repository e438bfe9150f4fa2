//! H2 for `store rebuild`: killed at every step, run again, and nothing is lost or half there.

use std::process::Command;

use patchwharf_model::job::JobState;
use patchwharf_store::fault::Step;
use patchwharf_testkit::Server;
use serde_json::json;

use crate::{
    driver::Open,
    plant::{BINARY, Plant},
};

fn rebuild(server: &Server, fault: &str) -> std::process::Output {
    Command::new(BINARY)
        .args(["store", "rebuild", "--take-over"])
        .arg("--trust")
        .arg(server.data().join("manifest.key"))
        .env("PATCHWHARF_DATA", server.data())
        .env("PATCHWHARF_FAULT", fault)
        .output()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_02_c_12_a_rebuild_can_be_killed_at_every_step() {
    let mut plant = Plant::with(Server::setup(BINARY)).await;
    let all = json!({"bulletins": &plant.bulletins});
    let job = plant.server.api().run_job("/api/v1/bulletins/stage", &all).await;
    assert_eq!(job.job.state, JobState::Done, "{job:#?}");
    let steps: Vec<Step> = Step::ALL.iter().copied().filter(|step| step.name().starts_with("rebuild.")).collect();
    let mut faults = 0;
    for step in &steps {
        for action in ["kill", "error", "panic"] {
            assert_eq!(plant.server.terminate(), Some(0));
            for name in ["patchwharf.db", "patchwharf.db-wal", "patchwharf.db-shm"] {
                let _ = std::fs::remove_file(plant.server.data().join(name));
            }
            let broken = rebuild(&plant.server, &format!("{}:{action}:1", step.name()));
            assert!(!broken.status.success(), "{}: {broken:?}", step.name());
            // No server starts on a part of the rows.
            plant.server.spawn();
            assert!(!plant.server.comes_up().await, "{} {action}", step.name());
            // Nor one with another data folder, on the same database: the mark is there too, from the first row on.
            let (mark, first) = (plant.server.data().join("rebuild.unfinished"), *step == Step::RebuildBeforeRows);
            if !first && *step != Step::RebuildAfterMarker {
                std::fs::rename(&mark, mark.with_extension("away")).unwrap();
                plant.server.spawn();
                assert!(!plant.server.comes_up().await, "{} {action}", step.name());
                assert!(plant.server.output().contains("a rebuild of the database"), "{}", plant.server.output());
                std::fs::rename(mark.with_extension("away"), &mark).unwrap();
            }
            let whole = rebuild(&plant.server, "");
            assert!(whole.status.success(), "{} {action}: {whole:?}", step.name());
            let again = rebuild(&plant.server, "");
            assert!(String::from_utf8_lossy(&again.stdout).contains("the rows of 0 packages"), "{again:?}");
            plant.server.restart().await;
            let driver = plant.driver(&Open::default(), &std::sync::Arc::default());
            let fetched = driver.fetch_all().await.unwrap();
            assert!(fetched > plant.bulletins.len(), "{} {action}: {fetched}", step.name());
            faults += 1;
        }
    }
    plant.import().await;
    let driver = plant.driver(&Open::default(), &std::sync::Arc::default());
    driver.fetch_all().await.unwrap();
    plant.server.holds();
    figures!(
        "sweep over steps of a rebuild: {faults} faults at {} steps, every package whole and served after each",
        steps.len()
    );
}
