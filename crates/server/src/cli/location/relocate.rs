//! `patchwharf location relocate`

use anyhow::Result;
use clap::Args;
use patchwharf_model::api::{Job, RelocationStart};

use super::{Which, find};
use crate::cli::{Client, Found, follow};

/// What is to be moved, and how.
#[derive(Debug, Args)]
pub(crate) struct Relocate {
    /// Only what lies here: a location's path or id [default: every other location].
    from: Option<String>,
    /// Where to: a location's path or id [default: the location for new packages].
    #[arg(long, value_name = "LOCATION")]
    to: Option<String>,
    #[command(flatten)]
    which: Which,
    /// Do not copy: give the bytes a second name by hard link or shared blocks, on the same file system only. That needs
    /// neither time nor room, and is no second copy.
    #[arg(long)]
    link: bool,
    /// Fetch anew, at the new place, what is missing or damaged at the old one.
    #[arg(long)]
    restage: bool,
    /// Only look whether it can be done (room, rights, file systems, names), and say how long it would take.
    #[arg(long)]
    dry_run: bool,
}

impl Relocate {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        let from = match &self.from {
            Some(name) => Some(find(client, name).await?.id),
            None => None,
        };
        let to = match &self.to {
            Some(name) => Some(find(client, name).await?.id),
            None => None,
        };
        let of = self.which.choice();
        let (link, restage, dry_run) = (self.link, self.restage, self.dry_run);
        let wish = RelocationStart { from, to, of, link, restage, dry_run };
        let job: Job = client.post("/locations/relocate", &wish).await?;
        follow::started(client, &job).await
    }
}
