//! Following the log by server-sent events.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, StreamExt as _, stream};
use patchwharf_db::logs::span;
use patchwharf_model::api::{Code, LogQuery, LogRecord};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::view;
use crate::{
    access,
    api::{ApiError, ApiResult, Shared, extract::Query, page},
    app::App,
    logs,
};

/// Follows this server's log: one event per record, its number as the event id. Begins with the newest `limit` records
/// (none by default); with `Last-Event-ID` or `after`, with what came since. Where the next of those are not kept any more,
/// `cut` comes first; where the log has begun anew and has no such number, `restarted`, and it begins as without. When who
/// follows may not any more, the last event is `signed-out`.
#[utoipa::path(get, path = "/logs/events", tag = "logs", params(LogQuery, ("Last-Event-ID" = Option<i64>, Header)),
    responses((status = 200, content_type = "text/event-stream", body = LogRecord),
        (status = 429, description = "`too-many-streams`")))]
pub(super) async fn events(
    State(app): Shared,
    Query(query): Query<LogQuery>,
    headers: HeaderMap,
    who: access::Follower,
) -> ApiResult<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let resumed = headers.get(crate::api::jobs::LAST_EVENT_ID).and_then(|id| id.to_str().ok()?.parse().ok());
    if query.before.is_some() || query.from.is_some() || query.around.is_some() {
        let detail = "Who follows the log gets what comes: `before`, `from` and `around` are for `GET /logs`.";
        return Err(ApiError::new(Code::InvalidQuery, detail));
    }
    let asked = resumed.or(query.after);
    // Subscribed before the store is read: what is written in between comes twice and is dropped by its number.
    let live = app.logs.follow();
    let span = span(&app.db, app.instance).await?;
    let after = asked.filter(|asked| *asked <= span.last);
    let first = match (asked, after) {
        (Some(_), None) => Some(Event::default().event("restarted").id(span.last.to_string()).data("{}")),
        // What was seen is gone, so what came next may be gone with it.
        (_, Some(after)) if 0 < after && after < span.first => {
            Some(Event::default().event("cut").data(format!("{{\"after\":{after}}}")))
        }
        _ => None,
    };
    let seen = after.unwrap_or(span.last);
    let mut follower = Follower { app, query, live, seen, backlog: VecDeque::new(), more: false };
    if after.is_some() || follower.query.limit.is_some() {
        let limit = if after.is_some() { CHUNK } else { page::limit(follower.query.limit)? };
        follower.read_store(after, limit).await?;
    }
    let events = stream::unfold(follower, |mut follower| async {
        let record = follower.next().await?;
        let event = Event::default().event("record").id(record.number.to_string()).json_data(&record).ok()?;
        Some((Ok(event), follower))
    });
    let events = stream::iter(first.map(Ok)).chain(events);
    Ok(Sse::new(who.follow(events)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

struct Follower {
    app: Arc<App>,
    query: LogQuery,
    live: Receiver<Arc<logs::LogRecord>>,
    /// The number up to which everything was looked at, whether it was wanted or not.
    seen: i64,
    backlog: VecDeque<LogRecord>,
    /// The store may have more than was read.
    more: bool,
}

const CHUNK: u32 = 1000;

impl Follower {
    async fn next(&mut self) -> Option<LogRecord> {
        loop {
            if let Some(record) = self.backlog.pop_front() {
                self.seen = self.seen.max(record.number);
                return Some(record);
            }
            if self.more {
                self.read_store(Some(self.seen.max(0)), CHUNK).await.ok()?;
                continue;
            }
            match self.live.recv().await {
                Ok(record) => {
                    let record = view::fresh(&record);
                    let is_new = record.number > self.seen;
                    self.seen = self.seen.max(record.number);
                    if is_new && view::is_wanted(&self.query, &record) {
                        return Some(record);
                    }
                }
                // Too slow for the live feed: what was missed is in the store.
                Err(RecvError::Lagged(_)) => self.more = true,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    async fn read_store(&mut self, after: Option<i64>, limit: u32) -> ApiResult<()> {
        let filter = view::filter(&self.query, self.app.instance, after, limit);
        let records = patchwharf_db::logs::tail(&self.app.db, &filter).await?;
        self.more = after.is_some() && records.len() as u32 == limit;
        self.backlog.extend(records.into_iter().map(view::stored));
        Ok(())
    }
}
