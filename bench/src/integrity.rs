//! The integrity check: every byte of a store in the page cache beside `openssl sha256` with as many processes as there
//! are cores, and the rate over 10,000 packages of one small file.

use std::{fmt::Write as _, process::Command, time::Duration};

use anyhow::{Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};

use crate::{
    process::{Bench, installed, settle, timed},
    report::Report,
    server::Server,
    staged::{self, Sizes},
};

const KIB: usize = 1024;
const LARGE: Sizes = &[(1_000, 256 * KIB), (8, 64 * KIB * KIB)];
const SMALL: Sizes = &[(10_000, 4 * KIB)];

pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    const WHAT: &str = "integrity check of 1,000 x 256 KiB + 8 x 64 MiB in cache";
    if !installed("nginx") || !installed("openssl") {
        report.skipped(WHAT, "nginx and openssl are needed (apt-get install nginx-light openssl)");
        return Ok(());
    }
    let (server, files) = staged(bench, LARGE)?;
    let lists = balanced(&files, std::thread::available_parallelism().map_or(1, usize::from));
    let (mut ours, mut openssl) = (Vec::new(), Vec::new());
    // Once for nothing: the first reads bring the files into the cache.
    check(&server)?;
    for _ in 0..bench.pairs {
        ours.push(check(&server)?);
        openssl.push(peer(bench, &lists)?);
    }
    report.pair(WHAT, "at most 1.10", &ours, &format!("openssl sha256, {} processes", lists.len()), &openssl);
    drop(server);

    let (server, files) = staged(bench, SMALL)?;
    let (mut full, mut light) = (Vec::new(), Vec::new());
    check(&server)?;
    timed(&mut server.command(&["job", "run", "integrity-check", "--light"]))?;
    for _ in 0..bench.pairs {
        full.push(check(&server)?);
        settle();
        light.push(timed(&mut server.command(&["job", "run", "integrity-check", "--light"]))?);
    }
    rate(report, "integrity check of 10,000 packages of one 4 KiB file", files.len(), &full, "20,000 files/s");
    rate(report, "the same, light (length and time stamps)", files.len(), &light, "");
    Ok(())
}

/// The whole command; what was dirty before is written back first.
fn check(server: &Server) -> Result<Duration> {
    settle();
    timed(&mut server.command(&["job", "run", "integrity-check"]))
}

/// A server that has staged a package for each payload, and their files.
fn staged(bench: &Bench, sizes: Sizes) -> Result<(Server, Vec<(Utf8PathBuf, u64)>)> {
    let server = staged::server(bench, sizes)?;
    let mut files = Vec::new();
    walk(&server.data.join("packages"), &mut files)?;
    let wanted = staged::count(sizes);
    ensure!(files.len() == wanted, "{} of {wanted} files are in the store", files.len());
    Ok((server, files))
}

fn walk(folder: &Utf8Path, files: &mut Vec<(Utf8PathBuf, u64)>) -> Result<()> {
    for entry in folder.read_dir_utf8()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(entry.path(), files)?;
        } else if entry.file_name().ends_with(".bin") {
            files.push((entry.path().to_owned(), entry.metadata()?.len()));
        }
    }
    Ok(())
}

/// As many lists as there are cores, each with about the same bytes: the peer shall not wait for one of its processes.
fn balanced(files: &[(Utf8PathBuf, u64)], cores: usize) -> Vec<Vec<&Utf8Path>> {
    let mut sorted: Vec<&(Utf8PathBuf, u64)> = files.iter().collect();
    sorted.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    let mut lists = vec![(0, Vec::new()); cores];
    for (path, size) in sorted {
        if let Some((bytes, list)) = lists.iter_mut().min_by_key(|(bytes, _)| *bytes) {
            *bytes += size;
            list.push(path.as_path());
        }
    }
    lists.into_iter().map(|(_, list)| list).collect()
}

/// `xargs -P` over a list of lists: one process for each.
fn peer(bench: &Bench, lists: &[Vec<&Utf8Path>]) -> Result<Duration> {
    let mut names = String::new();
    for (at, list) in lists.iter().enumerate() {
        let path = bench.work.join(format!("list-{at}"));
        let text: String = list.iter().map(|file| format!("{file}\n")).collect();
        std::fs::write(&path, text)?;
        let _ = writeln!(names, "{path}");
    }
    let all = bench.work.join("lists");
    std::fs::write(&all, names)?;
    settle();
    let script = format!("xargs -a {all} -P {} -I LIST sh -c 'xargs -a LIST openssl sha256 > /dev/null'", lists.len());
    timed(Command::new("sh").args(["-c", &script]))
}

fn rate(report: &mut Report, what: &str, files: usize, taken: &[Duration], target: &str) {
    let mut seconds: Vec<f64> = taken.iter().map(Duration::as_secs_f64).collect();
    seconds.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (seconds.first(), seconds.last()) else { return };
    let per_second = |seconds: f64| files as f64 / seconds;
    let median = seconds[seconds.len() / 2];
    let figure = format!("{:.0} files/s, {median:.2} s ({least:.2} to {most:.2})", per_second(median));
    report.single(what, &figure, target);
}
