//! Holding the crashed state, and the recovered one, against the invariants.

use patchwharf_checker::{CheckError, Finding, Grade, Options, Server, Verdict, check};

use crate::{driver::Driver, plant::Plant};

fn options(plant: &Plant, server: Server) -> Options {
    Options {
        database: plant.server.database_url(),
        data: Some(plant.server.data().to_owned()),
        acknowledged: Some(plant.ledger.path().to_owned()),
        hash: true,
        server,
        now_us: jiff::Timestamp::now().as_microsecond(),
    }
}

/// What is wrong but for what the suite itself damaged.
async fn wrong(plant: &Plant, server: Server) -> (Option<Verdict>, Vec<Finding>) {
    let verdict = match check(&options(plant, server)).await {
        Ok(verdict) => verdict,
        Err(error) => return (None, vec![unreadable(&error)]),
    };
    let findings = verdict
        .findings
        .iter()
        .filter(|finding| finding.grade == Grade::Violation)
        .filter(|finding| {
            !(matches!(finding.invariant, "I2" | "I4") && plant.ledger.is_damaged(&finding.object, &plant.places()))
        })
        .cloned()
        .collect::<Vec<_>>();
    (Some(verdict), findings)
}

/// A database or location that cannot even be read.
fn unreadable(error: &CheckError) -> Finding {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message += &format!(": {error}");
        cause = error.source();
    }
    Finding { invariant: "I1", code: "unreadable", grade: Grade::Violation, object: "everything".into(), message }
}

/// The state as a crash left it: nothing acknowledged is lost, nothing says what is not so. Leftovers are allowed;
/// returns how many there are.
pub(crate) async fn crashed(plant: &Plant) -> Result<usize, Vec<Finding>> {
    held(plant, Server::Killed).await
}

/// The same of a server that is at work.
pub(crate) async fn working(plant: &Plant) -> Result<usize, Vec<Finding>> {
    held(plant, Server::Working).await
}

async fn held(plant: &Plant, server: Server) -> Result<usize, Vec<Finding>> {
    let (verdict, findings) = wrong(plant, server).await;
    if findings.is_empty() {
        let all = verdict.iter().flat_map(|verdict| &verdict.findings);
        Ok(all.filter(|finding| finding.grade == Grade::Leftover).count())
    } else {
        Err(findings)
    }
}

/// What the kernel remembers of the disks goes, as it does in time: what is read next is what they have.
pub(crate) fn forget_pages() {
    let dropped = std::process::Command::new("sh").args(["-c", "sync; echo 3 > /proc/sys/vm/drop_caches"]).status();
    assert!(dropped.is_ok_and(|status| status.success()), "the page cache cannot be dropped");
}

/// Stops the test with what was found and what had been acknowledged of it.
pub(crate) fn fail(plant: &Plant, when: &str, findings: &[Finding]) -> ! {
    for finding in findings {
        plant.ledger.show(finding.object.split(' ').nth(1).unwrap_or_default());
    }
    panic!("{when}:\n{findings:#?}");
}

/// The state after a start and the end of all jobs: no leftovers either, all that is staged can be fetched.
pub(crate) async fn recovered(plant: &Plant, driver: &Driver) {
    driver.wait_idle().await.expect("the server runs");
    // What the suite damaged and no job has looked at since.
    let all = serde_json::json!({"all": true});
    let _ = plant.server.api().run_job("/api/v1/packages/verify", &all).await;
    let of = serde_json::json!({"of": {"bulletins": &plant.bulletins}});
    let refresh = plant.server.api().run_job("/api/v1/bulletins/refresh", &of).await;
    assert_eq!(refresh.job.state, patchwharf_model::job::JobState::Done, "{refresh:#?}");
    driver.wait_idle().await.expect("the server runs");
    // What an interrupted download left and its repetition did not need, and a copy that a broken-off move left of a version
    // that was replaced since: the clock clears them within the hour.
    let reconciled = plant.server.api().run_job("/api/v1/store/reconcile", &serde_json::json!({})).await;
    assert_eq!(reconciled.job.state, patchwharf_model::job::JobState::Done, "{reconciled:#?}");
    plant.ledger.forget_damage();
    let (_, findings) = wrong(plant, Server::AtRest).await;
    if !findings.is_empty() {
        fail(plant, "after recovery", &findings);
    }
    driver.fetch_all().await.expect("the server runs");
}
