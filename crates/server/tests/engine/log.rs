//! The stored log.

use patchwharf_db::logs::LogFilter;
use patchwharf_model::{JobId, PackageId};
use patchwharf_server::{clock::Clock, config::LogConfig, logs::Logs, metrics::Metrics, start::start_with};
use patchwharf_testkit::eventually_async;
use tempfile::TempDir;

use crate::rig::{DEADLINE, config};

#[tokio::test]
async fn records_carry_the_ids_of_their_job_and_package_and_reach_store_and_followers() {
    let home = TempDir::new().unwrap();
    let metrics = Metrics::default();
    let logs = Logs::new(&metrics);
    // Quiet on stderr: the store has its own measure.
    let stderr_filter = Some("error".into());
    let settings = LogConfig { filter: "warn,engine=info".into(), stderr_filter, ..LogConfig::default() };
    let _current = tracing::subscriber::set_default(logs.subscriber(&settings).unwrap());
    let idle = std::sync::Arc::new(|_, _| -> patchwharf_server::jobs::Run { Box::pin(std::future::pending()) });
    let data = home.path().canonicalize().unwrap().join("data");
    let running = start_with(config(&data), Clock::system(), metrics, logs.clone(), idle).await.unwrap();
    let mut live = logs.follow();
    let (job, package) = (JobId::new(), PackageId::new());
    tracing::info_span!(target: "engine", "job", job = %job).in_scope(|| {
        tracing::info!(target: "engine", package = %package, colour = "\x1b[31mred", "staged");
    });
    let record = tokio::time::timeout(DEADLINE, live.recv()).await.unwrap().unwrap();
    assert_eq!((record.message.as_str(), record.level.as_str()), ("staged", "info"));
    assert_eq!(record.job, Some(job.to_string()));
    assert_eq!(record.package, Some(package.to_string()));
    assert!(!record.fields["colour"].contains('\x1b'), "{:?}", record.fields);
    let filter = LogFilter { job: Some(job), limit: 10, ..LogFilter::default() };
    let stored = eventually_async("the record is stored", DEADLINE, || async {
        let rows = patchwharf_db::logs::tail(&running.app.db, &filter).await.unwrap();
        rows.into_iter().next()
    })
    .await;
    assert_eq!((stored.number, stored.package_id), (record.number, Some(package)));
    running.stop().await;
}
