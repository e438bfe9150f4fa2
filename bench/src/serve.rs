//! Serving a package file beside nginx, and an idle server's memory.

use std::{process::Command, thread, time::Duration};

use anyhow::{Context as _, Result};

use crate::{
    catalogue,
    nginx::Nginx,
    process::{Bench, installed, memory_kib, timed},
    report::Report,
    server::Server,
};

/// Requests in one timed command: enough that starting the client does not count.
const REQUESTS: usize = 40;

pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    const WHAT: &str = "serve one 64 MiB file 40 times";
    if !installed("nginx") || !installed("curl") {
        report.skipped(WHAT, "nginx and curl are needed (apt-get install nginx-light curl)");
        return Ok(());
    }
    let source = bench.fresh("source")?;
    let payloads = catalogue::payloads(&source, &[(1, 64 * 1024 * 1024)])?;
    let vendor = Nginx::serve(&source, &bench.work)?;
    let catalogue = bench.work.join("catalogue.xml");
    catalogue::write(&catalogue, &vendor.url(), &payloads, 1)?;
    let data = bench.fresh("data")?;
    let server = Server::start(bench, &data)?;
    timed(&mut server.command(&["feed", "add", "sdp", catalogue.as_str(), "--name", "bench"]))?;
    timed(&mut server.command(&["feed", "import", "bench"]))?;
    timed(&mut server.command(&["bulletin", "stage", "--all"]))?;
    let output = server.command(&["package", "list", "--json"]).output()?;
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).context("read the list of packages")?;
    let package = &list["items"][0];
    let id = package["id"].as_str().with_context(|| format!("no package id in {list}"))?;
    let version = package["current_version"].as_u64().with_context(|| format!("no version in {list}"))?;
    let ours = format!("http://127.0.0.1:{}/packages/{id}/{version}/{}", server.port, payloads[0].name);
    let theirs = format!("{}/{}", vendor.url(), payloads[0].name);
    let header = format!("Authorization: Bearer {}", server.token()?);

    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..bench.pairs {
        a.push(timed(&mut curl(&ours, Some(&header)))?);
        b.push(timed(&mut curl(&theirs, None))?);
    }
    report.pair(WHAT, "at most 1.43 (0.7 of nginx's rate)", &a, "nginx", &b);
    Ok(())
}

fn curl(url: &str, header: Option<&str>) -> Command {
    let mut command = Command::new("curl");
    command.args(["-sf", "-o", "/dev/null"]);
    if let Some(header) = header {
        command.args(["-H", header]);
    }
    for request in 0..REQUESTS {
        command.arg(url);
        if request > 0 {
            command.args(["-o", "/dev/null"]);
        }
    }
    command
}

pub(crate) fn idle(bench: &Bench, report: &mut Report) -> Result<()> {
    let data = bench.fresh("data")?;
    let server = Server::start(bench, &data)?;
    thread::sleep(Duration::from_secs(5));
    let (now, _) = memory_kib(server.pid())?;
    report.single("memory of an idle server", &format!("{:.1} MiB", now as f64 / 1024.0), "under 60 MiB");
    Ok(())
}
