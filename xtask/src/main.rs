//! Developer commands: `cargo xtask test | check | bench | soak | fuzz`.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

mod bench;
mod check;
mod command;
mod fuzz;
mod postgres;
mod runner;
mod system;
mod test;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Developer commands of Patchwharf", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every test; on Debian and Ubuntu as root, install what the tests need first.
    Test(test::Options),
    /// Formatting, lints, documentation, dependencies, sizes, layers, and that a build without `faults` has none of it.
    Check(check::Options),
    /// Run the fault suites at the full counts of the acceptance rows (hours; a filter runs a part).
    Soak(test::Soak),
    /// Run the fuzz targets (needs cargo-fuzz).
    Fuzz(fuzz::Options),
    /// Measure the server beside its peers (release build); what follows goes to the bench.
    Bench {
        /// Arguments of the bench: cases, `--pairs`, `--write FILE` ...
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\nFAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    std::env::set_current_dir(command::root())?;
    match arguments.command {
        Command::Test(options) => test::run(&options),
        Command::Check(options) => check::run(&options),
        Command::Soak(options) => test::soak(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Bench { arguments } => bench::run(&arguments),
    }
}
