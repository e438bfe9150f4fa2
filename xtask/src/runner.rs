//! The test runner: cargo-nextest where it is installed, else cargo's own.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::command::{cargo, target, works};

/// What a run is told.
pub(crate) struct Run<'a> {
    /// Packages; empty means the whole workspace.
    pub packages: &'a [&'a str],
    /// Only tests whose names contain this.
    pub filter: Option<&'a str>,
    /// Only these suites (a filter expression of nextest), however long they take.
    pub suites: Option<&'a str>,
    /// Environment.
    pub variables: Vec<(&'static str, String)>,
}

/// Lines that say why a test failed: so many of one, and so many in all.
const WHY: usize = 12;
const WHY_ALL: usize = 140;

/// What is told at the end.
#[derive(Default)]
struct Closing {
    lines: Vec<String>,
    told: BTreeSet<String>,
    failures: Vec<String>,
    /// Lines of the present failure that are still wanted.
    wanted: usize,
}

impl Closing {
    /// A line from after a summary. Whoever keeps only the end of the output still learns what failed, and why.
    fn after_summary(&mut self, text: &str) {
        if text.contains("panicked at ") {
            self.wanted = WHY;
        } else if ["FAIL [", "TIMEOUT [", "SIG"].iter().any(|word| text.starts_with(word)) {
            self.wanted = 1;
        }
        if self.wanted > 0 && self.failures.len() < WHY_ALL {
            self.wanted -= 1;
            self.failures.push(text.chars().take(400).collect());
        }
    }
}

impl Run<'_> {
    /// Runs the tests, then the documentation's examples. Everything goes to `target/xtask-test.log` (`xtask-soak.log`);
    /// what passing tests print stays there.
    pub(crate) fn go(&self) -> Result<()> {
        let log_path = target().join(if self.suites.is_some() { "xtask-soak.log" } else { "xtask-test.log" });
        std::fs::create_dir_all(target())?;
        let mut log = File::create(&log_path).with_context(|| format!("make {}", log_path.display()))?;
        let mut closing = Closing::default();
        let mut failed = Vec::new();
        let nextest = works(&mut cargo(&["nextest", "--version"]));
        let mut commands = if nextest {
            println!("runner: cargo nextest");
            let run = ["nextest", "run", "--no-fail-fast", "--success-output=immediate", "--color=never"];
            let mut commands = vec![cargo(&run)];
            match self.suites {
                // Hours long, and perhaps interrupted: what failed is told at once as well.
                Some(suites) => commands[0].args(["--failure-output=immediate-final", "--profile=soak", "-E", suites]),
                None => commands[0].arg("--failure-output=final"),
            };
            if self.packages.is_empty() && self.suites.is_none() {
                commands.push(cargo(&["test", "--doc", "--no-fail-fast"]));
            }
            commands
        } else {
            println!("runner: cargo test (cargo-nextest is not installed)");
            vec![cargo(&["test", "--no-fail-fast"])]
        };
        for command in &mut commands {
            self.name_packages(command);
            match (self.filter, nextest) {
                (Some(filter), _) => drop(command.arg(filter)),
                (None, true) => {}
                (None, false) => drop(command.args(["--", "--show-output"])),
            }
            if !self.follow(command, &mut log, &mut closing)? {
                failed.push(command.get_args().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "));
            }
        }
        println!("\n--- closing lines");
        closing.lines.iter().for_each(|line| println!("{line}"));
        for line in &closing.told {
            println!("{line}");
        }
        closing.failures.iter().for_each(|line| println!("{line}"));
        println!("whole output: {}", log_path.display());
        if !failed.is_empty() {
            bail!("tests failed in: cargo {}", failed.join("; cargo "));
        }
        Ok(())
    }

    fn name_packages(&self, command: &mut Command) {
        if self.packages.is_empty() {
            command.arg("--workspace");
        }
        for package in self.packages {
            command.args(["-p", package]);
        }
        if self.packages.is_empty() || self.packages.contains(&"patchwharf-server") {
            command.args(["--features", "patchwharf-server/faults"]);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        // A backtrace for each refused signature or file would drown the rest.
        command.env("RUST_LIB_BACKTRACE", "0");
    }

    /// Runs one command, writes everything to the log and what matters to the terminal; whether it succeeded.
    fn follow(&self, command: &mut Command, log: &mut File, closing: &mut Closing) -> Result<bool> {
        // One pipe for both, so that their order is kept.
        let (reader, writer) = std::io::pipe()?;
        let mut child =
            command.stdout(writer.try_clone()?).stderr(writer).stdin(Stdio::null()).spawn().context("start cargo")?;
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut quiet = Quiet::default();
        for line in BufReader::new(reader).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            writeln!(log, "{line}")?;
            let text = line.trim_start();
            if text.starts_with("SKIPPED") || text.starts_with("FIGURES") {
                closing.told.insert(text.to_owned());
            }
            // nextest shifts what tests themselves print; the lines of cargo test begin at the margin.
            if line.starts_with("test result:") || text.starts_with("Summary [") {
                closing.lines.push(text.to_owned());
            }
            let is_after_summary = quiet.summed_up;
            if quiet.shows(&line) {
                println!("{line}");
            }
            if is_after_summary && quiet.summed_up {
                closing.after_summary(text);
            }
        }
        Ok(child.wait()?.success())
    }
}

/// Leaves out what passing tests print.
#[derive(Default)]
struct Quiet {
    in_output: bool,
    summed_up: bool,
}

impl Quiet {
    fn shows(&mut self, line: &str) -> bool {
        let text = line.trim_start();
        self.summed_up |= text.starts_with("Summary [") || text == "failures:";
        if self.summed_up {
            // After nextest's summary come the failures; cargo test starts over with each binary.
            self.summed_up = !text.starts_with("Running ");
            self.in_output = false;
            return true;
        }
        // nextest frames output as `  stdout ───`; cargo test lists it under `successes:`.
        if text == "successes:" || text.starts_with("stdout ─") || text.starts_with("stderr ─") {
            self.in_output = true;
        } else if ["PASS [", "FAIL [", "SLOW [", "TRY ", "test result:", "Running ", "Doc-tests "]
            .iter()
            .any(|word| text.starts_with(word))
        {
            self.in_output = false;
        }
        !self.in_output
    }
}
