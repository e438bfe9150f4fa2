//! How a server is to be set up before its first start.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Write},
    net::TcpListener,
    path::{Path, PathBuf},
};

use rand::Rng as _;
use tempfile::TempDir;

use super::{Server, TestDatabase};

/// Limits and pauses short enough for tests; everything else as in production.
pub const TEST_CONFIG: &str = "\
workers = 4
lease = '2s'

[fetch]
connect-timeout = '2s'
idle-timeout = '1s'
slow-after = '2s'
attempts = 3
backoff = '20ms'
backoff-cap = '200ms'
reserve-bytes = 0

[log]
filter = 'debug,hyper=info,sqlx=warn,h2=info,reqwest=info'
";

/// A server before its first start.
#[derive(Debug)]
pub struct Setup {
    binary: PathBuf,
    config: String,
    env: BTreeMap<String, String>,
    wrapper: Vec<String>,
    data: Option<PathBuf>,
    on_postgres: bool,
}

impl Setup {
    pub(super) fn new(binary: &str) -> Self {
        Self {
            binary: binary.into(),
            config: TEST_CONFIG.into(),
            env: BTreeMap::new(),
            wrapper: Vec::new(),
            data: None,
            on_postgres: false,
        }
    }

    /// With this `patchwharf.toml` instead of [`TEST_CONFIG`].
    #[must_use]
    pub fn config(mut self, text: &str) -> Self {
        self.config = text.into();
        self
    }

    /// With this variable in its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// With this data folder (made if need be) instead of a temporary one; it is not removed at the end.
    #[must_use]
    pub fn data(mut self, folder: &Path) -> Self {
        self.data = Some(folder.into());
        self
    }

    /// With TLS, as servers are without configuration: most tests use plain HTTP on loopback.
    #[must_use]
    pub fn tls(self) -> Self {
        self.env("PATCHWHARF_TLS", "on")
    }

    /// With packages in this folder.
    #[must_use]
    pub fn packages(self, folder: &Path) -> Self {
        self.env("PATCHWHARF_PACKAGES", folder.to_str().expect("a path in UTF-8"))
    }

    /// Behind this command, for example `strace` with its flags.
    #[must_use]
    pub fn wrapper(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|part| (*part).to_owned()).collect();
        self
    }

    /// On PostgreSQL, in a database of its own that is dropped at the end. See [`Self::postgres_at_hand`].
    #[must_use]
    pub fn on_postgres(mut self) -> Self {
        self.on_postgres = true;
        self
    }

    /// Whether `PATCHWHARF_TEST_POSTGRES` names a PostgreSQL server (a URL whose user may create databases).
    #[must_use]
    pub fn postgres_at_hand() -> bool {
        TestDatabase::server_url().is_some()
    }

    /// Makes the folders without starting anything.
    pub async fn prepare(mut self) -> Server {
        let home = self.data.is_none().then(|| TempDir::with_prefix("patchwharf-test-").expect("a folder"));
        let data = match (&self.data, &home) {
            (Some(data), _) => data.clone(),
            (None, Some(home)) => home.path().join("data"),
            (None, None) => unreachable!("one of them is there"),
        };
        std::fs::create_dir_all(&data).expect("the data folder");
        write_durably(&data.join("patchwharf.toml"), &self.config).expect("the configuration file");
        let database = if self.on_postgres { Some(TestDatabase::create().await) } else { None };
        if let Some(database) = &database {
            self.env.insert("PATCHWHARF_DATABASE".into(), database.url());
        }
        Server {
            binary: self.binary,
            wrapper: self.wrapper,
            env: self.env,
            data,
            port: free_port(),
            process: None,
            client: None,
            _database: database,
            _home: home,
        }
    }

    /// Starts it; returns when it answers.
    ///
    /// # Panics
    /// When it does not come up; the panic shows its output.
    pub async fn start(self) -> Server {
        let mut server = self.prepare().await;
        server.restart().await;
        server
    }
}

/// A power cut of the test's must not take the test's own configuration.
fn write_durably(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    path.ancestors().skip(1).take(2).try_for_each(|folder| File::open(folder)?.sync_all())
}

/// [`TEST_CONFIG`] for downloads that stand still or drip until the test lets them go on.
#[must_use]
pub fn patient_config() -> String {
    TEST_CONFIG
        .replace("idle-timeout = '1s'", "idle-timeout = '60s'")
        .replace("slow-after = '2s'", "slow-after = '600s'")
}

/// A port that was free a moment ago. It is none of those that the kernel gives to whoever asks for any: another test's would
/// be in its place while a server is started anew.
///
/// # Panics
/// When none of many is free.
#[must_use]
pub fn free_port() -> u16 {
    let ports = std::iter::repeat_with(|| rand::thread_rng().gen_range(10_000..32_000)).take(1_000);
    ports.into_iter().find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}
