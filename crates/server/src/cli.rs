//! The command line.

mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Stages vendors' software bulletins as verified packages, keeps them whole, and serves them.
#[derive(Debug, Parser)]
#[command(name = "patchwharf", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Serve),
}

/// Reads the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Serve(serve) => serve.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("patchwharf: {error:#}");
            ExitCode::from(2)
        }
    }
}
