//! `patchwharf backup ...`

use anyhow::Result;
use camino::Utf8PathBuf;
use clap::{ArgGroup, Args};
use patchwharf_model::api::{BackupStart, Job};

use super::{Client, Found, Global, follow, output};
use crate::{
    backup::{self, Outcome},
    config::{Config, Options},
    offline::{Offline, is_at_rest},
    words,
};

/// Back up database, keys, configuration and packages into a folder.
///
/// A running server does it as a job, beside its other work; for one that does not run, this command does it itself. The
/// folder may hold earlier backups: contents that are there are not copied again. `patchwharf restore` puts one back on a
/// new host.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  patchwharf backup /srv/backups --passphrase-file /etc/patchwharf/backup.passphrase --keep 14
  patchwharf restore /srv/backups --passphrase-file backup.passphrase --dry-run   # the drill")]
#[command(group = ArgGroup::new("keys").required(true).args(["passphrase_file", "plain"]))]
pub(super) struct Backup {
    /// The folder, on the server, on another disk than the packages if it can be.
    folder: Utf8PathBuf,
    /// File on the server with a passphrase: database, keys and configuration are sealed under it.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<Utf8PathBuf>,
    /// Without a passphrase: keys and database lie in the folder as they are. It must be as safe as the server.
    #[arg(long)]
    plain: bool,
    /// Once the new backup is whole, remove older ones so that so many are left, and the contents that none of them needs.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// Believe package files that are there already by their length, instead of reading them.
    #[arg(long)]
    quick: bool,
    /// How the server is started: needed for one that does not run, with the same flags or environment as `serve`.
    #[command(flatten, next_help_heading = "As `serve` has it, for a server that does not run")]
    options: Options,
}

impl Backup {
    pub(super) async fn run(self, global: &Global) -> Result<Found> {
        let absolute = |path: &Utf8PathBuf| words::absolute(path).map(Utf8PathBuf::into_string);
        let wish = BackupStart {
            folder: absolute(&self.folder)?,
            passphrase_file: self.passphrase_file.as_ref().map(absolute).transpose()?,
            plain: self.plain,
            keep: self.keep,
            quick: self.quick,
        };
        if global.server.is_none() && is_at_rest(&global.data) {
            output::note("no server runs on this data folder: the backup is made without one");
            let config = Config::load(&Options { data: global.data.clone(), ..self.options })?;
            return offline(config, &wish).await;
        }
        let client = Client::new(global)?;
        let job: Job = client.post("/backups", &wish).await?;
        follow::started(&client, &job).await
    }
}

async fn offline(config: Config, wish: &BackupStart) -> Result<Found> {
    let passphrase = wish.passphrase_file.as_deref().map(|path| backup::passphrase(path.into())).transpose()?;
    let server = Offline::open(config).await?;
    let work = server.backup(wish, passphrase);
    let made = backup::run(&work).await?;
    server.close().await;
    let Outcome::Made { report, items } = made else { anyhow::bail!("the backup was stopped; run it again") };
    output::line(&report.summary)?;
    let mut found = Found::Nothing;
    for item in items {
        let mark = if item.failed { "FAILED" } else { "" };
        output::line(&output::harmless(&format!("  {mark:6}  {}  {}: {}", item.item, item.outcome, item.reason)))?;
        if item.failed {
            found = Found::Problems;
        }
    }
    Ok(found)
}
