//! A server in a temporary folder whose jobs do what the test says.

use std::{
    collections::VecDeque,
    future::Future,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use camino::Utf8PathBuf;
use patchwharf_db::jobs::Job;
use patchwharf_model::{
    FeedId, JobId,
    job::{JobRequest, JobState, Report},
};
use patchwharf_server::{
    app::App,
    clock::Clock,
    config::Config,
    jobs::{JobContext, Order, Run, Runner},
    logs::Logs,
    metrics::Metrics,
    operations::{Ending, OperationError},
    start::{self, Running},
};
use patchwharf_testkit::eventually_async;
use tempfile::TempDir;

pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

type Play = Box<dyn FnOnce(JobContext) -> Run + Send>;

/// What the next jobs do, in turn.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Mutex<VecDeque<Play>>>);

impl Script {
    /// The next job that is claimed does this.
    pub(crate) fn then<F>(&self, play: impl FnOnce(JobContext) -> F + Send + 'static) -> &Self
    where
        F: Future<Output = Result<Ending, OperationError>> + Send + 'static,
    {
        self.0.lock().unwrap().push_back(Box::new(|context| Box::pin(play(context))));
        self
    }

    fn runner(&self) -> Runner {
        let script = self.clone();
        Arc::new(move |_, context| {
            let play = script.0.lock().unwrap().pop_front();
            match play {
                Some(play) => play(context),
                None => Box::pin(async { Ok(done()) }),
            }
        })
    }
}

pub(crate) fn config(data: &Path) -> Config {
    Config {
        data: Utf8PathBuf::from_path_buf(data.to_owned()).unwrap(),
        listen: "127.0.0.1:0".parse().unwrap(),
        workers: 2,
        lease: Duration::from_secs(4),
        ..Config::default()
    }
}

pub(crate) async fn start(config: Config, script: &Script) -> anyhow::Result<Running> {
    let metrics = Metrics::default();
    let logs = Logs::new(&metrics);
    start::start_with(config, Clock::system(), metrics, logs, script.runner()).await
}

/// Asserts what the independent checker says of database and disk: every invariant holds.
pub(crate) fn holds(config: &Config) {
    let database = config.database_url();
    let findings =
        patchwharf_testkit::fsck(env!("CARGO_BIN_EXE_patchwharf"), config.data.as_std_path(), Some(&database));
    assert!(findings.is_empty(), "{findings}");
}

pub(crate) struct Rig {
    pub(crate) script: Script,
    pub(crate) running: Running,
    folder: TempDir,
}

impl Rig {
    pub(crate) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let script = Script::default();
        let running = start(config(&folder.path().canonicalize().unwrap().join("data")), &script).await.unwrap();
        Self { script, running, folder }
    }

    pub(crate) fn of(running: Running, script: Script, folder: TempDir) -> Self {
        Self { script, running, folder }
    }

    /// Stops the server as SIGTERM does, and starts another on the same folder.
    pub(crate) async fn restarted(self) -> Self {
        let config = self.app().config.clone();
        self.running.stop().await;
        let running = start(config, &self.script).await.unwrap();
        Self { script: self.script, running, folder: self.folder }
    }

    pub(crate) fn app(&self) -> &Arc<App> {
        &self.running.app
    }

    pub(crate) fn holds(&self) {
        holds(&self.app().config);
    }

    pub(crate) async fn order(&self) -> JobId {
        self.app().jobs.order(request(), Order::by("admin")).await.unwrap().job
    }

    pub(crate) async fn job(&self, id: JobId) -> Job {
        patchwharf_db::jobs::show(&self.app().db, id).await.unwrap()
    }

    pub(crate) async fn until(&self, id: JobId, state: JobState) -> Job {
        eventually_async(&format!("job {id} is {state}"), DEADLINE, || async {
            let job = self.job(id).await;
            (job.state == state).then_some(job)
        })
        .await
    }
}

/// A request that differs from every other.
pub(crate) fn request() -> JobRequest {
    JobRequest::Import { feed: FeedId::new(), confirm_shrink: false }
}

/// The end of a job that did nothing.
pub(crate) fn done() -> Ending {
    Ending::Done(Report { summary: "as the test says".into(), ..Report::default() })
}

/// Runs until it is asked to stop.
pub(crate) async fn until_stopped(context: JobContext) -> Result<Ending, OperationError> {
    Ok(Ending::Stopped(context.stop.asked().await))
}
