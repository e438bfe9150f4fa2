//! `patchwharf location adopt`

use anyhow::{Context as _, Result};
use camino::Utf8PathBuf;
use clap::Args;
use patchwharf_model::{
    api::{AdoptionStart, Job},
    job::AdoptionWay,
};

use crate::cli::{Client, Found, follow, key};

/// Which folder, and how.
#[derive(Debug, Args)]
pub(crate) struct Adopt {
    /// The folder, on the server's machine.
    path: Utf8PathBuf,
    /// Believe manifests that this key of another deployment signed: where a feed names SHA-1 only, the SHA-256 that they name
    /// must be right too. The public key, or a file that has it: a `package.json` of that deployment, or its `manifest.key`.
    /// May be given several times.
    #[arg(long, value_name = "KEY-or-FILE")]
    trust: Vec<String>,
    /// Give the files one more name (hard link), on the same file system and where only the server can write to them. That
    /// needs neither time nor room, and is no second copy: what is written to them there is written into the package.
    #[arg(long, conflicts_with = "copy")]
    link: bool,
    /// Copy every byte, also where the file system could share blocks [default: blocks are shared where it can].
    #[arg(long)]
    copy: bool,
    /// Do not hash files whose length is that of no update's file: they are listed without digests.
    #[arg(long)]
    no_foreign_digests: bool,
    /// Only look, and say what would be adopted.
    #[arg(long)]
    dry_run: bool,
}

impl Adopt {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        let path = camino::absolute_utf8(&self.path).with_context(|| format!("{} is no path", self.path))?;
        let trust: Vec<String> =
            self.trust.iter().map(|text| Ok(key::public(text)?.to_string())).collect::<Result<_>>()?;
        let way = match (self.link, self.copy) {
            (true, _) => AdoptionWay::Link,
            (_, true) => AdoptionWay::Copy,
            (false, false) => AdoptionWay::Share,
        };
        let (no_foreign_digests, dry_run) = (self.no_foreign_digests, self.dry_run);
        let wish = AdoptionStart { path: path.into_string(), trust, way, no_foreign_digests, dry_run };
        let job: Job = client.post("/locations/adopt", &wish).await?;
        follow::started(client, &job).await
    }
}
