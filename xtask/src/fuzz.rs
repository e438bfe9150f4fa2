//! `cargo xtask fuzz`.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use anyhow::{Context as _, Result, bail};

use crate::command::{cargo, must, root, works};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Targets; all when none is named.
    targets: Vec<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// Most that one input may take: seconds, memory of the whole process, bytes that are tried.
const LIMITS: [&str; 3] = ["-timeout=5", "-rss_limit_mb=512", "-max_len=65536"];

/// Writes the first inputs and runs each target for its time; a crash ends with its input named.
pub(crate) fn run(options: &Options) -> Result<()> {
    if !works(&mut cargo(&["fuzz", "--version"])) {
        bail!("cargo-fuzz is not installed: cargo install --locked cargo-fuzz");
    }
    let known = all()?;
    if let Some(strange) = options.targets.iter().find(|name| !known.contains(name)) {
        bail!("there is no target {strange:?}; there are {}", known.join(", "));
    }
    let targets = if options.targets.is_empty() { &known } else { &options.targets };
    let seeds =
        ["run", "--quiet", "--locked", "-p", "patchwharf-testkit", "--example", "fuzz_seeds", "--", "fuzz/corpus"];
    must(&mut cargo(&seeds))?;
    let mut done = Vec::new();
    for target in targets {
        done.push((target, fuzz(target, options.seconds)?));
    }
    println!("\n{:<12} {:>12} {:>10} {:>8}", "target", "inputs", "coverage", "MiB");
    for (target, Told { inputs, coverage, memory }) in done {
        println!("{target:<12} {inputs:>12} {coverage:>10} {memory:>8}");
    }
    println!("{} seconds each: no crash", options.seconds);
    Ok(())
}

/// What libFuzzer says of a run.
#[derive(Default)]
struct Told {
    /// Inputs tried.
    inputs: String,
    /// Edges of the program that were reached.
    coverage: String,
    /// Most memory of the process, in MiB.
    memory: String,
}

fn fuzz(target: &str, seconds: u64) -> Result<Told> {
    let mut command = cargo(&["fuzz", "run", target, "--"]);
    command.arg(format!("-max_total_time={seconds}")).args(LIMITS).arg("-print_final_stats=1");
    let words = root().join("fuzz/dictionaries").join(format!("{target}.dict"));
    command.arg(format!("-dict={}", words.display()));
    // The sanitizer is unstable in rustc; this lets any do.
    command.env("RUSTC_BOOTSTRAP", "1").stderr(Stdio::piped());
    println!("\n=== {target}, {seconds} seconds");
    let mut child = command.spawn().context("start cargo fuzz")?;
    let mut told = Told::default();
    for line in BufReader::new(child.stderr.take().context("its output")?).lines() {
        let line = line.context("read what cargo fuzz says")?;
        println!("{line}");
        let after = |mark: &str| line.split_once(mark).and_then(|(_, rest)| rest.split_whitespace().next());
        for (mark, place) in [
            ("cov: ", &mut told.coverage),
            ("stat::number_of_executed_units:", &mut told.inputs),
            ("stat::peak_rss_mb:", &mut told.memory),
        ] {
            if let Some(word) = after(mark) {
                word.clone_into(place);
            }
        }
    }
    if !child.wait()?.success() {
        bail!(
            "{target} found an input that it cannot stand (see above). Once it is mended, keep the input as a test; it \
             lies in fuzz/artifacts/{target}: cargo fuzz run {target} FILE tries it again"
        );
    }
    Ok(told)
}

/// Names of the targets.
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
