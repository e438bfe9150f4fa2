//! C-11: somebody else holds the database.

use patchwharf_model::job::{JobState, Report};
use patchwharf_server::{jobs::Order, operations::Ending};
use patchwharf_testkit::database::Held;

use crate::rig::{Rig, request};

/// Who want to write while someone else holds the database.
const WRITERS: usize = 200;

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
    let held = Held::take(rig.app().config.data.join("patchwharf.db").as_std_path()).await;
    go.send(()).unwrap();
    let orders = (0..WRITERS).map(|_| rig.app().jobs.order(request(), Order::by("admin")));
    for refused in futures_util::future::join_all(orders).await {
        let error = refused.unwrap_err();
        assert!(error.is_transient(), "{error}: 503 with Retry-After");
    }
    assert_eq!(rig.job(id).await.state, JobState::Running, "reading goes on");
    held.release().await;
    let report = rig.until(id, JobState::Done).await.report.unwrap();
    assert_eq!(report.summary, "not lost");
    let id = rig.order().await;
    rig.until(id, JobState::Done).await;
    rig.holds();
}
