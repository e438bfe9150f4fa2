//! The command line: a client of the API, and the commands that run a server.

mod audit;
mod backup;
mod bulletin;
mod client;
mod deletion;
mod feed;
mod follow;
mod generate;
mod init;
mod job;
mod key;
mod location;
mod log;
mod notify;
pub(crate) mod output;
mod package;
mod policy;
mod restore;
mod serve;
mod settings;
mod sse;
mod store;
mod tls;
mod trust;
mod user;

use std::process::ExitCode;

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand};

use client::Failure;
pub(crate) use client::{Client, segment};
pub(crate) use feed::read_keyring;
pub(crate) use follow::end_of as wait_for;

/// A patch-content and patch-management server: stages update packages with every byte proved, keeps them proved, and
/// brings damaged ones back.
#[derive(Debug, Parser)]
#[command(
    name = "patchwharf",
    version,
    propagate_version = true,
    max_term_width = 110,
    after_help = "\
Exit codes: 0 done; 1 refused, or problems were found; 2 error.
Without a server yet: `patchwharf quickstart` shows everything on this machine."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Data folder of the server; its token is used when the command runs on the same machine [default: patchwharf-data
    /// here, else /var/lib/patchwharf where `init` made it].
    #[arg(
        long,
        global = true,
        env = "PATCHWHARF_DATA",
        default_value_os_t = data_folder(),
        hide_default_value = true,
        value_name = "FOLDER"
    )]
    pub(crate) data: Utf8PathBuf,
    /// URL of the server [default: the address in the data folder's configuration, else https://127.0.0.1:8480].
    #[arg(long, global = true, env = "PATCHWHARF_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// File with the administrator's token [default: admin.token in the data folder].
    #[arg(long, global = true, env = "PATCHWHARF_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<Utf8PathBuf>,
    /// File with the certificate authorities that alone vouch for the server, PEM [default: tls/ca.pem in the data
    /// folder, else the authorities of this machine].
    #[arg(long, global = true, env = "PATCHWHARF_CA", value_name = "FILE")]
    pub(crate) ca: Option<Utf8PathBuf>,
    /// Print JSON as the API gives it, for scripts.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Do not wait for the job that the command starts.
    #[arg(long, global = true)]
    pub(crate) no_wait: bool,
}

/// The data folder that is meant when none is named.
fn data_folder() -> Utf8PathBuf {
    let (here, machine) = (Utf8PathBuf::from("patchwharf-data"), Utf8PathBuf::from("/var/lib/patchwharf"));
    if !here.exists() && machine.exists() { machine } else { here }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::Serve),
    /// Set this machine up: service user, folders, configuration, systemd unit.
    Init(init::Init),
    /// Show everything on this machine: import, stage, verify, serve.
    Quickstart(crate::quickstart::Quickstart),
    /// Catalogue feeds: add, list, import, remove.
    #[command(subcommand)]
    Feed(feed::Feed),
    /// Software bulletins: list, enable, disable, stage, refresh.
    #[command(subcommand)]
    Bulletin(bulletin::Bulletin),
    /// Update packages: list, verify, delete, supply.
    #[command(subcommand)]
    Package(package::Package),
    /// Software update policies.
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Jobs: run, list, show, watch, pause, resume, cancel.
    #[command(subcommand)]
    Job(job::Job),
    /// The server's log.
    #[command(subcommand)]
    Log(log::Log),
    /// The audit trail: who changed what, when, from where.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// What the server tells people by itself, by mail and webhook.
    #[command(subcommand)]
    Notify(notify::Notify),
    /// The package store as a whole.
    #[command(subcommand)]
    Store(store::Store),
    /// Package locations: list, add, relocate packages between them, undo, prune, remove.
    #[command(subcommand)]
    Location(location::Location),
    /// What the server is set to.
    #[command(subcommand)]
    Settings(settings::Settings),
    /// Back up database, keys, configuration and packages into a folder.
    Backup(backup::Backup),
    /// Put a backup back on a new host.
    Restore(restore::Restore),
    /// Who may sign in to the console and the API.
    #[command(subcommand)]
    User(user::User),
    /// Personal tokens for scripts.
    #[command(subcommand)]
    Token(user::Tokens),
    /// The certificates of the server of a data folder.
    #[command(subcommand)]
    Tls(tls::Tls),
    /// Judge database, disk and manifests of a data folder without the server's code.
    Fsck(serve::Fsck),
    /// Print completions for a shell.
    Completions(generate::Completions),
    /// Write man pages into a folder.
    Man(generate::Man),
    /// Parse a catalogue in a process of its own (the server starts this).
    #[command(hide = true)]
    ParseFeed(serve::ParseFeed),
}

