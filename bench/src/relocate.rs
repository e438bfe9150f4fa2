//! Moving the whole store beside what a careful administrator scripts today: copy, make durable, drop what the kernel
//! remembers of the copy, hash it.

use std::{process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::Advice;

use crate::{
    process::{Bench, installed, settle, timed},
    report::Report,
    server::Server,
    staged::{self, Sizes},
};

const KIB: usize = 1024;

const LOADS: [(&str, Sizes); 2] = [
    ("relocate 1,000 x 256 KiB + 8 x 64 MiB", &[(1_000, 256 * KIB), (8, 64 * KIB * KIB)]),
    ("relocate 10,000 x 4 KiB as 10,000 packages", &[(10_000, 4 * KIB)]),
];

/// The first argument by which this program is its own helper.
pub(crate) const DROP: &str = "drop-cache";

pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    for (name, sizes) in LOADS {
        if !installed("nginx") {
            report.skipped(name, "nginx is not installed (apt-get install nginx-light)");
            continue;
        }
        one(bench, name, sizes, report)?;
    }
    Ok(())
}

fn one(bench: &Bench, name: &str, sizes: Sizes, report: &mut Report) -> Result<()> {
    let (server, packages) = (staged::server(bench, sizes)?, staged::count(sizes));
    let mut place = server.data.join("packages");
    let (mut ours, mut theirs, mut links) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.pairs {
        theirs.push(script(bench, &place)?);
        ours.push(relocate(bench, &server, &mut place, &[])?);
        links.push(relocate(bench, &server, &mut place, &["--link"])?);
        prove(&server, &place, packages)?;
    }
    report.pair(name, "at most 1.10", &ours, "cp -a + sync + drop + sha256sum", &theirs);
    let each = format!("at most {:.1} s (0.2 s per 1,000 packages)", 0.2 * packages as f64 / 1_000.0);
    report.alone(&format!("{name}, --link"), &links, &each);
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
