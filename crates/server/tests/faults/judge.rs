//! Holding the crashed state, and the recovered one, against the invariants.

use patchwharf_checker::{CheckError, Finding, Grade, Options, Verdict, check};
use patchwharf_testkit::Server;

use crate::{driver::Driver, ledger::Ledger, plant::Plant};

fn options(server: &Server, ledger: &Ledger, at_rest: bool) -> Options {
    Options {
        database: server.database_url(),
        data: Some(server.data().to_owned()),
        acknowledged: Some(ledger.path().to_owned()),
        hash: true,
        at_rest,
        now_us: jiff::Timestamp::now().as_microsecond(),
    }
}

/// What is wrong but for what the suite itself damaged.
async fn wrong(plant: &Plant, at_rest: bool) -> (Option<Verdict>, Vec<Finding>) {
    let (server, ledger) = (&plant.server, &plant.ledger);
    let verdict = match check(&options(server, ledger, at_rest)).await {
        Ok(verdict) => verdict,
        Err(error) => return (None, vec![unreadable(&error)]),
    };
    let findings = verdict
        .findings
        .iter()
        .filter(|finding| finding.grade == Grade::Violation)
        .filter(|finding| {
            !(matches!(finding.invariant, "I2" | "I4") && ledger.is_damaged(&finding.object, &plant.places()))
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
    let (verdict, findings) = wrong(plant, false).await;
    if findings.is_empty() {
        let all = verdict.iter().flat_map(|verdict| &verdict.findings);
        Ok(all.filter(|finding| finding.grade == Grade::Leftover).count())
    } else {
        Err(findings)
    }
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
    let (_, findings) = wrong(plant, true).await;
    if !findings.is_empty() {
        fail(plant, "after recovery", &findings);
    }
    driver.fetch_all().await.expect("the server runs");
}
