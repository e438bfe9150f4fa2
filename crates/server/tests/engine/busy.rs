//! C-11: somebody else holds the database.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
};

use camino::Utf8Path;
use patchwharf_model::job::{JobState, Report};
use patchwharf_server::{jobs::Order, operations::Ending};

use crate::rig::{DEADLINE, Rig, request};

/// Who want to write while another process holds the database.
const WRITERS: usize = 200;

/// Another process in a write transaction, until it is dropped.
struct Holder(Child);

impl Holder {
    /// None: there is no sqlite3 here.
    fn take(database: &Utf8Path) -> Option<Self> {
        // Waits for its turn: a commit of the server may wait long for a busy disk.
        let timeout = format!(".timeout {}", DEADLINE.as_millis());
        let mut process = Command::new("sqlite3")
            .args(["-bail", "-cmd", &timeout])
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        process.stdin.as_mut().unwrap().write_all(b"BEGIN EXCLUSIVE;\nSELECT 'held';\n").unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "held", "the server gave the lock to nobody for {DEADLINE:?}");
        Some(Self(process))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

// The holder waits for its turn without the runtime, and whoever has a transaction open has to be able to end it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
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
    let orders = (0..WRITERS).map(|_| rig.app().jobs.order(request(), Order::by("admin")));
    for refused in futures_util::future::join_all(orders).await {
        let error = refused.unwrap_err();
        assert!(error.is_transient(), "{error}: 503 with Retry-After");
    }
    assert_eq!(rig.job(id).await.state, JobState::Running, "reading goes on");
    drop(holder);
    let report = rig.until(id, JobState::Done).await.report.unwrap();
    assert_eq!(report.summary, "not lost");
    let id = rig.order().await;
    rig.until(id, JobState::Done).await;
}
