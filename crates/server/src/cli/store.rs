//! `patchwharf store ...`

mod rebuild;

use anyhow::Result;
use clap::Subcommand;
use patchwharf_model::api::{Job, ReconcileStart, StoreTotals};

use super::{Client, Found, follow, output};

/// The package store as a whole.
#[derive(Debug, Subcommand)]
pub(super) enum Store {
    /// Say what the store holds: packages, files, bytes named and bytes on disk (the same data counted once).
    Show,
    /// Compare database and disk both ways, and clear what no one owns.
    ///
    /// Orphan folders go to quarantine, never straight to deletion; interrupted deletions are finished; rows whose folder
    /// is gone are marked missing. An empty mount point is never read as "all packages gone".
    Reconcile {
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Make the rows of packages again from the manifests on disk, after the database was lost. The server must not run.
    ///
    /// Every file is hashed. What a key that is believed has signed, and is whole, is taken under the GUID that it has; nothing
    /// on disk is deleted or moved. A package stays unproved, and is not served, until a feed names its digests or --trust
    /// names the key that signed them.
    #[command(after_help = "\
Examples:
  patchwharf store rebuild --dry-run
  patchwharf store rebuild --trust patchwharf-data/manifest.key
  patchwharf store rebuild --location /srv/packages --take-over --trust /srv/packages/0190c0de-.../1/package.json")]
    Rebuild(rebuild::Rebuild),
}

impl Store {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        match self {
            Self::Show => show(client, &client.get("/store").await?),
            Self::Rebuild(_) => anyhow::bail!("this command does not ask a server"),
            Self::Reconcile { dry_run } => {
                let job: Job = client.post("/store/reconcile", &ReconcileStart { dry_run }).await?;
                follow::started(client, &job).await
            }
        }
    }
}

fn show(client: &Client, totals: &StoreTotals) -> Result<Found> {
    if client.json {
        output::json(totals)?;
    } else {
        output::facts(&[
            ("packages", totals.packages.to_string()),
            ("files", totals.files.to_string()),
            ("bytes named", output::size(totals.size_bytes)),
            ("bytes on disk", output::size(totals.disk_bytes)),
        ])?;
    }
    Ok(Found::Nothing)
}
