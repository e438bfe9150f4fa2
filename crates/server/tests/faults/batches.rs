//! Faults between the batches that an import writes: all of them take effect, or none.

use patchwharf_model::{
    api::{Job, JobDetail},
    job::JobState,
};
use patchwharf_testkit::{
    Server, Vendor, eventually, eventually_async,
    server::{DEADLINE, Setup, TEST_CONFIG},
    skipped,
};
use serde_json::json;

use crate::rig::{Counts, Rig, many};

/// More than one batch.
const UPDATES: u64 = 3_000;
const FAULT: &str = "PATCHWHARF_FAULT";

fn setup() -> Setup {
    Server::setup(env!("CARGO_BIN_EXE_patchwharf"))
}

#[tokio::test]
async fn what_was_written_before_an_error_in_a_later_batch_is_dropped() {
    // The first import has one batch; the second meets the error after its second, with more to come.
    let server = setup().env(FAULT, "import.after-batch:error:3").start().await;
    let rig = Rig::with(server, Vendor::start()).await;
    rig.publish(&many(3));
    rig.import().await;
    rig.publish(&many(UPDATES));
    let said = rig.refused().await;
    assert!(said.contains("a fault was injected"), "{said}");
    rig.server.holds();
    assert_eq!(rig.import().await.get("added"), UPDATES - 3, "nothing of it was taken for known");
    rig.server.holds();
}

#[tokio::test]
async fn a_server_that_stood_still_in_an_import_changes_nothing_of_what_another_one_imported_meanwhile() {
    if !Setup::postgres_at_hand() {
        return skipped("PATCHWHARF_TEST_POSTGRES names no PostgreSQL");
    }
    let server = setup().on_postgres().env(FAULT, "import.after-batch:stop:2").start().await;
    let mut rig = Rig::with(server, Vendor::start()).await;
    rig.publish(&many(3));
    rig.import().await;
    rig.publish(&many(UPDATES));
    let job: Job = rig.server.api().post("/api/v1/feeds/acme/import", &json!({})).await;
    eventually("the first server stands still", DEADLINE, || rig.server.stands_still().then_some(()));

    let other = setup()
        .env("PATCHWHARF_DATABASE", &rig.server.database_url())
        .packages(&rig.server.packages().canonicalize().unwrap())
        .config(TEST_CONFIG)
        .start()
        .await;
    // Its lease has run out: the other server does its job.
    let ended: JobDetail = other.api().wait_for_job(job.id).await;
    assert_eq!(Counts::of(ended).get("added"), UPDATES - 3);

    rig.server.go_on();
    eventually_async("the first server knows that it has lost the job", DEADLINE, || async {
        let row: Job = rig.server.api().get(&format!("/api/v1/jobs/{}", job.id)).await;
        let said = rig.server.output();
        let lost = said.contains("lease is lost") || said.contains("lease was lost");
        (lost && row.state == JobState::Done).then_some(())
    })
    .await;
    rig.publish(&many(UPDATES - 1));
    let again = rig.import().await;
    assert_eq!((again.get("unchanged"), again.get("no-longer-listed")), (UPDATES - 1, 1), "{}", again.text());
    rig.server.holds();
    drop(other);
    rig.server.holds();
}
