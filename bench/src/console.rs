//! Pages of the console at the size of a large deployment, as the server answers them.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::{large, process::Bench, report::Report, server::Server};

/// Requests of a page that are counted.
const TIMES: usize = 20;

/// A page, and within which time it must come.
const PAGES: &[(&str, &str, &str)] = &[
    ("nothing but an answer", "/healthz", ""),
    ("dashboard", "/console", "30 ms"),
    ("bulletins, newest", "/console/bulletins", "30 ms"),
    ("bulletins by name, descending", "/console/bulletins?sort=name&order=descending", "30 ms"),
    ("bulletins of a severity by packages", "/console/bulletins?severity=important&sort=packages", "30 ms"),
    ("bulletins, a text that all have", "/console/bulletins?text=update", "60 ms"),
    ("bulletins, a text that few have", "/console/bulletins?text=B-0004711", "60 ms"),
    ("bulletins, a text that none has", "/console/bulletins?text=nowhere", "60 ms"),
    ("bulletins by CVE", "/console/bulletins?cve=CVE-2026-4711", "60 ms"),
    ("a bulletin", "/console/bulletins/B-0004711", "30 ms"),
    ("packages", "/console/packages", "30 ms"),
    ("packages by size, descending", "/console/packages?sort=size&order=descending", "30 ms"),
    ("packages that are staged", "/console/packages?state=staged", "30 ms"),
    ("packages, a text", "/console/packages?text=sp4711", "60 ms"),
    ("policies", "/console/policies", "30 ms"),
    ("jobs", "/console/jobs", "30 ms"),
    ("log", "/console/log", "30 ms"),
    ("log records, newest", "/api/v1/logs?limit=500", "30 ms"),
    ("log records, warnings", "/api/v1/logs?limit=500&level=warn", "30 ms"),
    ("log records, a text of the newest", "/api/v1/logs?limit=500&text=staged", "60 ms"),
    ("log records, a text that one has", "/api/v1/logs?limit=500&text=sp4711.exe", "60 ms"),
    ("feeds", "/console/feeds", "30 ms"),
    ("Core Services", "/console/services", "30 ms"),
    ("audit", "/console/audit", "30 ms"),
];

pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    let server = large::server(bench)?;
    let token = server.token()?;
    // What starts with the server is over: the pages are measured, not that.
    std::thread::sleep(Duration::from_secs(10));
    for (what, path, target) in PAGES {
        let mut taken = Vec::with_capacity(TIMES);
        let mut bytes = 0;
        for turn in 0..=TIMES {
            let started = Instant::now();
            bytes = get(&server, &token, path)?;
            // The first one fills caches that every later one finds.
            if turn > 0 {
                taken.push(started.elapsed());
            }
        }
        taken.sort();
        let ms = |at: usize| taken.get(at).map_or(f64::NAN, |taken| taken.as_secs_f64() * 1_000.0);
        let figure = format!("{:.1} ms, 19 of 20 in {:.1} ms; {} KiB", ms(TIMES / 2), ms(TIMES - 2), bytes / 1024);
        report.single(&format!("page at 50,000 bulletins: {what}"), &figure, target);
    }
    Ok(())
}

/// Asks for a page on a connection of its own; returns the bytes of the answer.
fn get(server: &Server, token: &str, path: &str) -> Result<usize> {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).context("connect to the server")?;
    stream.set_nodelay(true)?;
    stream.write_all(
        format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {token}\r\nAccept-Encoding: gzip\r\n\
             Connection: close\r\n\r\n",
            server.port
        )
        .as_bytes(),
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let head = String::from_utf8_lossy(answer.get(..answer.len().min(300)).unwrap_or_default()).into_owned();
    ensure!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
    Ok(answer.len())
}
