//! The real server as a child process, in a folder of its own, on either database.

mod client;
mod postgres;
mod process;
mod setup;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;

pub use client::{Answer, Client};
use postgres::TestDatabase;
use process::Process;
pub use process::Run;
pub use setup::{Setup, TEST_CONFIG, free_port, patient_config};

/// How long a server may take until `/healthz` answers, and a job until it ends. Generous: the machine may be busy.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// A server and what belongs to it. Killed, and its folder removed, when dropped; its output is shown when the test
/// fails.
#[derive(Debug)]
pub struct Server {
    binary: PathBuf,
    wrapper: Vec<String>,
    env: BTreeMap<String, String>,
    data: PathBuf,
    port: u16,
    process: Option<Process>,
    client: Option<Client>,
    _database: Option<TestDatabase>,
    /// Last: the processes are gone when it is removed.
    _home: Option<TempDir>,
}

impl Server {
    /// Prepares a server; `binary` is `env!("CARGO_BIN_EXE_patchwharf")`.
    #[must_use]
    pub fn setup(binary: &str) -> Setup {
        Setup::new(binary)
    }

    /// Starts a server with the test configuration on SQLite.
    pub async fn start(binary: &str) -> Self {
        Self::setup(binary).start().await
    }

    /// Data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Default package location, unless the set-up named another.
    #[must_use]
    pub fn packages(&self) -> PathBuf {
        self.env.get("PATCHWHARF_PACKAGES").map_or_else(|| self.data.join("packages"), PathBuf::from)
    }

    /// URL of its database.
    #[must_use]
    pub fn database_url(&self) -> String {
        self.env
            .get("PATCHWHARF_DATABASE")
            .cloned()
            .unwrap_or_else(|| format!("sqlite://{}", self.data.join("patchwharf.db").display()))
    }

