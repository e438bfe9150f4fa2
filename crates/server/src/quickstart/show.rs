//! What quickstart tells.

use anyhow::Result;
use camino::Utf8Path;
use patchwharf_model::{
    api::{Feed, Finding, FindingQuery, JobDetail, Page},
    package::VersionState,
};

use crate::{
    access::FirstLink,
    cli::{Client, output},
    tls::{Shown, fingerprint},
};

pub(super) fn say(text: &str) -> Result<()> {
    output::line(&output::harmless(text))
}

pub(super) fn summary(job: &JobDetail) -> String {
    job.report.as_ref().map_or_else(|| job.job.state.to_string(), |report| report.summary.clone())
}

/// How long a job ran.
pub(super) fn seconds(job: &JobDetail) -> f64 {
    match (job.job.started_at, job.job.ended_at) {
        (Some(start), Some(end)) => end.duration_since(start).as_secs_f64(),
        _ => 0.0,
    }
}

pub(super) fn failures(job: &JobDetail) -> Result<()> {
    for item in job.report.iter().flat_map(|report| &report.items).filter(|item| item.failed) {
        say(&format!("    {}  {}: {}", item.item, item.outcome, item.reason))?;
    }
    Ok(())
}

/// What an integrity check has found, each with the command that mends it.
pub(super) async fn findings(client: &Client, check: &JobDetail) -> Result<()> {
    let query = FindingQuery { limit: Some(100), ..FindingQuery::default() };
    let page: Page<Finding> = client.find(&format!("/jobs/{}/findings", check.job.id), &query).await?;
    for finding in page.items.iter().filter(|finding| finding.counts()) {
        say(&format!("    {} {}: {}", finding.bulletin_name, finding.update_key, finding.kind))?;
        say(&format!("        {}", finding.path))?;
        say(&format!("        expected {}", finding.expected))?;
        say(&format!("        found    {}", finding.found))?;
        say(&format!("        mend it: {}", client.runnable(&finding.command)))?;
    }
    Ok(())
}

/// The summary: a row for each staged bulletin, read back from the server.
pub(super) async fn table(client: &Client, feed: &Feed, staged: &[(String, f64)]) -> Result<()> {
    let mut rows = Vec::new();
    for (name, seconds) in staged {
        let detail = super::bulletin(client, feed, name).await?;
        let held = detail.software_updates.iter().filter(|update| update.package_state == Some(VersionState::Staged));
        let bytes: u64 = held.map(|update| update.size_bytes).sum();
        let summary = detail.summary;
        let state = match (summary.bad_packages, summary.downloaded) {
            (0, true) => format!("downloaded, proved {}", output::time_or(summary.oldest_proof_at, "never")),
            (0, false) => "incomplete".to_owned(),
            (bad, _) => format!("{bad} damaged"),
        };
        rows.push([
            summary.name,
            summary.severity.to_string(),
            summary.packages.to_string(),
            output::size(bytes),
            format!("{seconds:.2}"),
            state,
        ]);
    }
    say("")?;
    output::table(["bulletin", "severity", "packages", "bytes", "seconds", "state"], rows)
}

/// How to know the server, where it speaks TLS.
pub(super) fn trust(url: &str, data: &Utf8Path) -> Result<()> {
    if !url.starts_with("https:") {
        return Ok(());
    }
    let shown = Shown::read(data)?;
    say(&format!("authority     {}", shown.path))?;
    say(&format!("              SHA-256 {}", fingerprint(&shown.der)))
}

pub(super) fn next_steps(client: &Client, url: &str, first: Option<FirstLink>) -> Result<()> {
    match first {
        Some(FirstLink::Terminal(link)) => {
            say(&format!("\nThe console: open this link and set a password, once, within 30 minutes\n  {link}"))?
        }
        Some(FirstLink::File(path)) => say(&format!("\nThe console: open the link in {path} and set a password"))?,
        None => say(&format!("\nThe console: {url}/console"))?,
    }
    if url.starts_with("https:") {
        say("  The browser warns until it trusts the authority: `patchwharf tls show` says how.")?;
    }
    say(&format!("\nThe server stays up at {url}; Ctrl-C ends it. In another terminal:"))?;
    for command in ["bulletin list", "package list", "log tail", "tls show"] {
        say(&format!("  {}", client.runnable(&format!("patchwharf {command}"))))?;
    }
    Ok(())
}
