//! `patchwharf notify ...`

use anyhow::Result;
use clap::Subcommand;
use patchwharf_model::api::{Notification, NotificationTest, Page, PageQuery};

use super::{Client, Found, output};

/// What the server tells people by itself, by mail and webhook.
#[derive(Debug, Subcommand)]
pub(super) enum Notify {
    /// List messages, newest first: on their way, sent, given up.
    List {
        /// Rows of a page.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Continue after this place.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Send a test message to every channel that is set up, and say how each took it.
    Test,
}

impl Notify {
    pub(super) async fn run(self, client: &Client) -> Result<Found> {
        match self {
            Self::List { limit, cursor } => list(client, limit, cursor).await,
            Self::Test => test(client, &client.post("/notifications/test", &()).await?),
        }
    }
}

async fn list(client: &Client, limit: u32, cursor: Option<String>) -> Result<Found> {
    let page: Page<Notification> = client.find("/notifications", &PageQuery { cursor, limit: Some(limit) }).await?;
    if client.json {
        output::json(&page)?;
        return Ok(Found::Nothing);
    }
    let next = page.next.clone();
    let rows = page.items.into_iter().map(|message| {
        [output::time(message.created_at), message.channel, message.state, message.subject, message.last_error]
    });
    output::table(["at (UTC)", "by", "state", "message", "why not"], rows)?;
    if let Some(cursor) = next {
        output::note(&format!("there are more: --cursor {cursor}"));
    }
    Ok(Found::Nothing)
}

fn test(client: &Client, test: &NotificationTest) -> Result<Found> {
    if client.json {
        output::json(test)?;
    } else {
        for channel in &test.channels {
            let how = if channel.taken { "taken".to_owned() } else { format!("FAILED: {}", channel.error) };
            output::line(&output::harmless(&format!("{}: {how}", channel.channel)))?;
        }
    }
    Ok(if test.channels.iter().all(|channel| channel.taken) { Found::Nothing } else { Found::Problems })
}
