//! A server with a data folder of its own, driven by its command line.

use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::{nginx, process::Bench};

/// A running server; ended when dropped.
pub(crate) struct Server {
    process: Child,
    binary: Utf8PathBuf,
    pub(crate) data: Utf8PathBuf,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) fn start(bench: &Bench, data: &Utf8Path) -> Result<Self> {
        let port = nginx::free_port()?;
        // The vendor is on loopback, and only a catalogue names it: hosts like that are refused unless allowed.
        std::fs::write(data.join("patchwharf.toml"), "[fetch]\nallow-networks = ['127.0.0.0/8']\n")?;
        std::fs::set_permissions(data, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        let log = std::fs::File::create(bench.work.join("server.log"))?;
        let process = Command::new(&bench.binary)
            .args([
                "--data",
                data.as_str(),
                "serve",
                "--log",
                "warn",
                "--tls",
                "off",
                "--listen",
                &format!("127.0.0.1:{port}"),
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start the server")?;
        nginx::wait_for(port)?;
        Ok(Self { process, binary: bench.binary.clone(), data: data.to_owned(), port })
    }

    /// A command of the CLI against this server.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(["--data", self.data.as_str(), "--server", &format!("http://127.0.0.1:{}", self.port)])
            .args(arguments);
        command
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The administrator's token.
    pub(crate) fn token(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.data.join("admin.token"))?.trim().to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
