//! Sending what is on its way.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use patchwharf_db::notifications::{self as table, Notification};
use patchwharf_model::{
    NotificationId, Timestamp,
    api::{ChannelTest, NotificationTest},
};

use tokio::sync::Notify;

use super::{Message, ask::Asked, mail::Mail, webhook::Webhook};
use crate::{app::App, config::NotifyConfig};

/// How long a message that is being sent is kept from other servers.
const HOLD: SignedDuration = SignedDuration::from_mins(5);
/// The first pause after a failure; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// A message that could not be sent for so long is given up.
const GIVE_UP: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Where messages go.
#[derive(Clone, Debug, Default)]
pub struct Channels {
    mail: Option<Mail>,
    webhook: Option<Webhook>,
    /// Rung when there may be something to tell.
    bell: Arc<Notify>,
    /// Disks that are asked for their free space.
    pub(super) asked: Asked,
}

impl Channels {
    /// As the configuration says.
    ///
    /// # Errors
    /// A mail address cannot be one.
    pub(crate) fn new(config: &NotifyConfig) -> anyhow::Result<Self> {
        let (mail, webhook) = (Mail::new(&config.mail)?, Webhook::new(&config.webhook));
        Ok(Self { mail, webhook, bell: Arc::default(), asked: Asked::default() })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.mail.is_none() && self.webhook.is_none()
    }

    /// Something may have become better or worse: looks now instead of a little later.
    pub fn ring(&self) {
        self.bell.notify_one();
    }

    /// Waits for the bell, at most so long.
    pub(super) async fn rung(&self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.bell.notified()).await;
    }

    /// Those that are set up.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        let named = [(self.mail.is_some(), "mail"), (self.webhook.is_some(), "webhook")];
        named.into_iter().filter_map(|(there, name)| there.then_some(name))
    }

    async fn send(&self, app: &App, channel: &str, message: &Message, id: &str) -> anyhow::Result<()> {
        match (channel, &self.mail, &self.webhook) {
            ("mail", Some(mail), _) => mail.send(message, id).await,
            ("webhook", _, Some(webhook)) => webhook.send(&app.fetch, message, id, app.clock.now()).await,
            _ => anyhow::bail!("{channel} is not set up any more"),
        }
    }
}

/// Sends every message that is due.
pub(super) async fn due(app: &Arc<App>) -> patchwharf_db::Result<()> {
    loop {
        let now = app.clock.now();
        let again = now.checked_add(HOLD).unwrap_or(Timestamp::MAX);
        let Some(next) = table::claim(&app.db, now, again).await? else { return Ok(()) };
        one(app, next).await?;
    }
}

async fn one(app: &Arc<App>, row: Notification) -> patchwharf_db::Result<()> {
    let id = row.notification_id;
    let sent = match serde_json::from_str::<Message>(&row.message) {
        Ok(message) => app.notify.send(app, &row.channel, &message, &id.to_string()).await,
        Err(_) => Err(anyhow::anyhow!("another version of the program wrote the message")),
    };
    let now = app.clock.now();
    let mut write = app.db.write("system", "notification", now).await?;
    match sent {
        Ok(()) => table::sent(&mut write, id).await?,
        Err(error) => {
            let why = format!("{error:#}");
            let give_up = now.duration_since(row.created_at) > GIVE_UP;
            let again = (!give_up).then(|| now.checked_add(pause(row.attempts)).unwrap_or(Timestamp::MAX));
            tracing::warn!(channel = row.channel, attempt = row.attempts, error = why, "a message was not sent");
            table::failed(&mut write, id, &why, again).await?;
        }
    }
    write.commit().await
}

fn pause(attempts: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << attempts.saturating_sub(1).min(10)).min(LONGEST_PAUSE)
}

/// Sends a message that cannot be kept. Whether any channel took it.
pub(super) async fn at_once(app: &Arc<App>, message: &Message) -> bool {
    all(app, message).await.channels.iter().any(|channel| channel.taken)
}

/// Sends a test to every channel now, and says how each took it.
pub(crate) async fn test(app: &Arc<App>) -> NotificationTest {
    all(app, &Message::test(app)).await
}

async fn all(app: &Arc<App>, message: &Message) -> NotificationTest {
    let id = NotificationId::new().to_string();
    let mut channels = Vec::new();
    for name in app.notify.names() {
        let sent = app.notify.send(app, name, message, &id).await;
        let error = sent.as_ref().err().map(|error| format!("{error:#}")).unwrap_or_default();
        channels.push(ChannelTest { channel: name.to_owned(), taken: sent.is_ok(), error });
    }
    NotificationTest { channels }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        let minutes: Vec<u64> = [1, 2, 3, 6, 7, 30].map(|n| pause(n).as_secs() / 60).to_vec();
        assert_eq!(minutes, [1, 2, 4, 32, 60, 60]);
    }
}
