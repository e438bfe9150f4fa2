//! S-28: several servers on one PostgreSQL share the work by leases.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use patchwharf_model::{JobId, job::JobState};
use patchwharf_server::{
    config::{Config, Hidden},
    jobs::Order,
    retention,
    start::Running,
    trail,
};
use patchwharf_testkit::{Server, eventually_async, server::Setup};

use crate::rig::{DEADLINE, Script, config, done, holds, request, start, until_stopped};

struct Shared {
    /// Never started: it owns the database and the folder.
    home: Server,
}

impl Shared {
    async fn new() -> Option<Self> {
        if !Setup::postgres_at_hand() {
            patchwharf_testkit::skipped("PATCHWHARF_TEST_POSTGRES names no server");
            return None;
        }
        Some(Self { home: Server::setup(env!("CARGO_BIN_EXE_patchwharf")).on_postgres().prepare().await })
    }

    fn config(&self, name: &str) -> Config {
        let home = self.home.data().canonicalize().unwrap();
        let mut config = config(&home.join(name));
        config.database = Some(Hidden::new(self.home.database_url()));
        config.package_location = Some(home.join("shared-packages").try_into().unwrap());
        config
    }
}

async fn until(running: &Running, id: JobId, state: JobState) {
    eventually_async(&format!("job {id} is {state}"), DEADLINE, || async {
        let job = patchwharf_db::jobs::show(&running.app.db, id).await.unwrap();
        (job.state == state).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s_28_two_servers_share_the_jobs_and_run_each_once() {
    let Some(shared) = Shared::new().await else { return };
    let ran: Arc<Mutex<Vec<JobId>>> = Arc::default();
    let by_server = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let mut servers = Vec::new();
    for (name, count) in ["one", "two"].iter().zip(&by_server) {
        let script = Script::default();
        for _ in 0..60 {
            let (ran, count) = (Arc::clone(&ran), Arc::clone(count));
            script.then(move |context| async move {
                ran.lock().unwrap().push(context.job);
                count.fetch_add(1, Ordering::SeqCst);
                Ok(done())
            });
        }
        servers.push(start(shared.config(name), &script).await.unwrap());
    }
    let mut ordered = Vec::new();
    for n in 0..60 {
        let app = &servers[n % 2].app;
        ordered.push(app.jobs.order(request(), Order::by("admin")).await.unwrap().job);
    }
    for id in &ordered {
        until(&servers[0], *id, JobState::Done).await;
    }
    let mut ran = ran.lock().unwrap().clone();
    ran.sort();
    ordered.sort();
    assert_eq!(ran, ordered, "each exactly once");
    assert!(by_server.iter().all(|count| count.load(Ordering::SeqCst) > 0), "{by_server:?}");
    holds(&shared.config("one"));
    for server in servers {
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s_28_the_job_of_a_server_that_died_is_taken_over() {
    let Some(shared) = Shared::new().await else { return };
    let config = shared.config("dying");
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let dying = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    dying.spawn(async move {
        let script = Script::default();
        script.then(until_stopped);
        let running = start(config, &script).await.unwrap();
        let id = running.app.jobs.order(request(), Order::by("admin")).await.unwrap().job;
        until(&running, id, JobState::Running).await;
        let _ = sender.send(id);
        std::future::pending::<()>().await;
    });
    let id = receiver.await.unwrap();
    dying.shutdown_background();
    let heir = start(shared.config("heir"), &Script::default()).await.unwrap();
    until(&heir, id, JobState::Done).await;
    let job = patchwharf_db::jobs::show(&heir.app.db, id).await.unwrap();
    assert_eq!(job.attempt, 2);
    holds(&heir.app.config);
    heir.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_cancelled_from_another_server() {
    let Some(shared) = Shared::new().await else { return };
    let script = Script::default();
    script.then(until_stopped);
    let one = start(shared.config("one"), &script).await.unwrap();
    let id = one.app.jobs.order(request(), Order::by("admin")).await.unwrap().job;
    until(&one, id, JobState::Running).await;
    let two = start(shared.config("two"), &Script::default()).await.unwrap();
    two.app.jobs.cancel(id, "admin").await.unwrap();
    until(&two, id, JobState::Cancelled).await;
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w_23_a_server_believes_another_ones_cut_of_what_is_old_and_told_and_no_other() {
    let Some(shared) = Shared::new().await else { return };
    let one = start(shared.config("one"), &Script::default()).await.unwrap();
    let mut config = shared.config("two");
    config.retention.audit = Duration::from_millis(1);
    let two = start(config, &Script::default()).await.unwrap();
    trail::seal(&one.app).await.unwrap();
    trail::seal(&two.app).await.unwrap();
    for app in [&one.app, &two.app] {
        assert!(trail::chain(app, None).await.unwrap().whole);
    }
    retention::tidy(&two.app).await.unwrap();
    let own = trail::chain(&two.app, None).await.unwrap();
    assert!(own.whole && own.begins_after > 0, "its own cut: {own:#?}");
    let young = trail::chain(&one.app, None).await.unwrap();
    assert!(young.broken.contains("its beginning was removed"), "the other one keeps a month: {young:#?}");
    // Two months later the same cut is an ordinary one: the other server was told that it would be made.
    let path = one.app.config.data.join("audit.heads");
    let mut heads: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for seen in heads["heads"].as_array_mut().unwrap() {
        seen["at_us"] = (seen["at_us"].as_i64().unwrap() - 60 * 24 * 3600 * 1_000_000).into();
    }
    std::fs::write(&path, heads.to_string()).unwrap();
    let old = trail::chain(&one.app, None).await.unwrap();
    assert!(old.whole, "{old:#?}");
    holds(&one.app.config);
    trail::seal(&one.app).await.unwrap();
    assert!(trail::chain(&one.app, None).await.unwrap().whole);
    for server in [one, two] {
        server.stop().await;
    }
}
