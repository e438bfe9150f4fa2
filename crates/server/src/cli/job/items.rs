//! All lines of a job's report, on the terminal.

use anyhow::Result;
use clap::Args;
use patchwharf_model::{
    JobId,
    api::{ExportFormat, JobItemQuery, Page},
    job::ReportItem,
};

use crate::cli::{Client, Found, output};

/// Lines that are fetched at once.
const PAGE: u32 = 1_000;

/// Which lines, and how they are shown.
#[derive(Debug, Args)]
pub(in crate::cli) struct Items {
    /// The job's id.
    job: JobId,
    /// Only lines with this outcome: foreign, adopted, incomplete, staged, failed ...
    #[arg(long)]
    outcome: Option<String>,
    /// As CSV, for spreadsheets and scripts. With --json: one JSON object a line.
    #[arg(long)]
    csv: bool,
}

impl Items {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        let path = format!("/jobs/{}/items", self.job);
        if self.csv {
            let query = JobItemQuery { outcome: self.outcome, format: Some(ExportFormat::Csv), ..Default::default() };
            client.copy(&path, &query).await?;
            return Ok(Found::Nothing);
        }
        let mut query = JobItemQuery { outcome: self.outcome, format: None, cursor: None, limit: Some(PAGE) };
        loop {
            let page: Page<ReportItem> = client.find(&path, &query).await?;
            for item in &page.items {
                if client.json {
                    output::line(&serde_json::to_string(item)?)?;
                } else {
                    let mark = if item.failed { "FAILED" } else { "" };
                    let reason = if item.reason.is_empty() { String::new() } else { format!(": {}", item.reason) };
                    let name = output::one_line(&item.item);
                    output::line(&output::harmless(&format!("{mark:6}  {name}  {}{reason}", item.outcome)))?;
                }
            }
            query.cursor = page.next;
            if query.cursor.is_none() {
                return Ok(Found::Nothing);
            }
        }
    }
}
