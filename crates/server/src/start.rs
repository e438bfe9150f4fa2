//! Start and stop of the server.

mod data;
mod locations;
mod lock;
mod ready;
mod schedule;
pub(crate) mod secrets;
mod watchdog;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::Router;
use patchwharf_db::{Db, Options, Presence, settings};
use patchwharf_store::fault::{self, Mutant};
use patchwharf_trust::ManifestKey;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{
    access::{Attempts, Confirmed, FirstLink, Reads, Streams, first_link, passwords},
    app::App,
    backup,
    clock::{Ages, Clock},
    config::Config,
    counts::Counts,
    fetch::Fetcher,
    history,
    jobs::{Jobs, Runner},
    logs::Logs,
    metrics::Metrics,
    notify::{self, Channels},
    operations,
    port::{Free, Limits, Places, Port},
    rebuild, restore,
    serve::Downloads,
    settings::Live,
    tls::{self, ServerTls, Troubles},
    token::AdminToken,
    trail::Verdict,
    uploads::{self, Uploads},
};

pub use data::DataError;
pub(crate) use data::{own_files_only, prepare as prepare_data};
pub use lock::LockError;
pub(crate) use lock::{INSTANCE_ID, INSTANCE_LOCK, InstanceLock};
pub use schedule::tick;

/// A stop may take this long in all (SIGTERM of a service manager).
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// A running server without its listener.
#[derive(Debug)]
pub struct Running {
    /// What requests and jobs reach.
    pub app: Arc<App>,
    workers: JoinSet<()>,
    schedule: JoinHandle<()>,
    watchdog: JoinHandle<()>,
    notifier: JoinHandle<()>,
    history: JoinHandle<()>,
    log_writer: JoinHandle<()>,
    end_log: CancellationToken,
    _presence: Option<Presence>,
    _lock: lock::InstanceLock,
}

/// Starts everything but the listener: data folder, lock, database, keys, locations, reconciliation, workers,
/// schedules.
///
/// # Errors
/// Says what could not be opened and what to do.
pub async fn start(config: Config, clock: Clock, metrics: Metrics, logs: Logs) -> anyhow::Result<Running> {
    let runner: Runner = Arc::new(|request, context| Box::pin(async move { operations::run(request, &context).await }));
    start_with(config, clock, metrics, logs, runner).await
}

/// As [`start`], with something else to run than the operations.
///
/// # Errors
/// As [`start`].
pub async fn start_with(
    config: Config,
    clock: Clock,
    metrics: Metrics,
    logs: Logs,
    runner: Runner,
) -> anyhow::Result<Running> {
    patchwharf_trust::install_crypto_provider();
    allow_many_files();
    data::prepare(&config.data)?;
    restore::must_be_finished(&config.data)?;
    rebuild::must_be_finished(&config.data)?;
    let new = !config.data.join(INSTANCE_ID).exists();
    let (lock, instance) = lock::InstanceLock::take(&config.data)?;
    // A restore may have begun, and died, between the look and the lock.
    restore::must_be_finished(&config.data)?;
    backup::clear_copies(&config.data);
    uploads::prepare(&config.data).with_context(|| {
        format!("cannot make the folders for uploads in {}; look at its disk, owner and mode", config.data)
    })?;
    let ages = Ages::watch(clock.clone(), &config.data, new);
    let now = clock.now();
    let db = Db::open(&options(&config), now).await?;
    let presence = match db.damage() {
        Some(_) => None,
        None => Some(present(&db).await?),
    };
    let end_log = CancellationToken::new();
    let log_writer = logs.start_writer(&db, instance, &metrics, end_log.clone());
    let deployment = settings::deployment_id(&db, now).await?;
    let admin_token = AdminToken::open(&config.data)?;
    let signing_key = ManifestKey::open_or_make(config.data.join("manifest.key").as_std_path())?;
    let locations = locations::open(&db, &config, deployment, now).await?;
    let fetch = Fetcher::new(&config.fetch, clock.clone(), metrics.clone())?;
    let notify = Channels::new(&config.notify)?;
    let live = Live::new(config.packages.grace);
    let jobs = Jobs::new(db.clone(), clock.clone(), instance, config.lease);
    let app = Arc::new(App {
        config,
        clock,
        ages,
        db,
        locations,
        signing_key,
        jobs,
        fetch,
        notify,
        logs,
        metrics,
        instance,
        deployment,
        downloads: Downloads::default(),
        admin_token,
        counts: Counts::default(),
        uploads: Uploads::default(),
        live,
        tls: Troubles::default(),
        trail: Verdict::default(),
        attempts: Attempts::default(),
        confirmed: Confirmed::default(),
        streams: Streams::default(),
        reads: Arc::<Reads>::default(),
    });
    match app.db.damage() {
        // The watchdog tells, and holds the jobs; what is staged is served.
        Some(_) => watchdog::look_once(&app).await,
        None => {
            // It must be possible to set it right: the clock takes it up again.
            if let Err(error) = crate::settings::take_up(&app).await {
                tracing::error!(%error, "what is set counts for downloads and replaced versions later; the configuration does now");
            }
            recover(&app).await?;
            notify::prepare(&app).await.context("what is to be told could not be looked at")?;
        }
    }
    passwords::prepare(&app.metrics);
    let workers = app.jobs.start_workers(&app, &runner);
    let schedule = tokio::spawn(schedule::run(Arc::clone(&app)));
    let watchdog = tokio::spawn(watchdog::run(Arc::clone(&app)));
    let notifier = tokio::spawn(notify::run(Arc::clone(&app)));
    let history = tokio::spawn(history::run(Arc::clone(&app)));
    tracing::info!(data = %app.config.data, %instance, %deployment, "server started");
    Ok(Running {
        app,
        workers,
        schedule,
        watchdog,
        notifier,
        history,
        log_writer,
        end_log,
        _presence: presence,
        _lock: lock,
    })
}

