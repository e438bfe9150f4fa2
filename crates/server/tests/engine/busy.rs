//! C-11: somebody else holds the database.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
};

use camino::Utf8Path;
use patchwharf_model::job::{JobState, Report};
use patchwharf_server::{jobs::Order, operations::Ending};

use crate::rig::{Rig, request};

/// Another process in a write transaction, until it is dropped.
struct Holder(Child);

impl Holder {
    fn take(database: &Utf8Path) -> Option<Self> {
        // Waits for its turn, and says nothing if it does not get it.
        let mut process = Command::new("sqlite3")
            .args(["-bail", "-cmd", ".timeout 20000"])
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        process.stdin.as_mut()?.write_all(b"BEGIN EXCLUSIVE;\nSELECT 'held';\n").ok()?;
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut()?).read_line(&mut line).ok()?;
        (line.trim() == "held").then_some(Self(process))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn c_11_a_held_database_bounds_the_wait_and_loses_no_job() {
    let rig = Rig::new().await;
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    rig.script.then(|context| async move {
        let _ = wait.await;
        context.progress.phase("ends while the database is held");
        Ok(Ending::Done(Report { summary: "not lost".into(), ..Report::default() }))
    });
    let id = rig.order().await;
    rig.until(id, JobState::Running).await;
    let Some(holder) = Holder::take(&rig.app().config.data.join("patchwharf.db")) else {
        println!("SKIPPED: C-11 needs the program sqlite3");
        return;
    };
    go.send(()).unwrap();
    let error = rig.app().jobs.order(request(), Order::by("admin")).await.unwrap_err();
    assert!(error.is_transient(), "{error}: 503 with Retry-After");
    assert_eq!(rig.job(id).await.state, JobState::Running, "reading goes on");
    drop(holder);
    let report = rig.until(id, JobState::Done).await.report.unwrap();
    assert_eq!(report.summary, "not lost");
    let id = rig.order().await;
    rig.until(id, JobState::Done).await;
}
