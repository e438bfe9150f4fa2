//! `patchwharf store ...`

use anyhow::Result;
use clap::Subcommand;
use patchwharf_model::api::{Job, ReconcileStart};

use super::{Client, Found, follow};

/// The package store as a whole.
#[derive(Debug, Subcommand)]
pub(super) enum Store {
    /// Compare database and disk both ways, and clear what no one owns.
    ///
    /// Orphan folders go to quarantine, never straight to deletion; interrupted deletions are finished; rows whose folder
    /// is gone are marked missing. An empty mount point is never read as "all packages gone".
    Reconcile {
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
}

impl Store {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        let Self::Reconcile { dry_run } = self;
        let job: Job = client.post("/store/reconcile", &ReconcileStart { dry_run }).await?;
        follow::started(client, &job).await
    }
}
