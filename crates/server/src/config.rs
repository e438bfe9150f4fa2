//! Configuration: defaults, then `patchwharf.toml` in the data folder, then environment and flags.

mod fetch;
mod hidden;
mod options;
mod parser;

use std::{net::SocketAddr, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

pub use fetch::{FetchConfig, HostRule, Network};
pub use hidden::Hidden;
pub use options::Options;
pub use parser::ParserConfig;

use patchwharf_model::span as duration;

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// The data folder. Comes from the flag or environment, never from the file that lies in it.
    #[serde(skip)]
    pub data: Utf8PathBuf,
    /// Address and port of the API and of package downloads.
    pub listen: SocketAddr,
    /// URL of the resource database; none means `patchwharf.db` in the data folder.
    pub database: Option<Hidden<String>>,
    /// Where packages go at first start; later the database says. None means `packages` in the data folder.
    pub package_location: Option<Utf8PathBuf>,
    /// Jobs that run at once.
    pub workers: usize,
    /// How long a job's lease lasts without being renewed.
    #[serde(with = "duration")]
    pub lease: Duration,
    /// Serving and keeping packages.
    pub packages: PackagesConfig,
    /// Downloads.
    pub fetch: FetchConfig,
    /// Reading catalogues.
    pub parser: ParserConfig,
    /// The log.
    pub log: LogConfig,
}

/// Serving and keeping packages.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct PackagesConfig {
    /// Package files are served to loopback clients without a token. A request that names a proxy (`Forwarded`,
    /// `X-Forwarded-For`, `X-Real-IP`, `Via`) is not from loopback; a proxy on this machine must send one of them.
    pub anonymous: bool,
    /// How long the files of a retired version stay.
    #[serde(with = "duration")]
    pub grace: Duration,
    /// How often every package is hashed anew, unless the setting `integrity.full-every` says otherwise; zero means never.
    #[serde(with = "duration")]
    pub verify_every: Duration,
    /// How long what was found bad, or belongs to no one, stays in quarantine; zero means for ever. Nothing goes before
    /// its package is staged again.
    #[serde(with = "duration")]
    pub keep_quarantine: Duration,
}

/// The log.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct LogConfig {
    /// What is recorded, in the syntax of `tracing`: `info`, `info,patchwharf_server::fetch=debug`.
    pub filter: String,
    /// How long records are kept.
    #[serde(with = "duration")]
    pub keep: Duration,
    /// How many records are kept at most.
    pub keep_records: u64,
    /// Records go to stderr as JSON instead of text.
    pub json: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: Utf8PathBuf::from("patchwharf-data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 8480)),
            database: None,
            package_location: None,
            workers: 4,
            lease: Duration::from_secs(30),
            packages: PackagesConfig::default(),
            fetch: FetchConfig::default(),
            parser: ParserConfig::default(),
            log: LogConfig::default(),
        }
    }
}

impl Default for PackagesConfig {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 3600);
        Self { anonymous: false, grace: day, verify_every: 7 * day, keep_quarantine: 30 * day }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        let keep = Duration::from_secs(30 * 24 * 3600);
        Self { filter: "info".into(), keep, keep_records: 2_000_000, json: false }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is there and cannot be read.
    #[error("cannot read the configuration {path}; check its owner and mode")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be understood. The line itself is not shown: it may hold a password.
    #[error("the configuration {path} is not valid in line {line}: {reason}; correct it and start again")]
    Parse {
        /// The file.
        path: Utf8PathBuf,
        /// The line.
        line: usize,
        /// What is wrong, and what is known.
        reason: String,
    },
    /// A setting has a value that cannot work.
    #[error("setting {setting}: {reason}")]
    Value {
        /// Its name as in the file.
        setting: &'static str,
        /// What is wrong and what is allowed.
        reason: String,
    },
}

impl Config {
    /// Puts together defaults, file, environment and flags (the later wins).
    ///
    /// # Errors
    /// The file is unreadable or has an unknown or impossible setting.
    pub fn load(options: &Options) -> Result<Self, ConfigError> {
        let path = options.config.clone().unwrap_or_else(|| options.data.join("patchwharf.toml"));
        let mut config = match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&path, &text)?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && options.config.is_none() => Self::default(),
            Err(source) => return Err(ConfigError::Read { path, source }),
        };
        options.merge_into(&mut config);
        config.check()?;
        Ok(config)
    }

    fn parse(path: &Utf8Path, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|e| {
            let before = e.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            ConfigError::Parse { path: path.to_owned(), line, reason: e.message().to_owned() }
        })
    }

    fn check(&self) -> Result<(), ConfigError> {
        let value = |setting, reason: &str| Err(ConfigError::Value { setting, reason: reason.to_owned() });
        if self.workers == 0 {
            return value("workers", "0 would leave every job waiting; use 1 or more");
        }
        if self.lease < Duration::from_secs(2) {
            return value("lease", "too short to be renewed in time; use 2s or more");
        }
        self.parser.check()?;
        self.fetch.check()
    }

    /// URL of the resource database.
    #[must_use]
    pub fn database_url(&self) -> String {
        self.database
            .as_ref()
            .map(|url| url.reveal().clone())
            .unwrap_or_else(|| format!("sqlite://{}", self.data.join("patchwharf.db")))
    }

    /// Folder of the first package location.
    #[must_use]
    pub fn first_location(&self) -> Utf8PathBuf {
        self.package_location.clone().unwrap_or_else(|| self.data.join("packages"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Utf8Path::new("patchwharf.toml"), text).and_then(|c| c.check().map(|()| c))
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        let config = parse("").unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8480");
        assert!(!config.packages.anonymous);
        assert_eq!(config.fetch.idle_timeout, Duration::from_secs(30));
    }

    #[test]
    fn an_unknown_setting_is_named() {
        let error = parse("[fetch]\nparalel = 3").unwrap_err();
        assert!(error.to_string().contains("paralel") && error.to_string().contains("line 2"), "{error}");
    }

    #[test]
    fn w_19_passwords_in_settings_are_never_shown() {
        let text = "database = 'postgres://u:canary@h/d'\n[fetch]\nproxy = 'http://u:canary@proxy:3128'";
        assert!(!format!("{:?}", parse(text).unwrap()).contains("canary"));
        let error = parse("[fetch]\nproxy = ['http://u:canary@proxy:3128']").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }

    #[test]
    fn durations_and_networks_are_read_as_people_write_them() {
        let config = parse(
            "lease = '1m'\n[packages]\nkeep-quarantine = '14d'\n[fetch]\nidle-timeout = '5s'\nallow-networks = ['10.0.0.0/8', '::1']\nallow-hosts = ['mirror.lan', '*.corp.example:8443']",
        )
        .unwrap();
        assert_eq!(config.lease, Duration::from_secs(60));
        assert_eq!(config.packages.keep_quarantine, Duration::from_secs(14 * 24 * 3600));
        let error = parse("lease = 'soon'").unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("30s, 12h or 14d"), "{error}");
        assert_eq!(config.fetch.allow_networks.len(), 2);
        assert!(config.fetch.allow_hosts[1].matches("a.corp.example", Some(8443)));
        assert!(!config.fetch.allow_hosts[1].matches("corp.example.evil", Some(8443)));
    }

    #[test]
    fn impossible_values_say_what_is_allowed() {
        for (text, allowed) in [
            ("workers = 0", "1 or more"),
            ("[parser]\nmemory-bytes = 1000000", "64 MiB"),
            ("[parser]\ncpu = '100ms'", "1s or more"),
        ] {
            assert!(parse(text).unwrap_err().to_string().contains(allowed), "{text}");
        }
    }
}
