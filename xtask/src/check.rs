//! `cargo xtask check`: everything that can be said of the code without running its tests.

mod faults;
mod layers;
mod licences;
mod sizes;
mod supply;

use std::time::Instant;

use anyhow::{Result, bail};

use crate::command::{cargo, must};

type Check = (&'static str, fn() -> Result<()>);

/// The quick ones first; each runs whatever the others said.
const CHECKS: [Check; 8] = [
    ("formatting", || must(&mut cargo(&["fmt", "--all", "--check"]))),
    ("sizes of files", sizes::check),
    ("layers of crates", layers::check),
    ("dependencies", supply::check),
    ("lints", || lint(&[])),
    ("lints with faults", || lint(&["--features", "patchwharf-server/faults"])),
    ("documentation", document),
    ("no faults in an ordinary build", faults::check),
];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only the checks whose names contain this.
    filter: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut failed = Vec::new();
    let filter = options.filter.as_deref().unwrap_or_default();
    let chosen: Vec<&Check> = CHECKS.iter().filter(|(name, _)| name.contains(filter)).collect();
    for (name, check) in &chosen {
        println!("\n=== {name}");
        let start = Instant::now();
        match check() {
            Ok(()) => println!("=== {name}: good ({:.1} s)", start.elapsed().as_secs_f64()),
            Err(error) => {
                println!("=== {name}: FAILED: {error:#}");
                failed.push(*name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("these checks failed: {}", failed.join(", "));
    }
    println!("\n{} of {} checks run, all good", chosen.len(), CHECKS.len());
    Ok(())
}

fn lint(features: &[&str]) -> Result<()> {
    let mut command = cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--keep-going"]);
    must(command.args(features).args(["--", "-D", "warnings"]))
}

fn document() -> Result<()> {
    let mut command = cargo(&["doc", "--workspace", "--no-deps", "--locked", "--quiet"]);
    must(command.env("RUSTDOCFLAGS", "-D warnings"))
}
