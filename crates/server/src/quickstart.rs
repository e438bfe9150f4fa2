//! The main job on one machine, from nothing, on embedded parts.

mod damage;
mod sample_vendor;
mod sources;

use anyhow::Result;
use clap::Args;

use crate::cli::{Found, Global};

/// Show everything on this machine: import, stage, verify, serve.
#[derive(Debug, Args)]
pub(crate) struct Quickstart {
    /// End after the summary instead of staying up as a server.
    #[arg(long)]
    exit: bool,
    /// Then show the main point: damage three staged files, find them, mend them.
    #[arg(long)]
    damage: bool,
}

impl Quickstart {
    pub(crate) async fn run(self, _global: &Global) -> Result<Found> {
        anyhow::bail!("soon")
    }
}