    /// Base URL of its API.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}{path}", if self.speaks_tls() { "https" } else { "http" }, self.port)
    }

    /// Whether it speaks TLS; plain HTTP is what most tests use.
    fn speaks_tls(&self) -> bool {
        self.env.get("PATCHWHARF_TLS").is_some_and(|mode| mode == "on")
    }

    /// The certificate of its local authority, PEM; none: it has not made one, or speaks plain HTTP.
    #[must_use]
    pub fn authority(&self) -> Option<String> {
        std::fs::read_to_string(self.data.join("tls/ca.pem")).ok().filter(|_| self.speaks_tls())
    }

    /// The SHA-256 of the public key of its certificate, base64: what a browser can be told to take.
    #[must_use]
    pub fn pin(&self) -> Option<String> {
        self.authority()?;
        let text = std::fs::read_to_string(self.data.join("tls/server.pem")).ok()?;
        let key = rcgen::KeyPair::from_pem(&text[text.find("-----BEGIN PRIVATE KEY")?..]).ok()?;
        let digest =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &rcgen::PublicKeyData::subject_public_key_info(&key));
        Some(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, digest.as_ref()))
    }

    /// The API with the administrator's token.
    ///
    /// # Panics
    /// When the server has not come up.
    #[must_use]
    pub fn api(&self) -> &Client {
        self.client.as_ref().expect("the server runs")
    }

    /// Sets a variable of the environment for the next start.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.env.insert(name.into(), value.into());
    }

    /// Takes a variable away before the next start.
    pub fn remove_env(&mut self, name: &str) {
        self.env.remove(name);
    }

    /// Replaces `patchwharf.toml` for the next start.
    pub fn set_config(&self, text: &str) {
        std::fs::write(self.data.join("patchwharf.toml"), text).expect("the configuration file");
    }

    /// Puts a command before the program at the next start, for example `strace` with its flags; empty: none.
    pub fn set_wrapper(&mut self, wrapper: &[&str]) {
        self.wrapper = wrapper.iter().map(|part| (*part).to_owned()).collect();
    }

    /// SIGKILL to everything that the start began, and waits for its end.
    pub fn kill_9(&mut self) {
        self.client = None;
        if let Some(process) = &mut self.process {
            process.kill_9();
        }
    }

    /// SIGSTOP, and waits until the server stands still, every thread of it: what one of them still did on a disk without
    /// power would be no crash that can happen.
    pub fn stop_still(&mut self) {
        let process = self.process.as_mut().expect("the server runs");
        process.signal(rustix::process::Signal::STOP);
        crate::eventually("the server stands still", DEADLINE, || process.stands_still().then_some(()));
    }

    /// Whether it was stopped: by [`Self::stop_still`], or by itself at a fault that asks for it.
    #[must_use]
    pub fn stands_still(&self) -> bool {
        self.process.as_ref().is_some_and(Process::stands_still)
    }

    /// SIGCONT after [`Self::stop_still`].
    pub fn go_on(&mut self) {
        self.process.as_mut().expect("the server runs").signal(rustix::process::Signal::CONT);
    }

    /// SIGTERM, and waits for the end; returns the exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        self.client = None;
        let process = self.process.as_mut().expect("the server runs");
        process.signal(rustix::process::Signal::TERM);
        process.wait(DEADLINE)
    }

    /// The process's id, or that of its wrapper.
    ///
    /// # Panics
    /// When the server was never started.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.as_ref().expect("the server was started").id()
    }

    /// Whether the process is still there; its exit is noticed here.
    pub fn runs(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::runs)
    }

    /// Waits until the process ends by itself (a fault that kills it); returns the exit code.
    pub fn wait_for_end(&mut self, deadline: Duration) -> Option<i32> {
        self.client = None;
        self.process.as_mut().expect("the server was started").wait(deadline)
    }

    /// Starts the process again on the same data; what still runs is killed first. Returns when it answers.
    pub async fn restart(&mut self) {
        self.spawn();
        self.wait_until_up().await;
    }

    /// Starts the process without waiting for it to answer.
    pub fn spawn(&mut self) {
        self.kill_9();
        let mut command = self.command();
        command.arg("serve");
        self.process = Some(Process::start(command));
    }

    /// Waits until it answers. False: it ended instead.
    pub async fn comes_up(&mut self) -> bool {
        let mut health = Client::anonymous(&self.url(""));
        let end = std::time::Instant::now() + DEADLINE;
        loop {
            if !self.runs() {
                return false;
            }
            if let Some(authority) = self.authority() {
                health = Client::trusting(&self.url(""), &authority);
            }
            if health.answers().await
                && let Ok(token) = std::fs::read_to_string(self.data.join("admin.token"))
            {
                self.client = Some(health.with_token(token.trim()));
                return true;
            }
            assert!(std::time::Instant::now() < end, "the server does not answer\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn wait_until_up(&mut self) {
        let up = self.comes_up().await;
        assert!(up, "the server ended at start\n{}", self.output());
    }

    /// What it has written to stdout and stderr since the last start.
    #[must_use]
    pub fn output(&self) -> String {
        self.process.as_ref().map(Process::output).unwrap_or_default()
    }

    /// Runs the command line against this server and waits for its end.
    #[must_use]
    pub fn patchwharf(&self, arguments: &[&str]) -> Run {
        let mut command = self.command();
        command.env("PATCHWHARF_SERVER", self.url("")).env_remove("PATCHWHARF_FAULT").args(arguments);
        Run::of(command)
    }

    /// Asserts what the independent checker says of its database and disk: every invariant holds. While it works, what is
    /// under way is no finding.
    ///
    /// # Panics
    /// When something does not hold.
    pub fn holds(&self) {
        let findings = crate::fsck::findings(self.command());
        assert!(findings.is_empty(), "{findings}");
    }

    fn command(&self) -> Command {
        let mut parts = self.wrapper.iter().map(String::as_str).chain(self.binary.to_str());
        let mut command = Command::new(parts.next().expect("a program"));
        command.args(parts);
        command
            .env("PATCHWHARF_DATA", &self.data)
            .env("PATCHWHARF_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("PATCHWHARF_TLS", "off")
            .env("NO_COLOR", "1")
            .env("RUST_BACKTRACE", "0")
            .envs(&self.env);
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- output of the server ---\n{}--- end of output ---", self.output());
        }
        self.kill_9();
        if std::thread::panicking() && std::env::var_os("PATCHWHARF_TEST_KEEP").is_some() {
            eprintln!("kept: {}", self.data.display());
            if let Some(home) = self._home.take() {
                let _ = home.keep();
            }
        }
    }
}
