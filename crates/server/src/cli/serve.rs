//! Commands that run on this machine instead of asking a server.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use camino::Utf8PathBuf;
use clap::Args;
use patchwharf_checker::Server;

use super::{Found, Global, output};
use crate::{
    access::FirstLink,
    api,
    config::{Config, Options},
    start,
};

/// Run the server until it is told to stop (SIGTERM, Ctrl-C).
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    options: Options,
}

impl Serve {
    pub(super) async fn run(self, global: &Global) -> Result<Found> {
        let config = Config::load(&Options { data: global.data.clone(), ..self.options })?;
        start::serve(config, api::router, |app, url, first| {
            output::note(&format!("patchwharf: serving {url} from {}", app.config.data));
            match first {
                Some(FirstLink::Terminal(link)) => output::note(&format!(
                    "patchwharf: nobody can sign in yet; this link makes the first administrator, once, within 30 minutes:\n  {link}"
                )),
                Some(FirstLink::File(path)) => output::note(&format!(
                    "patchwharf: nobody can sign in yet; the link in {path} makes the first administrator, once, within 30 minutes"
                )),
                None => {}
            }
        })
        .await?;
        Ok(Found::Nothing)
    }
}

/// Judge database, disk and manifests of a data folder without the server's code.
///
/// It changes nothing. While the server works, what is under way is no finding; say --at-rest for a server that has been
/// stopped and started again and does nothing.
#[derive(Debug, Args)]
pub(super) struct Fsck {
    #[command(flatten)]
    options: Options,
    /// File that says what was acknowledged, a line each: it must still hold.
    #[arg(long, value_name = "FILE")]
    acknowledged: Option<Utf8PathBuf>,
    /// Compare names, lengths and records only; do not hash.
    #[arg(long)]
    no_hash: bool,
    /// What a crash may leave behind counts too.
    #[arg(long)]
    at_rest: bool,
}

impl Fsck {
    pub(super) async fn run(self, global: &Global) -> Result<Found> {
        let config = Config::load(&Options { data: global.data.clone(), ..self.options })?;
        let options = patchwharf_checker::Options {
            database: config.database_url(),
            data: Some(config.data.clone().into()),
            acknowledged: self.acknowledged.map(Into::into),
            hash: !self.no_hash,
            server: if self.at_rest { Server::AtRest } else { Server::Working },
            now_us: jiff::Timestamp::now().as_microsecond(),
        };
        let code = patchwharf_checker::run(&options, global.json, &mut std::io::stdout()).await?;
        Ok(if code == 0 { Found::Nothing } else { Found::Problems })
    }
}

/// Parse a catalogue in a process of its own.
#[derive(Debug, Args)]
pub(super) struct ParseFeed {}

impl ParseFeed {
    pub(super) fn run(self) -> ExitCode {
        crate::parse_feed::run()
    }
}

/// Runs a future on a runtime of its own.
pub(super) fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the threads of the program")?;
    let result = runtime.block_on(future);
    // A large file that is being hashed holds nobody up: it is only read.
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    result
}
