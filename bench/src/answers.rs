//! How long requests take while a check is under way, beside the same requests on the idle server.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::{
    ask::Client,
    process::{Bench, installed, settle},
    report::Report,
    server::Server,
    staged::{self, Sizes},
};

const SMALL: Sizes = &[(10_000, 4 * 1024)];
/// Requests of one figure.
const REQUESTS: usize = 1_000;
/// What is asked for, in turn.
const PATHS: [&str; 2] = ["/api/v1/bulletins?limit=50", "/api/v1/packages?limit=50"];
/// How the check is told to go about it.
const CHECKS: [(&str, &[&str]); 2] = [
    ("p99 of requests under an integrity check without a limit", &[]),
    ("the same with `--max-rate 20MiB`", &["--max-rate", "20MiB"]),
];

pub(crate) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    if !installed("nginx") {
        for (what, _) in CHECKS {
            report.skipped(what, "nginx is needed (apt-get install nginx-light)");
        }
        return Ok(());
    }
    let server = staged::server(bench, SMALL)?;
    let client = Client { port: server.port, token: server.token()? };
    for (what, options) in CHECKS {
        let (mut busy, mut idle) = (Vec::new(), Vec::new());
        for _ in 0..bench.pairs {
            settle();
            let mut taken = Vec::with_capacity(REQUESTS);
            while taken.len() < REQUESTS {
                taken.push(one(&client, taken.len())?);
            }
            idle.push(p99(taken));
            busy.push(p99(under(&server, &client, options)?));
        }
        report.pair(what, "at most 2.00", &busy, "idle", &idle);
    }
    Ok(())
}

/// Asks while checks run, one after the other.
fn under(server: &Server, client: &Client, options: &[&str]) -> Result<Vec<Duration>> {
    let mut taken = Vec::with_capacity(REQUESTS);
    while taken.len() < REQUESTS {
        let mut command = server.command(&["job", "run", "integrity-check"]);
        let mut check = command.args(options).stdout(std::process::Stdio::null()).spawn().context("start a check")?;
        let ended = loop {
            match check.try_wait()? {
                Some(ended) => break ended,
                None => taken.push(one(client, taken.len())?),
            }
        };
        ensure!(ended.success(), "the check ended with {ended}");
    }
    Ok(taken)
}

fn one(client: &Client, at: usize) -> Result<Duration> {
    let began = Instant::now();
    client.get(PATHS[at % PATHS.len()])?;
    Ok(began.elapsed())
}

fn p99(mut taken: Vec<Duration>) -> Duration {
    taken.sort_unstable();
    taken[taken.len() * 99 / 100]
}
