//! `patchwharf audit ...`

use anyhow::Result;
use clap::Subcommand;
use patchwharf_model::{
    Timestamp,
    api::{AuditEntry, AuditQuery, Page},
};

use super::{Client, Found, output};

/// Who changed what.
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// List changes, newest first: who, from where, what, on what, before and after.
    #[command(after_help = "\
Examples:
  patchwharf audit list --action policy
  patchwharf audit list --object 'feed 01a20cfc-ee73-74e4-86ae-83bdcd7ed120' --since 2026-11-01T00:00:00Z")]
    List {
        /// Only about this object: kind and id.
        #[arg(long)]
        object: Option<String>,
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
    },
}

impl Audit {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        let Self::List { object, action, since, limit, cursor } = self;
        let query = AuditQuery { object, action, since, cursor, limit: Some(limit) };
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
}
