//! `patchwharf audit ...`

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use clap::Subcommand;
use patchwharf_model::{
    Timestamp,
    api::{AuditChain, AuditChainQuery, AuditEntry, AuditQuery, ExportFormat, Page},
};

use super::{Client, Found, Global, output};
use crate::{start, trail};

/// Who changed what.
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// List changes, newest first: who, from where, what, on what, before and after.
    #[command(after_help = "\
Examples:
  patchwharf audit list --action policy
  patchwharf audit list --bulletin MS24-018
  patchwharf audit list --object 'feed 01a20cfc-ee73-74e4-86ae-83bdcd7ed120' --since 2026-11-01T00:00:00Z
  patchwharf audit list --csv > audit.csv")]
    List {
        /// Only about this object: kind and id.
        #[arg(long)]
        object: Option<String>,
        /// Only about this bulletin and its packages: name, FEED/NAME or id.
        #[arg(long, conflicts_with = "object")]
        bulletin: Option<String>,
        /// Only this action, or all of a kind: `policy.add`, `policy`.
        #[arg(long)]
        action: Option<String>,
        /// Only since this time (RFC 3339).
        #[arg(long, value_name = "TIME")]
        since: Option<Timestamp>,
        /// Rows of a page.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// Continue after this place.
        #[arg(long)]
        cursor: Option<String>,
        /// All of them as CSV.
        #[arg(long, conflicts_with_all = ["limit", "cursor"])]
        csv: bool,
    },
    /// Read the chain of changes from its beginning to its end: was one altered, removed or cut off?
    ///
    /// Each change has a digest of itself and of the one before it. The head of this chain is signed and written to the log every
    /// hour: who keeps the log elsewhere can hold the trail against it (--kept). Exit code 1 when the chain does not hold.
    #[command(after_help = "\
Examples:
  patchwharf audit verify
  patchwharf audit verify --kept 1024:6c2f0b...   # as the log of last week says: head=1024:6c2f0b...")]
    Verify {
        /// A head that was noted down before: `number:digest`.
        #[arg(long, value_name = "HEAD")]
        kept: Option<String>,
    },
    /// Take the trail of the database as it is from now on: after you have put an older copy of it in its place yourself.
    ///
    /// The server remembers in its data folder which changes it has seen, and calls a trail broken that does not have them. This
    /// forgets them, as the holder of the data folder may; what was remembered is kept beside, and the trail tells when it was
    /// taken anew. A running server follows within the hour.
    Accept,
}

impl Audit {
    /// What needs no server.
    pub(super) fn offline(&self, global: &Global) -> Option<Result<Found>> {
        matches!(self, Self::Accept).then(|| accept(&global.data))
    }

    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        match self {
            Self::List { object, bulletin, action, since, limit, cursor, csv } => {
                let query = AuditQuery { object, bulletin, action, since, cursor, limit: Some(limit), format: None };
                if csv {
                    let query = AuditQuery { limit: None, format: Some(ExportFormat::Csv), ..query };
                    client.copy("/audit", &query).await?;
                    return Ok(Found::Nothing);
                }
                list(client, query).await
            }
            Self::Verify { kept } => verify(client, AuditChainQuery { kept }).await,
            Self::Accept => Ok(Found::Nothing),
        }
    }
}

fn accept(data: &Utf8Path) -> Result<Found> {
    anyhow::ensure!(
        data.join(start::INSTANCE_ID).exists(),
        "{data} is not the data folder of a server: no server ever ran on it; name the right one by --data"
    );
    let aside = trail::set_aside(data, Timestamp::now()).with_context(|| format!("cannot write in {data}"))?;
    let line = match aside {
        None => "nothing was remembered of the trail: it is taken as it is within the hour".to_owned(),
        Some((path, newest)) => {
            let newest = newest.map_or_else(
                || "could not be read".to_owned(),
                |seen| format!("ended with {}:{}, seen at {}", seen.change, seen.digest, seen.at()),
            );
            format!("the trail is taken as it is within the hour; what was remembered {newest}; it is kept in {path}")
        }
    };
    output::line(&line)?;
    Ok(Found::Nothing)
}

async fn verify(client: &Client, query: AuditChainQuery) -> Result<Found> {
    let chain: AuditChain = client.find("/audit/chain", &query).await?;
    let found = if chain.whole { Found::Nothing } else { Found::Problems };
    if client.json {
        output::json(&chain)?;
        return Ok(found);
    }
    let holds = match chain.broken_at {
        None => "every change is what was written down, and none is missing".to_owned(),
        Some(at) => format!("NO: change {at}: {}", chain.broken),
    };
    output::facts(&[
        ("holds", holds),
        ("changes that fit", chain.good.to_string()),
        ("begins after change", chain.begins_after.to_string()),
        ("head", format!("{}:{}", chain.head, chain.digest)),
        ("signed ends", chain.seals.to_string()),
        ("last signed (UTC)", chain.sealed_at.map_or_else(|| "not yet".to_owned(), output::time)),
    ])?;
    if !chain.whole {
        output::note("compare the database with a backup, and the trail with the heads in older logs (--kept)");
    }
    Ok(found)
}

async fn list(client: &Client, query: AuditQuery) -> Result<Found> {
    let page: Page<AuditEntry> = client.find("/audit", &query).await?;
    if client.json {
        output::json(&page)?;
        return Ok(Found::Nothing);
    }
    let next = page.next.clone();
    let rows = page.items.into_iter().map(|entry| {
        let change = match (entry.before, entry.after) {
            (Some(before), Some(after)) => format!("{before} -> {after}"),
            (before, after) => before.or(after).unwrap_or_default(),
        };
        [output::time(entry.at), entry.actor, entry.source, entry.action, entry.object, change]
    });
    output::table(["at (UTC)", "who", "from", "what", "on", "change"], rows)?;
    if let Some(cursor) = next {
        output::note(&format!("there are more: --cursor {cursor}"));
    }
    Ok(Found::Nothing)
}
