//! V-15: the process that reads a catalogue panics, works without end, stands still, fills its memory, or is killed. It
//! costs that import and nothing else.

use patchwharf_model::{
    api::{BulletinSummary, Feed, JobDetail, Page},
    job::JobState,
};
use patchwharf_testkit::server::TEST_CONFIG;
use serde_json::json;

use crate::plant::Plant;

/// What is done to the parser after some frames, the limit that ends it, and what the import says of it.
const FAULTS: [(&str, &str, &str); 6] = [
    ("panic", "", "(parser-died): the parser ended in the middle of the catalogue (exit status: 101): "),
    ("kill", "", "(parser-died): the parser ended in the middle of the catalogue (signal: 9"),
    ("error", "", "(parser-died): the parser ended in the middle of the catalogue (exit status: 0"),
    ("spin", "cpu = '1s'", "(parser-cpu): the catalogue needs more than the 1 seconds of processor time"),
    ("stop", "wall = '2s'", "(parser-too-long): the parser was ended after 2 seconds"),
    (
        "fill",
        "memory-bytes = 268435456",
        "(parser-memory): the catalogue needs more than the 268435456 bytes of memory",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn v_15_a_parser_that_goes_wrong_costs_one_import_and_never_the_server() {
    let mut plant = Plant::start().await;
    let before = bulletins(&plant).await;
    plant.publish_revision();
    for (fault, limit, reason) in FAULTS {
        plant.server.set_env("PATCHWHARF_FAULT", &format!("import.mid-parse:{fault}:5"));
        plant.server.set_config(&format!("{TEST_CONFIG}\n[parser]\n{limit}\n"));
        plant.server.restart().await;
        let job = import(&plant).await;
        assert_eq!((job.job.state, job.job.attempt), (JobState::Failed, 1), "{fault}: {job:#?}");
        let said = job.report.expect("a report").summary;
        assert!(said.contains(reason) && said.contains("what was imported before stays"), "{fault}: {said}");
        let feed: Feed = plant.server.api().get("/api/v1/feeds/example").await;
        assert!(feed.last_error.contains(reason), "{fault}: {}", feed.last_error);
        assert_eq!(bulletins(&plant).await, before, "{fault}: the old catalogue stays");
        assert!(plant.server.runs(), "{fault}");
        plant.server.holds();
    }
    plant.server.remove_env("PATCHWHARF_FAULT");
    plant.server.set_config(TEST_CONFIG);
    plant.server.restart().await;
    assert_eq!(import(&plant).await.job.state, JobState::Done);
    assert_ne!(bulletins(&plant).await, before, "the new catalogue is taken");
    plant.server.holds();
    figures!("parser: {} ways to go wrong, one import lost by each, the server never", FAULTS.len());
}

async fn import(plant: &Plant) -> JobDetail {
    plant.server.api().run_job("/api/v1/feeds/example/import", &json!({})).await
}

async fn bulletins(plant: &Plant) -> Vec<BulletinSummary> {
    let page: Page<BulletinSummary> = plant.server.api().get("/api/v1/bulletins?limit=1000").await;
    page.items
}
