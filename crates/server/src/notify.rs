//! Telling people by themselves what is not well: damaged packages, failed jobs, stale feeds, low space, a server that
//! cannot work.
//!
//! What is looked at is how things are (not events that can get lost): every few seconds the state of each kind is
//! compared with what was last told, and a change becomes one message for each channel, in the transaction that notes it.
//! Messages are sent from the table, by whichever server claims them, with ever longer pauses, and no job waits for them.

mod ask;
mod decide;
mod deliver;
mod look;
mod mail;
mod message;
mod webhook;

use std::{sync::Arc, time::Duration};

use patchwharf_db::notifications::{self as table, NewNotification};

pub use deliver::Channels;
pub(crate) use deliver::test;
pub(crate) use look::is_stale;
pub(crate) use message::{Message, Trouble};

use crate::{app::App, operations::OperationError};
use decide::Decision;

/// How often is looked.
const EVERY: Duration = Duration::from_secs(15);

/// Looks for the first time, before any job runs: what failed earlier is history, and nothing that fails from now on is.
///
/// # Errors
/// The database failed.
pub(crate) async fn prepare(app: &Arc<App>) -> Result<(), OperationError> {
    if app.notify.is_empty() { Ok(()) } else { tell(app).await }
}

/// Looks and sends until the server ends.
pub(crate) async fn run(app: Arc<App>) {
    let mut told_of_damage = false;
    loop {
        if app.notify.is_empty() {
            // Nobody is to be told; the configuration is read at the start.
            return;
        }
        if let Some(found) = app.db.damage() {
            // Nothing can be written down any more: told once, as well as it can be.
            if !told_of_damage {
                told_of_damage = deliver::at_once(&app, &look::damaged(&app, found)).await;
            }
        } else {
            if let Err(error) = tell(&app).await {
                tracing::warn!(error = %format!("{error}"), "what is not well could not be looked at; trying again");
            }
            if let Err(error) = deliver::due(&app).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "messages could not be sent; trying again");
            }
        }
        app.notify.rung(EVERY).await;
    }
}

/// The free space at a folder; none: nobody answers.
pub(crate) async fn free(app: &App, path: &camino::Utf8Path) -> Option<u64> {
    match app.notify.asked.free(path).await {
        ask::Answer::Free(free) => Some(free),
        ask::Answer::Nothing | ask::Answer::Silence => None,
    }
}

/// Compares how things are with what was told, and puts messages on their way.
///
/// # Errors
/// The database failed.
pub(crate) async fn tell(app: &Arc<App>) -> Result<(), OperationError> {
    let known = table::kinds(&app.db).await?;
    for trouble in look::all(app, &known).await? {
        let before = known.iter().find(|kind| kind.kind == trouble.kind);
        let now = app.clock.now();
        let Decision { after, tell } = decide::decide(before, &trouble, &app.config.notify, now);
        if before == Some(&after) && tell.is_none() {
            continue;
        }
        let messages: Vec<NewNotification> = match tell {
            None => Vec::new(),
            Some(news) => {
                let message = Message::of(app, &trouble, news, after.since, now);
                tracing::info!(kind = trouble.kind, "{}", message.subject);
                app.notify.names().map(|channel| message.to(channel)).collect()
            }
        };
        let mut write = app.db.write("system", "notification", now).await?;
        // Another server of the database may have told it meanwhile.
        if table::kind(&mut write, &trouble.kind).await?.as_ref() != before {
            continue;
        }
        table::tell(&mut write, &after, &messages).await?;
        write.commit().await?;
    }
    Ok(())
}
