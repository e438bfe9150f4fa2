//! `patchwharf log ...`

use anyhow::Result;
use clap::{Args, Subcommand};
use patchwharf_model::{
    JobId, PackageId,
    api::{BulletinDetail, Level, LogQuery, LogRecord, Page},
};

use super::{
    Client, Found,
    client::{Failure, segment},
    output,
    sse::Events,
};

/// The server's log.
#[derive(Debug, Subcommand)]
pub(super) enum Log {
    /// Follow the log as it is written; ends with Ctrl-C.
    #[command(after_help = "\
Examples:
  patchwharf log tail --level warn
  patchwharf log tail --bulletin PW26-002
  patchwharf log tail --job 0190c2a4-9d0a-7d6b-8f00-000000000000 -n 100")]
    Tail(Filter),
    /// Show the newest records.
    Show(Filter),
}

/// Which records.
#[derive(Debug, Args)]
pub(super) struct Filter {
    /// Only of this job.
    #[arg(long)]
    job: Option<JobId>,
    /// Only about this package.
    #[arg(long)]
    package: Option<PackageId>,
    /// Only about this bulletin: its name or id.
    #[arg(long)]
    bulletin: Option<String>,
    /// Only of this level and graver: trace, debug, info, warn, error.
    #[arg(long)]
    level: Option<Level>,
    /// Only with this text in the message or its fields. One or two letters: in the newest 25,000 records, or those of the job,
    /// package or bulletin.
    #[arg(long)]
    text: Option<String>,
    /// Begin with so many of the newest records.
    #[arg(long, short = 'n', default_value_t = 20)]
    lines: u32,
}

impl Filter {
    async fn query(self, client: &Client) -> Result<LogQuery> {
        let bulletin = match self.bulletin {
            None => None,
            Some(name) => {
                let found: BulletinDetail = client.get(&format!("/bulletins/{}", segment(&name))).await?;
                Some(found.summary.id)
            }
        };
        Ok(LogQuery {
            level: self.level,
            job: self.job,
            bulletin,
            package: self.package,
            text: self.text,
            limit: (self.lines > 0).then_some(self.lines),
            ..LogQuery::default()
        })
    }
}

impl Log {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        match self {
            Self::Show(filter) if filter.lines == 0 => {}
            Self::Show(filter) => {
                let page: Page<LogRecord> = client.find("/logs", &filter.query(client).await?).await?;
                for record in &page.items {
                    show(client, record)?;
                }
            }
            Self::Tail(filter) => tail(client, filter.query(client).await?).await?,
        }
        Ok(Found::Nothing)
    }
}

/// Follows until it is ended. A connection that breaks is taken up again where it was, so a restart of the server
/// leaves no gap.
async fn tail(client: &Client, mut query: LogQuery) -> Result<()> {
    let mut last: Option<String> = None;
    loop {
        query.limit = query.limit.filter(|_| last.is_none());
        match client.stream("/logs/events", &query, last.as_deref()).await {
            Ok(response) => {
                let mut events = Events::new(response.bytes_stream());
                while let Ok(Some(event)) = events.next().await {
                    if event.name == "signed-out" {
                        // Asked for anew, the server says what is wrong.
                        break;
                    }
                    match event.name.as_str() {
                        "restarted" => output::note("the server's log began anew: its numbers start again"),
                        "cut" => output::note("what came next is not kept any more"),
                        _ => show(client, &serde_json::from_str(&event.data)?)?,
                    }
                    last = event.id.or(last);
                }
            }
            // The first connection tells whether server and token are right; later ones wait for the server.
            Err(error) if last.is_none() => return Err(error),
            Err(error) if !error.downcast_ref::<Failure>().is_some_and(Failure::is_passing) => return Err(error),
            Err(_) => {}
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}

fn show(client: &Client, record: &LogRecord) -> Result<()> {
    if client.json {
        return output::line(&serde_json::to_string(record)?);
    }
    let mut text = format!("{} {:5} {}", output::time(record.at), record.level.as_str().to_uppercase(), record.message);
    for (name, id) in [
        ("job", record.job.map(|id| id.to_string())),
        ("bulletin", record.bulletin.map(|id| id.to_string())),
        ("package", record.package.map(|id| id.to_string())),
    ] {
        if let Some(id) = id {
            text.push_str(&format!(" {name}={id}"));
        }
    }
    for (name, value) in &record.fields {
        match value.as_str() {
            Some(value) => text.push_str(&format!(" {name}={value}")),
            None => text.push_str(&format!(" {name}={value}")),
        }
    }
    output::line(&output::harmless(&text).replace('\n', "\\n"))
}
