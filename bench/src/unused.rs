//! Deleting what nothing uses beside what the disk alone costs: `rm -rf` of a copy of the same tree, made durable.

use std::{process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use camino::Utf8Path;

use crate::{
    process::{Bench, installed, settle, timed},
    report::Report,
    server::Server,
    staged::{self, Sizes},
};

const SIZES: Sizes = &[(11_000, 1024)];
const WHAT: &str = "delete 11,000 unused packages of one 1 KiB file";

pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    if !installed("nginx") {
        report.skipped(WHAT, "nginx is not installed (apt-get install nginx-light)");
        return Ok(());
    }
    let (server, source) = staged::server_and_vendor(bench, SIZES)?;
    let place = server.data.join("packages");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for pair in 0..bench.pairs {
        if pair > 0 {
            timed(&mut server.command(&["bulletin", "stage", "--all"]))?;
        }
        theirs.push(plain(bench, &place)?);
        ours.push(ours_of(&server)?);
    }
    drop(source);
    report.pair(WHAT, "at most 3 s", &ours, "rm -rf + sync", &theirs);
    Ok(())
}

/// Copies the store for nothing, then removes the copy.
fn plain(bench: &Bench, place: &Utf8Path) -> Result<Duration> {
    let copy = bench.fresh("copy")?;
    timed(Command::new("cp").args(["-a", &format!("{place}/."), copy.as_str()]))?;
    settle();
    timed(Command::new("sh").args(["-c", &format!("rm -rf {copy} && sync")]))
}

/// `patchwharf job run delete-unused`, and the proof that all went.
fn ours_of(server: &Server) -> Result<Duration> {
    settle();
    let taken = timed(&mut server.command(&["job", "run", "delete-unused", "--without-policy-after", "0s"]))?;
    let totals = server.command(&["--json", "package", "list"]).output()?;
    let page: serde_json::Value = serde_json::from_slice(&totals.stdout).context("read the list of packages")?;
    ensure!(page["items"].as_array().is_some_and(Vec::is_empty), "packages are left: {page}");
    Ok(taken)
}
