//! `cargo xtask fuzz`.

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::command::{cargo, must, works};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Targets; all when none is named.
    targets: Vec<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// Runs each target for its time; a crash ends with its input named.
pub(crate) fn run(options: &Options) -> Result<()> {
    if !works(&mut cargo(&["fuzz", "--version"])) {
        bail!("cargo-fuzz is not installed: cargo install --locked cargo-fuzz");
    }
    let targets = if options.targets.is_empty() { all()? } else { options.targets.clone() };
    for target in &targets {
        let time = format!("-max_total_time={}", options.seconds);
        // One input may take a second and 2 GiB at most. The sanitizer is unstable in rustc; this lets any do.
        let limits = ["-timeout=1", "-rss_limit_mb=2048", "-max_len=65536"];
        let mut command = cargo(&["fuzz", "run", target, "--", &time]);
        must(command.args(limits).env("RUSTC_BOOTSTRAP", "1"))?;
    }
    println!("{} targets, {} seconds each: no crash", targets.len(), options.seconds);
    Ok(())
}

fn all() -> Result<Vec<String>> {
    let folder = fs::read_dir("fuzz/fuzz_targets").context("read fuzz/fuzz_targets")?;
    let mut names = Vec::new();
    for file in folder {
        let path = file?.path();
        if let (Some("rs"), Some(stem)) = (path.extension().and_then(|e| e.to_str()), path.file_stem()) {
            names.push(stem.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
