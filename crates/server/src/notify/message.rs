//! What a message says.

use std::sync::Arc;

use patchwharf_db::notifications::NewNotification;
use patchwharf_model::{DeploymentId, InstanceId, Timestamp};
use serde::{Deserialize, Serialize};

use super::decide::News;
use crate::{
    app::App,
    words::{harmless, host},
};

/// Lines of a message; the rest is counted.
const LINES: usize = 20;

/// One thing that is not well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// What.
    pub(crate) item: String,
    /// Why, and since when.
    pub(crate) reason: String,
}

/// How things of one kind are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// The kind: `packages`, `jobs`, `feeds`, `space`, `server`, `sign-ins`.
    pub(crate) kind: String,
    /// How many things are not well; 0: all is well.
    pub(crate) count: u64,
    /// One line that says so.
    pub(crate) headline: String,
    /// One line for when it is over.
    pub(crate) well: &'static str,
    /// The things.
    pub(crate) lines: Vec<Line>,
    /// What to do.
    pub(crate) advice: String,
    /// What makes this trouble another one than the last: a text that is equal as long as nothing changed.
    pub(crate) same: String,
    /// Something that happened, and that is not over later.
    pub(crate) is_event: bool,
    /// Where looking goes on once it is told.
    pub(crate) seen: String,
}

/// A message, as it is kept and as the webhook sends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    /// What it is about.
    pub(crate) kind: String,
    /// `bad`, `well` or `test`.
    pub(crate) state: String,
    /// One line.
    pub(crate) subject: String,
    /// The whole text.
    pub(crate) text: String,
    /// How many things are not well.
    pub(crate) count: u64,
    /// The first of them.
    pub(crate) items: Vec<Line>,
    /// How many more there are.
    pub(crate) left_out: u64,
    /// Since when it is so.
    pub(crate) since: Timestamp,
    /// When this was written.
    pub(crate) at: Timestamp,
    /// Where.
    pub(crate) host: String,
    /// Whose server.
    pub(crate) deployment: DeploymentId,
    /// Which server.
    pub(crate) instance: InstanceId,
}

impl Message {
    pub(crate) fn of(app: &Arc<App>, trouble: &Trouble, news: News, since: Timestamp, at: Timestamp) -> Self {
        let host = host();
        let bad = news != News::Well;
        let headline = if bad { harmless(&trouble.headline) } else { trouble.well.to_owned() };
        let again = if news == News::Reminder { "still: " } else { "" };
        let items: Vec<Line> = trouble
            .lines
            .iter()
            .take(if bad { LINES } else { 0 })
            .map(|line| Line { item: harmless(&line.item), reason: harmless(&line.reason) })
            .collect();
        let left_out = if bad { trouble.count.saturating_sub(items.len() as u64) } else { 0 };
        let mut text = format!("{headline}\n");
        for line in &items {
            text.push_str(&format!("\n  {}\n      {}\n", line.item, line.reason));
        }
        if left_out > 0 {
            text.push_str(&format!("\n  ... and {left_out} more\n"));
        }
        if bad && !trouble.advice.is_empty() {
            text.push_str(&format!("\n{}\n", trouble.advice));
        }
        text.push_str(&format!(
            "\nSince {}. Server {host}, deployment {}, written {}.\n",
            since.strftime("%Y-%m-%d %H:%M:%S UTC"),
            app.deployment,
            at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        ));
        Self {
            kind: trouble.kind.split(' ').next().unwrap_or_default().to_owned(),
            state: if bad { "bad" } else { "well" }.to_owned(),
            subject: format!("[patchwharf {host}] {again}{headline}"),
            text,
            count: if bad { trouble.count } else { 0 },
            items,
            left_out,
            since,
            at,
            host,
            deployment: app.deployment,
            instance: app.instance,
        }
    }

    /// A message that tests the channels.
    pub(crate) fn test(app: &Arc<App>) -> Self {
        let (host, at) = (host(), app.clock.now());
        Self {
            kind: "test".into(),
            state: "test".into(),
            subject: format!("[patchwharf {host}] a test: messages arrive"),
            text: format!("`patchwharf notify test` asked for this. Server {host}, deployment {}.\n", app.deployment),
            count: 0,
            items: Vec::new(),
            left_out: 0,
            since: at,
            at,
            host,
            deployment: app.deployment,
            instance: app.instance,
        }
    }

    /// The row for a channel.
    pub(crate) fn to(&self, channel: &str) -> NewNotification {
        NewNotification {
            kind: self.kind.clone(),
            channel: channel.to_owned(),
            subject: self.subject.clone(),
            // Plain data: its serialization cannot fail.
            message: serde_json::to_string(self).unwrap_or_default(),
        }
    }
}
