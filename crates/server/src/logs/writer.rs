//! The one writer of the log: numbers records, stores them in batches, tells followers.

use std::{sync::Arc, time::Duration};

use patchwharf_db::{Db, logs as table};
use patchwharf_model::InstanceId;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{LogRecord, Logs, about::About};
use crate::metrics::Metrics;

/// Records per transaction.
const BATCH: usize = 500;
/// What a power cut takes of the log was told to followers already, and its numbers must not come again: whoever reads the
/// last number from the store goes on so far above it.
const APART: u64 = 100_000;
/// How long records are gathered before they are written.
const GATHER: Duration = Duration::from_millis(100);

impl Logs {
    /// Starts the writer; it ends when `end` is cancelled and the queue is empty.
    #[must_use]
    pub fn start_writer(
        &self,
        db: &Db,
        server: InstanceId,
        metrics: &Metrics,
        end: CancellationToken,
    ) -> JoinHandle<()> {
        let (logs, db, metrics) = (self.clone(), db.clone(), metrics.clone());
        tokio::spawn(async move {
            tokio::join!(index_older(&db, &end), write(logs, db.clone(), server, metrics, end.clone()));
        })
    }
}

/// Takes records from before the text index into it, beside the work; what fails here is tried at the next start.
async fn index_older(db: &Db, end: &CancellationToken) {
    let all = async {
        loop {
            match table::index_older(db).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "older records are not in the text index of the log yet: searching in them reads them all; the next \
                         start goes on"
                    );
                    return;
                }
            }
        }
    };
    let _ = end.run_until_cancelled(all).await;
}

async fn write(logs: Logs, db: Db, server: InstanceId, metrics: Metrics, end: CancellationToken) {
    let mut queue = logs.queue.lock().await;
    let (mut last, mut about) = (None, About::default());
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let ending = end.is_cancelled();
        if ending && queue.is_empty() {
            return;
        }
        tokio::select! {
            _ = queue.recv_many(&mut batch, BATCH) => {}
            () = end.cancelled(), if !ending => {}
        }
        if !ending && batch.len() < BATCH && !batch.is_empty() {
            let _ = tokio::time::timeout(GATHER, end.cancelled()).await;
            while batch.len() < BATCH
                && let Ok(record) = queue.try_recv()
            {
                batch.push(record);
            }
        }
        if batch.is_empty() {
            continue;
        }
        let count = batch.len() as u64;
        about.name(&db, &mut batch).await;
        match store(&db, server, &mut last, &mut batch).await {
            Ok(stored) => {
                for record in stored {
                    // No follower is no error.
                    let _ = logs.live.send(Arc::new(record));
                }
            }
            // Said to no log: that would come back here.
            Err(_) => {
                metrics.log_dropped.inc_by(count);
            }
        }
        batch.clear();
    }
}

/// Numbers and stores the batch. The last number is read once, and again after an error.
async fn store(
    db: &Db,
    server: InstanceId,
    last: &mut Option<u64>,
    batch: &mut Vec<LogRecord>,
) -> patchwharf_db::Result<Vec<LogRecord>> {
    let mut number = match last.take() {
        Some(number) => number,
        None => match table::last_number(db, server).await? {
            0 => 0,
            last => last + APART,
        },
    };
    let mut rows = Vec::with_capacity(batch.len());
    for record in batch.iter_mut() {
        number += 1;
        record.number = number;
        rows.push(row(server, record));
    }
    table::append(db, &rows).await?;
    *last = Some(number);
    Ok(std::mem::take(batch))
}

fn row(server: InstanceId, record: &LogRecord) -> table::LogRecord {
    fn id<T: std::str::FromStr>(text: Option<&String>) -> Option<T> {
        text.and_then(|t| t.parse().ok())
    }
    let level = ["error", "warn", "info", "debug", "trace"].iter().position(|l| *l == record.level);
    table::LogRecord {
        server,
        number: record.number,
        at: record.at,
        level: level.map_or(5, |at| at as u32 + 1),
        target: record.target.clone(),
        message: record.message.clone(),
        job_id: id(record.job.as_ref()),
        package_id: id(record.package.as_ref()),
        bulletin_id: id(record.bulletin.as_ref()),
        // A map of texts: its serialization cannot fail.
        fields: serde_json::to_string(&record.fields).unwrap_or_default(),
    }
}
