//! `patchwharf location prune`

use anyhow::Result;
use clap::Args;
use patchwharf_model::api::{Job, PrunePreview, PruneStart};

use super::{Which, find};
use crate::cli::{Client, Found, deletion, follow, output};

/// Which originals, and how sure.
#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Where the originals lie: a location's path or id.
    old: String,
    #[command(flatten)]
    which: Which,
    /// Prove every copy and say what would be removed; remove nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask. More than 100 originals, or many of all packages, want --confirm as well.
    #[arg(long)]
    yes: bool,
    /// How many originals it is, as --dry-run says.
    #[arg(long, value_name = "ORIGINALS")]
    confirm: Option<u64>,
}

impl Prune {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        let old = find(client, &self.old).await?;
        let path = format!("/locations/{}/prune", old.id);
        let mut wish = PruneStart { of: self.which.choice(), dry_run: self.dry_run, confirm: None };
        let preview: PrunePreview = client.post(&format!("{path}/preview"), &wish).await?;
        if preview.originals == 0 {
            match client.json {
                true => output::json(&preview)?,
                false => output::line(&nothing(&preview))?,
            }
            return Ok(Found::Nothing);
        }
        if !self.dry_run {
            match self.asked(&preview)? {
                Some(confirm) => wish.confirm = confirm,
                None => return Ok(Found::Problems),
            }
        }
        let job: Job = client.post(&path, &wish).await?;
        follow::started(client, &job).await
    }

    /// The number that the request says. None: nobody has said yes.
    fn asked(&self, preview: &PrunePreview) -> Result<Option<Option<u64>>> {
        let what = format!(
            "remove {} at {}, {}",
            output::count(preview.originals, "original"),
            preview.path,
            output::size(preview.size_bytes)
        );
        let answered = match preview.confirm {
            None if self.yes => return Ok(Some(None)),
            // The server compares.
            Some(_) if self.confirm.is_some() => return Ok(Some(self.confirm)),
            Some(number) => deletion::ask(&format!("{what}? Type {number} to confirm:"), &number.to_string())?,
            None => deletion::ask(&format!("{what}? Type yes:"), "yes")?,
        };
        if !answered {
            let how = preview.confirm.map_or_else(|| "--yes".to_owned(), |number| format!("--confirm {number}"));
            output::note(&format!("nothing is removed; say {how} where nobody can be asked"));
            return Ok(None);
        }
        Ok(Some(preview.confirm))
    }
}

/// Why there is nothing to remove.
fn nothing(preview: &PrunePreview) -> String {
    match preview.young {
        0 => format!("there are no originals at {}; nothing is to be removed", preview.path),
        young => format!(
            "nothing may be removed at {} yet: {} younger than `originals.keep-for` (see `patchwharf settings show`)",
            preview.path,
            output::count(young, "original")
        ),
    }
}
