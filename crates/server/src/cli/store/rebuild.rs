//! `patchwharf store rebuild`

use anyhow::{Context as _, Result};
use camino::Utf8PathBuf;
use clap::Args;
use patchwharf_trust::PublicKey;

use crate::{
    cli::{Found, Global, key, output},
    config::{Config, Hidden, Options},
    rebuild::{self, Wish},
};

/// Which locations, and whom to believe.
#[derive(Debug, Args)]
pub(in crate::cli) struct Rebuild {
    /// The package location; may be given several times. Of a package that lies at two of them the copy at the one named
    /// last is served, and the other one is recorded as an original [default: those that the database names, else that of
    /// the configuration].
    #[arg(long = "location", value_name = "PATH")]
    locations: Vec<Utf8PathBuf>,
    /// Make locations of another deployment this server's: their location.json is written anew, the old one is kept beside
    /// it, no package is touched. Only when that deployment is gone.
    #[arg(long)]
    take_over: bool,
    /// Packages whose manifests this key has signed are proved by that: the public key, or a file that has it (a package.json
    /// of that deployment, its manifest.key, or this server's own). May be given several times.
    #[arg(long, value_name = "KEY-or-FILE")]
    trust: Vec<String>,
    /// Hash everything, say what would be taken, change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Configuration file of the server [default: patchwharf.toml in the data folder, when it is there].
    #[arg(long, env = "PATCHWHARF_CONFIG", value_name = "FILE")]
    config: Option<Utf8PathBuf>,
    /// URL of the database, as `serve` takes it; a new, empty one is filled [default: that of the configuration, else an SQLite
    /// file in the data folder].
    #[arg(long, env = "PATCHWHARF_DATABASE", value_name = "URL", hide_env_values = true)]
    database: Option<Hidden<String>>,
    /// The first package location, as `serve` takes it: --location goes before it.
    #[arg(long, env = "PATCHWHARF_PACKAGES", value_name = "FOLDER")]
    package_location: Option<Utf8PathBuf>,
}

impl Rebuild {
    pub(in crate::cli) async fn run(self, global: &Global) -> Result<Found> {
        crate::start::own_files_only();
        patchwharf_trust::install_crypto_provider();
        let trust: Vec<PublicKey> = self.trust.iter().map(|text| key::public(text)).collect::<Result<_>>()?;
        let absolute = |path: &Utf8PathBuf| camino::absolute_utf8(path).with_context(|| format!("{path} is no path"));
        let locations = self.locations.iter().map(absolute).collect::<Result<_>>()?;
        let (data, config, database) = (global.data.clone(), self.config, self.database);
        let package_location = self.package_location;
        let config = Config::load(&Options { data, config, database, package_location, ..Options::default() })?;
        let wish = Wish { locations, take_over: self.take_over, trust, dry_run: self.dry_run };
        let told = rebuild::run(config, wish).await?;
        if global.json {
            output::json(&told)?;
        } else {
            for line in told.lines() {
                output::line(&output::harmless(&line))?;
            }
        }
        Ok(if told.has_problems() { Found::Problems } else { Found::Nothing })
    }
}
