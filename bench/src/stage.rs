//! Staging beside what a careful administrator scripts today, and beside aria2c.

use std::{fmt::Write as _, process::Command, time::Duration};

use anyhow::{Result, ensure};
use camino::Utf8Path;

use crate::{
    catalogue::{self, Payload},
    nginx::Nginx,
    process::{Bench, installed, settle, timed},
    report::Report,
    server::Server,
};

/// One load.
pub(crate) struct Load {
    name: &'static str,
    sizes: &'static [(usize, usize)],
    /// Whether the script also hashes what it copied.
    hashes: bool,
    script_target: &'static str,
    aria2_target: &'static str,
}

const KIB: usize = 1024;

pub(crate) const LARGE: Load = Load {
    name: "stage 1,000 x 256 KiB + 8 x 64 MiB",
    sizes: &[(1_000, 256 * KIB), (8, 64 * KIB * KIB)],
    hashes: true,
    script_target: "at most 0.90",
    aria2_target: "at most 0.20",
};

pub(crate) const SMALL: Load = Load {
    name: "stage 10,000 x 4 KiB as 10,000 packages",
    sizes: &[(10_000, 4 * KIB)],
    hashes: false,
    script_target: "at most 1.00",
    aria2_target: "at most 0.50",
};

pub(crate) fn run(bench: &Bench, load: &Load, report: &mut Report) -> Result<()> {
    if !installed("nginx") {
        report.skipped(load.name, "nginx is not installed (apt-get install nginx-light)");
        return Ok(());
    }
    let source = bench.fresh("source")?;
    let payloads = catalogue::payloads(&source, load.sizes)?;
    let vendor = Nginx::serve(&source, &bench.work)?;
    let catalogue = bench.work.join("catalogue.xml");
    catalogue::write(&catalogue, &vendor.url(), &payloads, 10)?;

    let (mut ours, mut script, mut aria2) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.pairs {
        ours.push(stage(bench, &catalogue, &payloads)?);
        if installed("rclone") {
            script.push(rclone(bench, load, &vendor)?);
        }
        if installed("aria2c") {
            aria2.push(aria2c(bench, &vendor, &payloads)?);
        }
    }
    let peer = if load.hashes { "rclone + sync + sha256sum" } else { "rclone + sync" };
    if script.is_empty() {
        report.skipped(load.name, "rclone is not installed");
    } else {
        report.pair(load.name, load.script_target, &ours, peer, &script);
    }
    if !aria2.is_empty() {
        report.pair(load.name, load.aria2_target, &ours, "aria2c -j16 --check-integrity", &aria2);
    }
    Ok(())
}

/// `patchwharf bulletin stage` against a server that has imported the catalogue and holds nothing.
fn stage(bench: &Bench, catalogue: &Utf8Path, payloads: &[Payload]) -> Result<Duration> {
    let data = bench.fresh("data")?;
    let server = Server::start(bench, &data)?;
    timed(&mut server.command(&["feed", "add", "sdp", catalogue.as_str(), "--name", "bench"]))?;
    timed(&mut server.command(&["feed", "import", "bench"]))?;
    settle();
    let taken = timed(&mut server.command(&["bulletin", "stage", "--all"]))?;
    let staged = walk(&data.join("packages"))?;
    ensure!(staged == payloads.len(), "{staged} of {} files are in the store", payloads.len());
    Ok(taken)
}

fn walk(folder: &Utf8Path) -> Result<usize> {
    let mut files = 0;
    for entry in folder.read_dir_utf8()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files += walk(entry.path())?;
        } else if entry.file_name().ends_with(".bin") {
            files += 1;
        }
    }
    Ok(files)
}

fn rclone(bench: &Bench, load: &Load, vendor: &Nginx) -> Result<Duration> {
    let target = bench.fresh("rclone")?;
    settle();
    let hash = if load.hashes { "&& find . -type f -print0 | xargs -0 sha256sum >/dev/null" } else { "" };
    timed(Command::new("sh").args([
        "-c",
        &format!(
            "rclone copy --config /dev/null --http-url {} :http: {target} && cd {target} && sync {hash}",
            vendor.url()
        ),
    ]))
}

fn aria2c(bench: &Bench, vendor: &Nginx, payloads: &[Payload]) -> Result<Duration> {
    let target = bench.fresh("aria2")?;
    let mut list = String::new();
    for file in payloads {
        let _ = writeln!(
            list,
            "{}/{}\n  checksum=sha-256={}\n  out={}",
            vendor.url(),
            file.name,
            file.sha256_hex,
            file.name
        );
    }
    let input = bench.work.join("aria2.txt");
    std::fs::write(&input, list)?;
    settle();
    timed(
        Command::new("sh")
            .args(["-c", &format!("aria2c -q -j16 --check-integrity=true --no-conf -d {target} -i {input} && sync")]),
    )
}
