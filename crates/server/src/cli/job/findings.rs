//! What an integrity check has found, on the terminal.

use anyhow::Result;
use clap::Args;
use patchwharf_model::{
    JobId, PackageId,
    api::{ExportFormat, Finding, FindingQuery, JobDetail, List, Page},
    finding::{DoneBy, FindingKind, Gravity, Outcome},
    job::JobKind,
};

use crate::cli::{Client, Found, output};

/// Rows of the table that a job's report ends with.
const ROWS: u32 = 50;

/// Which findings, and how they are shown.
#[derive(Debug, Args)]
pub(in crate::cli) struct Findings {
    /// The job's id.
    job: JobId,
    /// Only of these kinds: file-missing, file-changed, folder-orphan ...
    #[arg(long, value_delimiter = ',')]
    kind: Vec<FindingKind>,
    /// Only as bad as this: damage, danger, leftover, note.
    #[arg(long, value_delimiter = ',')]
    gravity: Vec<Gravity>,
    /// Only with these outcomes: open, planned, ordered, stays, mended, set-aside, adopted, cleared.
    #[arg(long, value_delimiter = ',')]
    outcome: Vec<Outcome>,
    /// Only of this package.
    #[arg(long)]
    package: Option<PackageId>,
    /// Only with this text in path, bulletin or update.
    #[arg(long)]
    text: Option<String>,
    /// All of them as CSV (with --json: as JSON), for spreadsheets and scripts.
    #[arg(long)]
    csv: bool,
    /// Rows of a page.
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// Continue after this place.
    #[arg(long)]
    cursor: Option<String>,
}

impl Findings {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        let path = format!("/jobs/{}/findings", self.job);
        let format = match (self.csv, client.json) {
            (true, _) => Some(ExportFormat::Csv),
            (false, true) => Some(ExportFormat::Json),
            (false, false) => None,
        };
        let query = FindingQuery {
            kind: List(self.kind),
            gravity: List(self.gravity),
            outcome: List(self.outcome),
            package: self.package,
            text: self.text,
            format,
            cursor: self.cursor,
            limit: Some(self.limit),
        };
        if format.is_some() {
            client.copy(&path, &query).await?;
            return Ok(Found::Nothing);
        }
        let page: Page<Finding> = client.find(&path, &query).await?;
        if page.items.is_empty() {
            output::line("no findings")?;
        }
        for finding in &page.items {
            show(client, finding)?;
        }
        if let Some(cursor) = page.next {
            output::note(&format!("there are more: --cursor {cursor}"));
        }
        Ok(Found::Nothing)
    }
}

/// Everything about one finding.
fn show(client: &Client, finding: &Finding) -> Result<()> {
    let of = [finding.bulletin_name.as_str(), finding.update_key.as_str()].join(" ");
    let version = match (finding.package, finding.version) {
        (Some(package), Some(version)) => format!("{package} version {version}"),
        _ => String::new(),
    };
    output::facts(&[
        ("finding", format!("{} ({})", finding.kind, finding.gravity)),
        ("of", of.trim().to_owned()),
        ("package", version),
        ("path", finding.path.clone()),
        ("expected", finding.expected.clone()),
        ("found", finding.found.clone()),
        ("since", output::time(finding.since)),
        ("policies", finding.policies.join(", ")),
        ("package servers", finding.package_servers.join(", ")),
        ("outcome", with(finding.outcome.as_str(), &finding.became)),
        ("remedy", if finding.remedy.is_empty() { String::new() } else { remedy(finding) }),
        ("command", client.runnable(&finding.command)),
    ])?;
    output::line("")
}

fn remedy(finding: &Finding) -> String {
    match finding.by {
        DoneBy::Repair => format!("with --repair: {}", finding.remedy),
        DoneBy::Clock => format!("by itself: {}", finding.remedy),
        DoneBy::Nobody => format!("by nobody but you: {}", finding.remedy),
    }
}

fn with(word: &str, text: &str) -> String {
    if text.is_empty() { word.to_owned() } else { format!("{word}: {text}") }
}

/// The worst findings of a check, one a row; nothing for another job.
pub(in crate::cli) async fn table(client: &Client, detail: &JobDetail) -> Result<()> {
    if detail.job.kind != JobKind::IntegrityCheck {
        return Ok(());
    }
    let query = FindingQuery { limit: Some(ROWS), ..FindingQuery::default() };
    let page: Page<Finding> = client.find(&format!("/jobs/{}/findings", detail.job.id), &query).await?;
    if page.items.is_empty() {
        return Ok(());
    }
    let shown = page.items.len() as u64;
    output::line("")?;
    let rows = page.items.into_iter().map(|finding| {
        let of = [finding.bulletin_name.as_str(), finding.update_key.as_str()].join(" ");
        let becomes = match finding.outcome {
            Outcome::Open => format!("open; {}", finding.by),
            outcome => with(outcome.as_str(), &finding.became),
        };
        [
            finding.gravity.to_string(),
            finding.kind.to_string(),
            of.trim().to_owned(),
            finding.path,
            output::time(finding.since),
            becomes,
        ]
    });
    output::table(["gravity", "finding", "bulletin, update", "path", "since (UTC)", "what becomes of it"], rows)?;
    output::line("")?;
    let more = page.total.unwrap_or(shown).saturating_sub(shown);
    let all = if more > 0 { format!("{more} more; ") } else { String::new() };
    output::line(&format!(
        "{all}`patchwharf job findings {}` says expected, found and the way out of each; --csv or --json exports them",
        detail.job.id
    ))
}