/// Is one of the servers of the database: none starts while its rows are made anew, or are only a part of what is on disk.
async fn present(db: &Db) -> anyhow::Result<Presence> {
    let presence = db.be_present().await?;
    rebuild::must_be_finished_in(db).await?;
    presence
        .context("the rows of this database are being made again by `patchwharf store rebuild`: start when it is done")
}

/// Raises the soft limit on open files to the hard one: every file on its way holds one, and the usual soft limit of
/// 1,024 is a courtesy to programs that use `select`.
fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit on open files stays at {:?}", limit.current);
    }
}

/// How the server opens its database.
pub(crate) fn options(config: &Config) -> Options {
    Options {
        log_path: Some(config.data.join("log.db").into_std_path_buf()),
        synchronous_normal: fault::mutant(Mutant::SyncNormal),
        backups: Some(config.data.join("backups").into_std_path_buf()),
        migrate_without_backup: config.migrate_without_backup,
        ..Options::new(config.database_url())
    }
}

/// What a server does that may have been killed: takes back its own jobs, drops half-written imports, clears staging.
async fn recover(app: &Arc<App>) -> anyhow::Result<()> {
    let mut write = app.db.write("system", "start-up", app.clock.now()).await?;
    let own = patchwharf_db::jobs::take_back(&mut write, app.instance).await?;
    if app.db.is_shared() {
        settings::note_manifest_key(&mut write, app.instance, &app.signing_key.public().to_string()).await?;
    }
    write.commit().await?;
    // Servers that share the database drop what is theirs when they take the feed's import up again.
    let dropped = match app.db.is_shared() {
        true => 0,
        false => operations::import::drop_crashed(app, "system", "start-up", None).await?,
    };
    if !own.is_empty() {
        tracing::info!(jobs = own.len(), "jobs of an earlier run go back to the queue");
    }
    if dropped > 0 {
        tracing::info!(rows = dropped, "dropped what a broken import had written");
    }
    operations::unproved::look(app, "system", "start-up").await.context("unproved packages could not be looked at")?;
    operations::reconcile::at_start(app).await.context("the start-up reconciliation did not come to its end")
}

impl Running {
    /// Stops everything: running jobs go back to the queue, the log is written to its end.
    pub async fn stop(mut self) {
        self.schedule.abort();
        self.watchdog.abort();
        self.notifier.abort();
        self.history.abort();
        self.app.jobs.close(STOP_WITHIN - Duration::from_secs(3)).await;
        let _ = tokio::time::timeout(Duration::from_millis(500), async {
            while self.workers.join_next().await.is_some() {}
        })
        .await;
        tracing::info!("server stopped");
        self.end_log.cancel();
        let _ = tokio::time::timeout(Duration::from_millis(700), self.log_writer).await;
        // What is not closed in time is closed by the end of the process: every commit is durable by itself.
        let _ = tokio::time::timeout(Duration::from_millis(500), self.app.db.close()).await;
    }
}

/// Runs a server until SIGTERM or SIGINT. `router` makes the HTTP side, `ready` is told the URL.
///
/// # Errors
/// As [`start`], or the address is taken.
pub async fn serve(
    config: Config,
    router: impl FnOnce(Arc<App>) -> Router,
    ready: impl FnOnce(&Arc<App>, &str, Option<FirstLink>),
) -> anyhow::Result<()> {
    let metrics = Metrics::default();
    let logs = Logs::new(&metrics);
    logs.install(&config.log)?;
    let listen = config.listen;
    let mut signals = Signals::new()?;
    let running = start(config, Clock::system(), metrics, logs).await?;
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!("cannot listen on {listen}; another program may have the port: choose another by `--listen`")
    })?;
    let address = listener.local_addr()?;
    let app = &running.app;
    let certificates = match app.config.tls.is_on() {
        true => Some(ServerTls::open(&app.config, app.tls.clone(), app.clock.now()).await?),
        false => None,
    };
    let url = tls::url(&app.config, address);
    let first = first_link(app, &url).await?;
    tracing::info!(%address, url, "listening");
    let router = router(Arc::clone(app));
    let quit = CancellationToken::new();
    let limits = Limits::of_this_process();
    let free = Free { loopback: true, networks: app.config.console.trusted_proxies.clone() };
    let port = Port {
        tls: certificates.as_ref().map(|certificates| certificates.acceptors()).transpose()?,
        router,
        places: Places::new(limits.clone(), free, app.metrics.clone()),
        limits,
    };
    let server = tokio::spawn(port.answer(listener, quit.clone()));
    let fresh = certificates.map(|certificates| tokio::spawn(tls::watch(certificates, app.clock.clone())));
    ready(app, &url, first);
    ready::tell(&format!("READY=1\nSTATUS=serving {url}"));
    signals.wait().await;
    tracing::info!("stopping");
    ready::tell("STOPPING=1");
    quit.cancel();
    if let Some(fresh) = fresh {
        fresh.abort();
    }
    running.stop().await;
    // Event streams stay open as long as their clients like: they are cut off here.
    let _ = tokio::time::timeout(Duration::from_millis(500), server).await;
    Ok(())
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
