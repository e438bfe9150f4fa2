//! Moving the whole store beside what a careful administrator scripts today: copy, make durable, drop what the kernel
//! remembers of the copy, hash it.

use std::{process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::Advice;

use crate::{
    catalogue,
    nginx::Nginx,
    process::{Bench, installed, settle, timed},
    report::Report,
    server::Server,
};

const KIB: usize = 1024;

/// One load: files of these counts and sizes, each a package of its own.
struct Load {
    name: &'static str,
    sizes: &'static [(usize, usize)],
    copy_target: &'static str,
}

const LARGE: Load = Load {
    name: "relocate 1,000 x 256 KiB + 8 x 64 MiB",
    sizes: &[(1_000, 256 * KIB), (8, 64 * KIB * KIB)],
    copy_target: "at most 1.10",
};

const SMALL: Load =
    Load { name: "relocate 10,000 x 4 KiB as 10,000 packages", sizes: &[(10_000, 4 * KIB)], copy_target: "" };

/// The first argument by which this program is its own helper.
pub(crate) const DROP: &str = "drop-cache";

pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    for load in [&LARGE, &SMALL] {
        if !installed("nginx") {
            report.skipped(load.name, "nginx is not installed (apt-get install nginx-light)");
            continue;
        }
        one(bench, load, report)?;
    }
    Ok(())
}

fn one(bench: &Bench, load: &Load, report: &mut Report) -> Result<()> {
    let source = bench.fresh("source")?;
    let payloads = catalogue::payloads(&source, load.sizes)?;
    let vendor = Nginx::serve(&source, &bench.work)?;
    let catalogue = bench.work.join("catalogue.xml");
    catalogue::write(&catalogue, &vendor.url(), &payloads, 10)?;
    let data = bench.fresh("data")?;
    let server = Server::start(bench, &data)?;
    timed(&mut server.command(&["feed", "add", "sdp", catalogue.as_str(), "--name", "bench"]))?;
    timed(&mut server.command(&["feed", "import", "bench"]))?;
    timed(&mut server.command(&["bulletin", "stage", "--all"]))?;

    let mut place = data.join("packages");
    let (mut ours, mut theirs, mut links) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.pairs {
        theirs.push(script(bench, &place)?);
        ours.push(relocate(bench, &server, &mut place, &[])?);
        links.push(relocate(bench, &server, &mut place, &["--link"])?);
        prove(&server, &place, payloads.len())?;
    }
    report.pair(load.name, load.copy_target, &ours, "cp -a + sync + drop + sha256sum", &theirs);
    let each = format!("at most {:.1} s (0.2 s per 1,000 packages)", 0.2 * payloads.len() as f64 / 1_000.0);
    report.alone(&format!("{}, --link", load.name), &links, &each);
    Ok(())
}

/// `patchwharf location relocate` to a new folder of the same file system, which is the place from then on.
fn relocate(bench: &Bench, server: &Server, place: &mut Utf8PathBuf, how: &[&str]) -> Result<Duration> {
    let next = bench.fresh("place")?;
    timed(&mut server.command(&["location", "add", next.as_str()]))?;
    settle();
    let arguments = [&["location", "relocate", place.as_str(), "--to", next.as_str()], how].concat();
    let taken = timed(&mut server.command(&arguments))?;
    *place = next;
    Ok(taken)
}

/// Everything is served from the place, and what the server says of it holds.
fn prove(server: &Server, place: &Utf8Path, packages: usize) -> Result<()> {
    let listed = server.command(&["--json", "location", "list"]).output()?;
    let all: serde_json::Value = serde_json::from_slice(&listed.stdout)?;
    let found = all.as_array().into_iter().flatten().find(|one| one["path"] == place.as_str());
    let there = found.and_then(|one| one["packages"].as_u64()).context("the place is known")?;
    ensure!(there == packages as u64, "{there} of {packages} packages are at {place}");
    Ok(())
}

/// Copies, makes durable, drops the copy's pages, hashes it.
fn script(bench: &Bench, place: &Utf8Path) -> Result<Duration> {
    let target = bench.fresh("copy")?;
    let helper = std::env::current_exe().context("find this program")?;
    settle();
    timed(Command::new("sh").args([
        "-c",
        &format!(
            "cp -a {place}/. {target} && sync && {} {DROP} {target} && cd {target} && \
             find . -type f -print0 | xargs -0 sha256sum >/dev/null",
            helper.display()
        ),
    ]))
}

/// Lets the kernel forget the pages of every file below a folder.
pub(crate) fn drop_cache(folder: &Utf8Path) -> Result<()> {
    for entry in folder.read_dir_utf8().with_context(|| format!("list {folder}"))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            drop_cache(entry.path())?;
        } else {
            let file = std::fs::File::open(entry.path())?;
            rustix::fs::fadvise(&file, 0, None, Advice::DontNeed)?;
        }
    }
    Ok(())
}
