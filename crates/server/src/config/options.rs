//! Settings from the environment and the command line.

use std::net::SocketAddr;

use camino::Utf8PathBuf;
use url::Url;

use super::{Config, Hidden, TlsMode};

/// Flags of the commands that run a server. What is not given here comes from the file.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// The data folder; it comes from the flag that every command has.
    #[arg(skip)]
    pub data: Utf8PathBuf,
    /// Configuration file [default: patchwharf.toml in the data folder, when it is there].
    #[arg(long, env = "PATCHWHARF_CONFIG", value_name = "FILE")]
    pub config: Option<Utf8PathBuf>,
    /// Address and port to listen on [default: 127.0.0.1:8480].
    #[arg(long, env = "PATCHWHARF_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// `on`: HTTPS; `off`: plain HTTP, on a loopback address only [default: on].
    #[arg(long, env = "PATCHWHARF_TLS", value_name = "ON|OFF")]
    pub tls: Option<TlsMode>,
    /// URL of the database: sqlite:///path or postgres://user@host/name [default: an SQLite file in the data folder].
    #[arg(long, env = "PATCHWHARF_DATABASE", value_name = "URL", hide_env_values = true)]
    pub database: Option<Hidden<String>>,
    /// Folder for packages at first start [default: packages in the data folder].
    #[arg(long, env = "PATCHWHARF_PACKAGES", value_name = "FOLDER")]
    pub package_location: Option<Utf8PathBuf>,
    /// Proxy for downloads: `http://host:port`, or with `user:password@` before the host.
    #[arg(long, env = "PATCHWHARF_PROXY", value_name = "URL", hide_env_values = true)]
    pub proxy: Option<Hidden<Url>>,
    /// Migrate the database although it could not be copied before: for one start after an upgrade.
    #[arg(long, env = "PATCHWHARF_MIGRATE_WITHOUT_BACKUP")]
    pub migrate_without_backup: bool,
    /// What is logged: error, warn, info, debug, trace, or a tracing filter.
    #[arg(long, env = "PATCHWHARF_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}

impl Options {
    /// Overrides what the file says.
    pub(super) fn merge_into(&self, config: &mut Config) {
        config.data.clone_from(&self.data);
        config.migrate_without_backup = self.migrate_without_backup;
        if let Some(listen) = self.listen {
            config.listen = listen;
        }
        if let Some(mode) = self.tls {
            config.tls.mode = mode;
        }
        if let Some(log) = &self.log {
            config.log.filter.clone_from(log);
        }
        config.database = self.database.clone().or(config.database.take());
        config.package_location = self.package_location.clone().or(config.package_location.take());
        config.fetch.proxy = self.proxy.clone().or(config.fetch.proxy.take());
    }
}
