//! Start and stop of the server.

use std::sync::Arc;

use crate::{app::App, config::Config};

/// Starts a server: data folder, lock, database, keys, locations, reconciliation, workers, schedules.
/// The caller adds the listener.
///
/// # Errors
/// Says what could not be opened and what to do.
pub async fn start(config: Config) -> anyhow::Result<Arc<App>> {
    anyhow::bail!("cannot start with {} yet", config.data)
}