/// Reads the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    let Cli { global, command } = Cli::parse();
    let done = match command {
        // Not under an async runtime: it gives up most of its rights before it reads a byte.
        Command::ParseFeed(parse) => return parse.run(),
        Command::Completions(completions) => completions.run(),
        Command::Man(man) => man.run(),
        Command::Fsck(fsck) => serve::block_on(fsck.run(&global)),
        Command::Backup(backup) => serve::block_on(backup.run(&global)),
        Command::Restore(restore) => serve::block_on(restore.run(&global)),
        Command::Store(store::Store::Rebuild(rebuild)) => serve::block_on(rebuild.run(&global)),
        Command::Init(init) => init.run(&global),
        Command::Tls(tls) => tls.run(&global),
        Command::User(user) => match user.offline(&global) {
            Some(done) => done,
            None => serve::block_on(ask(&global, Command::User(user))),
        },
        Command::Audit(audit) => match audit.offline(&global) {
            Some(done) => done,
            None => serve::block_on(ask(&global, Command::Audit(audit))),
        },
        Command::Serve(serve) => serve::block_on(serve.run(&global)),
        Command::Quickstart(quickstart) => serve::block_on(quickstart.run(&global)),
        command => serve::block_on(ask(&global, command)),
    };
    match done {
        Ok(Found::Nothing) => ExitCode::SUCCESS,
        Ok(Found::Problems) => ExitCode::from(1),
        Err(error) => failed(&error),
    }
}

/// Whether a command that was carried out found something wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// All is well.
    Nothing,
    /// Problems were found, or part of what was asked could not be done; the output names them.
    Problems,
}

async fn ask(global: &Global, command: Command) -> anyhow::Result<Found> {
    let client = Client::new(global)?;
    match command {
        Command::Feed(feed) => feed.run(&client).await,
        Command::Bulletin(bulletin) => bulletin.run(&client).await,
        Command::Package(package) => package.run(&client).await,
        Command::Policy(policy) => policy.run(&client).await,
        Command::Job(job) => job.run(&client).await,
        Command::Log(log) => log.run(&client).await,
        Command::Audit(audit) => audit.run(&client).await,
        Command::Notify(notify) => notify.run(&client).await,
        Command::Store(store) => store.run(&client).await,
        Command::Location(location) => location.run(&client).await,
        Command::Settings(settings) => settings.run(&client).await,
        Command::User(user) => user.run(&client).await,
        Command::Token(tokens) => tokens.run(&client).await,
        _ => anyhow::bail!("this command does not ask a server"),
    }
}

/// Writes the whole chain to stderr. A reader that went away (`patchwharf job list | head -1`) is no failure.
fn failed(error: &anyhow::Error) -> ExitCode {
    let broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(broken_pipe) {
        return ExitCode::SUCCESS;
    }
    let mut causes: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if causes.last().is_none_or(|last| !last.contains(&cause)) {
            causes.push(cause);
        }
    }
    output::error(&causes.join(": "));
    let refused = error.downcast_ref::<Failure>().is_some_and(Failure::is_refusal);
    ExitCode::from(if refused { 1 } else { 2 })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
