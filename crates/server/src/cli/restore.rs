//! `patchwharf restore ...`

use anyhow::Result;
use camino::Utf8PathBuf;
use clap::Args;
use patchwharf_model::Timestamp;
use patchwharf_trust::PublicKey;

use super::{Found, Global, output};
use crate::{
    backup::age,
    config::Hidden,
    restore::{self, Wish},
    words::count,
};

/// Put a backup back on a new host, into a data folder that is new or empty.
///
/// Everything is verified first: the signature, every part, every content. Packages keep their ids; several package
/// locations become one. Nothing is ever written over: a target that is not empty is refused.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  patchwharf restore /srv/backups --list
  patchwharf restore /srv/backups --passphrase-file backup.passphrase --dry-run
  patchwharf --data /var/lib/patchwharf restore /srv/backups --passphrase-file backup.passphrase \\
      --package-location /srv/packages")]
pub(super) struct Restore {
    /// The folder with backups.
    folder: Utf8PathBuf,
    /// Only show which backups there are.
    #[arg(long)]
    list: bool,
    /// Which backup, by its name in --list [default: the newest].
    #[arg(long, value_name = "NAME")]
    at: Option<String>,
    /// Folder for the packages [default: packages in the data folder].
    #[arg(long, value_name = "FOLDER")]
    package_location: Option<Utf8PathBuf>,
    /// URL of the database: an empty one of PostgreSQL when the backup is of PostgreSQL [default: an SQLite file in the
    /// data folder].
    #[arg(long, env = "PATCHWHARF_DATABASE", value_name = "URL", hide_env_values = true)]
    database: Option<Hidden<String>>,
    /// File with the passphrase of a sealed backup; one that is not sealed is refused then.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<Utf8PathBuf>,
    /// Public key that must have signed the backup: "manifest key" of `settings show`.
    #[arg(long, value_name = "HEX")]
    key: Option<PublicKey>,
    /// Leave out packages whose contents are damaged in the backup; they are missing then and can be staged again.
    #[arg(long)]
    skip_damaged: bool,
    /// Verify everything and write nothing: the drill.
    #[arg(long)]
    dry_run: bool,
}

impl Restore {
    pub(super) async fn run(self, global: &Global) -> Result<Found> {
        crate::start::own_files_only();
        patchwharf_trust::install_crypto_provider();
        let now = Timestamp::now();
        if self.list {
            return list(&self.folder, now);
        }
        let wish = Wish {
            folder: self.folder,
            at: self.at,
            data: global.data.clone(),
            package_location: self.package_location,
            database: self.database.map(|url| url.reveal().clone()),
            passphrase_file: self.passphrase_file,
            key: self.key,
            skip_damaged: self.skip_damaged,
            dry_run: self.dry_run,
        };
        let restored = restore::run(wish, now, output::note).await?;
        for line in &restored.lines {
            output::line(line)?;
        }
        if restored.missing > 0 {
            output::line(&format!(
                "{} missing now: see `patchwharf package list --state missing`, and stage again",
                count(restored.missing, "package version")
            ))?;
        }
        if self.dry_run {
            return Ok(if restored.missing > 0 { Found::Problems } else { Found::Nothing });
        }
        if restored.backup.left_out > 0 {
            let left_out = count(restored.backup.left_out, "package version");
            output::line(&format!("{left_out} left out when the backup was made"))?;
        }
        output::line(&format!("now start it: patchwharf --data {} serve", global.data))?;
        Ok(if restored.missing > 0 { Found::Problems } else { Found::Nothing })
    }
}

fn list(folder: &camino::Utf8Path, now: Timestamp) -> Result<Found> {
    let mut found = Found::Nothing;
    let mut rows = Vec::new();
    for (name, backup) in restore::list(folder)? {
        rows.push(match backup {
            Ok(backup) => [
                name,
                format!("{} ago", age(backup.made_at, now)),
                backup.version_count.to_string(),
                output::size(backup.file_bytes),
                backup.database_kind,
                if backup.sealed { "sealed" } else { "plain" }.to_owned(),
                if backup.left_out > 0 { format!("{} left out", backup.left_out) } else { String::new() },
            ],
            Err(error) => {
                found = Found::Problems;
                let none = String::new;
                [name, none(), none(), none(), none(), none(), error.to_string()]
            }
        });
    }
    output::table(["backup", "made", "versions", "bytes", "database", "keys", ""], rows)?;
    Ok(found)
}
