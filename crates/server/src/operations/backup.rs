//! Backup: a job over the code that the command line uses too. What was copied before a pause, a kill or a full disk is
//! there for the next attempt.

use std::time::Duration;

use camino::Utf8Path;
use patchwharf_model::Timestamp;

use super::{Ending, OperationError};
use crate::{
    backup::{self, Outcome, Work},
    jobs::JobContext,
};

/// How long a backup waits for another one in the same folder.
const WAIT: Duration = Duration::from_secs(10);

/// Runs the job.
pub(crate) async fn run(
    ctx: &JobContext,
    folder: &str,
    passphrase_file: Option<&str>,
    keep: Option<u32>,
    quick: bool,
) -> Result<Ending, OperationError> {
    let passphrase = passphrase_file.map(|path| backup::passphrase(Utf8Path::new(path))).transpose();
    let passphrase = passphrase.map_err(|error| OperationError::new("passphrase", format!("{error:#}")))?;
    let app = &ctx.app;
    let work = Work {
        db: &app.db,
        locations: app.locations.iter().collect(),
        key: &app.signing_key,
        config: &app.config,
        deployment: app.deployment,
        instance: app.instance,
        folder: folder.into(),
        passphrase,
        keep,
        quick,
        clock: &app.clock,
        progress: ctx.progress.clone(),
        stop: ctx.stop.clone(),
    };
    match backup::run(&work).await {
        Ok(Outcome::Made { report, items }) => {
            items.into_iter().for_each(|item| ctx.report_item(item));
            Ok(Ending::Done(report))
        }
        Ok(Outcome::Stopped(reason)) => Ok(Ending::Stopped(reason)),
        Err(error) if error.code == "backup-busy" => {
            let not_before = ctx.now().checked_add(WAIT).unwrap_or(Timestamp::MAX);
            Ok(Ending::Later { not_before, waiting_for: error.text })
        }
        Err(error) => Err(error),
    }
}
