//! Configuration: defaults, then `patchwharf.toml` in the data folder, then environment and flags.

mod fetch;
mod hidden;
pub(crate) mod notify;
mod options;
mod parser;
mod section;
mod shown;
pub(crate) mod template;
mod tls;

use std::{net::SocketAddr, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use patchwharf_model::span;

pub use fetch::{FetchConfig, HostRule, Network};
pub use hidden::Hidden;
pub use notify::{MailConfig, NotifyConfig, Tls, WebhookConfig};
pub use options::Options;
pub use parser::ParserConfig;
use section::section;
pub(crate) use shown::shown;
pub use tls::{TlsConfig, TlsMode};

const DAY: Duration = Duration::from_secs(24 * 3600);

section! {
    /// Everything that can be set.
    pub struct Config {
        /// Address and port of the API and of package downloads.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8480));
        /// URL of the resource database; none means `patchwharf.db` in the data folder.
        database: Option<Hidden<String>> = None, example "\"postgres://patchwharf@database.example/patchwharf\"";
        /// Where packages go at first start; later the database says. None means `packages` in the data folder.
        package_location: Option<Utf8PathBuf> = None, example "\"/srv/packages\"";
        /// Jobs that run at once.
        workers: usize = 4;
        /// How long a job's lease lasts without being renewed.
        #[serde(with = "span")]
        lease: Duration = Duration::from_secs(30);
        /// TLS on the server's own port.
        tls: TlsConfig = TlsConfig::default();
        /// The console in the browser.
        console: ConsoleConfig = ConsoleConfig::default();
        /// Serving and keeping packages.
        packages: PackagesConfig = PackagesConfig::default();
        /// Downloads.
        fetch: FetchConfig = FetchConfig::default();
        /// Reading catalogues.
        parser: ParserConfig = ParserConfig::default();
        /// The log.
        log: LogConfig = LogConfig::default();
        /// How long history is kept.
        retention: RetentionConfig = RetentionConfig::default();
        /// Backups by schedule.
        backup: BackupConfig = BackupConfig::default();
        /// Who is told by itself when something is not well. Mail and webhook may be used together; `patchwharf notify test`
        /// tries them.
        notify: NotifyConfig = NotifyConfig::default();
        elsewhere {
            /// The data folder. Comes from the flag or environment, never from the file that lies in it.
            data: Utf8PathBuf = Utf8PathBuf::from("patchwharf-data");
            /// The file that it was read from.
            file: Option<Utf8PathBuf> = None;
            /// Whether a migration may begin although the database could not be copied before. A flag of one start, no
            /// setting.
            migrate_without_backup: bool = false;
        }
    }
}

section! {
    /// The console in the browser.
    pub struct ConsoleConfig {
        /// A sign-in ends after so long without a request.
        #[serde(with = "span")]
        session_idle: Duration = Duration::from_secs(2 * 3600);
        /// A sign-in ends after so long, whatever happens.
        #[serde(with = "span")]
        session_lasts: Duration = Duration::from_secs(12 * 3600);
        /// With `tls.mode = "off"`: browsers reach the server through a proxy on this machine that speaks TLS, and cookies
        /// are sent over TLS only. Where the server speaks TLS itself they are anyway.
        behind_tls: bool = false;
        /// Names under which browsers reach the server, beside its addresses and this machine's name: a change that comes
        /// from an older browser, or over plain http, must come from a page of one of them.
        hosts: Vec<String> = Vec::new(), example "[\"patch.example\"]";
        /// Proxies that say in `X-Forwarded-For` who asks: guesses are counted for that address, and the audit trail names
        /// it. Without them everybody behind a proxy is one source.
        trusted_proxies: Vec<Network> = Vec::new(), example "[\"127.0.0.1\", \"10.1.0.0/16\"]";
    }
}

section! {
    /// Serving and keeping packages.
    pub struct PackagesConfig {
        /// Package files are served to loopback clients without a token: clients on this machine that ask for it by its
        /// loopback name or address. A request that names a proxy (`Forwarded`, `X-Forwarded-For`, `X-Real-IP`, `Via`) is
        /// not from loopback; nothing is where `console.behind-tls` is set.
        anonymous: bool = false;
        /// How long the files of a retired version stay.
        #[serde(with = "span")]
        grace: Duration = DAY;
        /// How often every package is hashed anew, unless the setting `integrity.full-every` says otherwise; zero means never.
        #[serde(with = "span")]
        verify_every: Duration = 7 * DAY;
        /// How long what was found bad, or belongs to no one, stays in quarantine; zero means for ever. Nothing goes before
        /// its package is staged again.
        #[serde(with = "span")]
        keep_quarantine: Duration = 30 * DAY;
    }
}

section! {
    /// The log.
    pub struct LogConfig {
        /// What is recorded, in the syntax of `tracing`: `info`, `info,patchwharf_server::fetch=debug`.
        filter: String = "info".into();
        /// What of it goes to stderr; left out: all of it.
        stderr_filter: Option<String> = None, example "\"warn\"";
        /// How long records are kept.
        #[serde(with = "span")]
        keep: Duration = 30 * DAY;
        /// How many records are kept at most.
        keep_records: u64 = 2_000_000;
        /// Records go to stderr as JSON instead of text.
        json: bool = false;
    }
}

section! {
    /// Backups by schedule: nothing is done while `folder` is not set. `patchwharf backup` makes one at any time.
    pub struct BackupConfig {
        /// Where backups go, on another disk than the packages if it can be. Where the service is hardened, name it in
        /// ReadWritePaths= too.
        folder: Option<Utf8PathBuf> = None, example "\"/srv/backups\"";
        /// How often.
        #[serde(with = "span")]
        every: Duration = DAY;
        /// How many are kept; contents that none of them needs go.
        keep: u32 = 14;
        /// File with the passphrase that database, keys and configuration are sealed under, readable by the server alone.
        passphrase_file: Option<Utf8PathBuf> = None, example "\"/etc/patchwharf/backup.passphrase\"";
        /// Without a passphrase: keys and database lie in the folder as they are. It must be as safe as the server.
        plain: bool = false;
    }
}

section! {
    /// How long history is kept. The log has limits of its own, in the section `log`.
    pub struct RetentionConfig {
        /// How long ended jobs and their reports are kept; zero means for ever. The newest 1,000 stay anyway.
        #[serde(with = "span")]
        jobs: Duration = 90 * DAY;
        /// How long the audit trail is kept; zero means for ever. What goes is written to a file in the folder `audit` of
        /// the data folder first, and the cut is itself on the trail.
        #[serde(with = "span")]
        audit: Duration = Duration::ZERO;
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
            Ok(text) => Self { file: Some(path.clone()), ..Self::parse(&path, &text)? },
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
        self.tls.check(self.listen)?;
        if self.console.session_idle < Duration::from_secs(60) || self.console.session_lasts < self.console.session_idle
        {
            let reason = "a session lasts at least a minute without a request, and in all at least as long as that";
            return value("console.session-idle, console.session-lasts", reason);
        }
        if self.backup.folder.is_some() && self.backup.passphrase_file.is_some() == self.backup.plain {
            let reason = "keys are part of a backup: set passphrase-file to seal them, or plain = true; one of the two";
            return value("backup.passphrase-file, backup.plain", reason);
        }
        if self.backup.keep == 0 {
            return value("backup.keep", "at least 1: the newest backup always stays");
        }
        self.fetch.check()?;
        self.notify.check()
    }

    /// Whether browsers speak TLS, to the server or to a proxy before it.
    #[must_use]
    pub fn browsers_speak_tls(&self) -> bool {
        self.tls.is_on() || self.console.behind_tls
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
        let error =
            parse("workers = 2\n[notify.webhook]\nurl = 'https://u:canary@hooks.example:x/canary'").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        assert!(error.to_string().contains("line 3") && error.to_string().contains("not shown"), "{error}");
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
