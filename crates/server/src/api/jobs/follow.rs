//! Following a job by server-sent events.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName},
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, stream};
use patchwharf_model::{JobId, api::JobEvent, job::JobState};
use tokio::sync::watch;

use super::view;
use crate::{
    access,
    api::{ApiResult, Shared, extract::Path},
    app::App,
    jobs::Snapshot,
};

/// Where a follower was before its connection broke.
pub(in crate::api) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// At least so long between two events of a job: a follower sees states, not every change.
const PACE: Duration = Duration::from_millis(200);
/// What holds a queued job is no change of the job: it is looked for so often.
const HELD: Duration = Duration::from_secs(1);

/// Follows a job: `progress` events with a `JobEvent`, at last one `end` event with the `JobDetail`. The event id is
/// the number of the state; with `Last-Event-ID` what was seen is not sent again. When who follows may not any more, the
/// last event is `signed-out`.
#[utoipa::path(get, path = "/jobs/{job}/events", tag = "jobs", params(("job" = JobId, Path), ("Last-Event-ID" = Option<u64>, Header)),
    responses((status = 200, content_type = "text/event-stream", body = JobEvent),
        (status = 429, description = "`too-many-streams`")))]
pub(super) async fn events(
    State(app): Shared,
    Path(job): Path<JobId>,
    headers: HeaderMap,
    who: access::Follower,
) -> ApiResult<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let changes = app.jobs.watch(job).await?;
    let seen = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()?.parse().ok());
    let follower = Follower { app, job, changes, seen, waiting_for: String::new(), sent: None, ended: false };
    let events = stream::unfold(follower, |mut follower| async {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    Ok(Sse::new(who.follow(events)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

struct Follower {
    app: Arc<App>,
    job: JobId,
    changes: watch::Receiver<Snapshot>,
    seen: Option<u64>,
    waiting_for: String,
    sent: Option<Instant>,
    ended: bool,
}

impl Follower {
    async fn next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        loop {
            let now = self.changes.borrow_and_update().clone();
            if now.state.is_final() {
                return self.end(now.number).await;
            }
            let waiting_for = view::waiting_for(&self.app, now.state, String::new());
            let news = self.seen.is_none_or(|seen| now.number > seen) || self.waiting_for != waiting_for;
            let due = self.sent.map_or(Duration::ZERO, |sent| PACE.saturating_sub(sent.elapsed()));
            if news && due.is_zero() {
                self.seen = Some(now.number);
                self.sent = Some(Instant::now());
                self.waiting_for = waiting_for;
                return self.progress(now);
            }
            // The end is told at once; what comes before it, at its pace.
            tokio::select! {
                () = tokio::time::sleep(due), if news => {}
                () = tokio::time::sleep(HELD), if now.state == JobState::Queued => {}
                changed = self.changes.changed() => if changed.is_err() {
                    return self.end(now.number).await;
                },
            }
        }
    }

    fn progress(&self, now: Snapshot) -> Option<Event> {
        let number = now.number;
        let waiting_for = self.waiting_for.clone();
        let event = JobEvent { id: self.job, number, state: now.state, waiting_for, progress: now.progress };
        Event::default().event("progress").id(number.to_string()).json_data(event).ok()
    }

    async fn end(&mut self, number: u64) -> Option<Event> {
        self.ended = true;
        let row = patchwharf_db::jobs::show(&self.app.db, self.job).await.ok()?;
        let detail = view::detail(&self.app, row);
        Event::default().event("end").id(number.to_string()).json_data(detail).ok()
    }
}
