//! Event streams: they go on only for as long as who asked for them may ask, and nobody opens them without end.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
    response::sse::Event,
};
use futures_util::{Stream, StreamExt as _, stream};
use patchwharf_model::{AccountId, SessionId, api::Code};
use tokio::{sync::watch, time::MissedTickBehavior};

use super::{Principal, Via, peer_of, principal};
use crate::{
    api::{ApiError, ApiResult},
    app::App,
};

/// So often who follows is looked at again: a time-out, or another server's doing, is noticed no later.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Streams of one session.
const OF_A_SESSION: u32 = 20;
/// Streams of one account, and of the data folder's token.
const OF_AN_ACCOUNT: u32 = 60;

/// The open streams by who holds them, and the word that somebody may have lost what they were allowed.
#[derive(Debug)]
pub struct Streams {
    open: Mutex<HashMap<Holder, u32>>,
    changed: watch::Sender<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Owner,
    Account(AccountId),
    Session(SessionId),
}

impl Default for Streams {
    fn default() -> Self {
        Self { open: Mutex::default(), changed: watch::channel(()).0 }
    }
}

impl Streams {
    /// Has every stream look again at who follows it: a session ended, an account changed.
    pub(crate) fn look_again(&self) {
        self.changed.send_replace(());
    }

    fn enter(&self, holders: &[(Holder, u32)]) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if holders.iter().any(|(holder, most)| open.get(holder).is_some_and(|count| count >= most)) {
            return false;
        }
        for (holder, _) in holders {
            *open.entry(*holder).or_default() += 1;
        }
        true
    }

    fn leave(&self, holders: &[(Holder, u32)]) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for (holder, _) in holders {
            if let Some(count) = open.get_mut(holder) {
                *count -= 1;
                if *count == 0 {
                    open.remove(holder);
                }
            }
        }
    }
}

/// One of the streams that its holder may have; free again when dropped.
struct Place {
    app: Arc<App>,
    holders: Vec<(Holder, u32)>,
}

impl Place {
    fn take(app: &Arc<App>, who: &Principal) -> ApiResult<Self> {
        let holders = match who.via {
            Via::Owner => vec![(Holder::Owner, OF_AN_ACCOUNT)],
            Via::Token(account, _) => vec![(Holder::Account(account), OF_AN_ACCOUNT)],
            Via::Session(account, session) => {
                vec![(Holder::Account(account), OF_AN_ACCOUNT), (Holder::Session(session), OF_A_SESSION)]
            }
        };
        if !app.streams.enter(&holders) {
            let detail = format!(
                "{} follows as much as it may at once: {OF_A_SESSION} streams in a session, {OF_AN_ACCOUNT} in all. Close \
                 pages that show jobs or the log, then try again.",
                who.name
            );
            return Err(ApiError::new(Code::TooManyStreams, detail));
        }
        Ok(Self { app: Arc::clone(app), holders })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.app.streams.leave(&self.holders);
    }
}

/// Who follows, with what proved it: so that it can be proved again while the stream goes on.
pub(crate) struct Follower {
    who: Principal,
    credentials: HeaderMap,
    peer: Option<IpAddr>,
    place: Place,
}

impl FromRequestParts<Arc<App>> for Follower {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> ApiResult<Self> {
        let who = Principal::from_request_parts(parts, app).await?;
        let credentials = [header::AUTHORIZATION, header::COOKIE];
        let credentials = credentials.into_iter().flat_map(|name| {
            let values = parts.headers.get_all(&name).iter().cloned();
            values.map(|value| (name.clone(), value)).collect::<Vec<_>>()
        });
        let mut kept = HeaderMap::new();
        for (name, value) in credentials {
            kept.append(name, value);
        }
        let place = Place::take(app, &who)?;
        Ok(Self { who, credentials: kept, peer: peer_of(&parts.extensions), place })
    }
}

impl Follower {
    /// The events for as long as who follows may see them; then `signed-out`, the last one: the page goes to its sign-in.
    pub(crate) fn follow<S>(self, events: S) -> impl Stream<Item = Result<Event, Infallible>>
    where
        S: Stream<Item = Result<Event, Infallible>> + Send + 'static,
    {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        looks.reset();
        let changed = self.place.app.streams.changed.subscribe();
        let watched = Watched { follower: self, events: Box::pin(events), looks, changed };
        stream::unfold(Some(watched), |watched| async {
            let mut watched = watched?;
            let (event, goes_on) = watched.next().await?;
            Some((event, goes_on.then_some(watched)))
        })
    }

    /// Whether who follows is still who asked. The database's failure is none's fault and no answer: the stream ends, and
    /// is asked for anew.
    async fn is_known(&self) -> Option<bool> {
        let now = principal(&self.place.app, &self.credentials, self.peer, false).await.ok()?;
        Some(now.is_some_and(|now| now.via == self.who.via))
    }
}

struct Watched {
    follower: Follower,
    events: Pin<Box<dyn Stream<Item = Result<Event, Infallible>> + Send>>,
    looks: tokio::time::Interval,
    changed: watch::Receiver<()>,
}

impl Watched {
    /// The next event, and whether others may come after it.
    async fn next(&mut self) -> Option<(Result<Event, Infallible>, bool)> {
        loop {
            tokio::select! {
                biased;
                _ = self.changed.changed() => {}
                _ = self.looks.tick() => {}
                event = self.events.next() => return event.map(|event| (event, true)),
            }
            if !self.follower.is_known().await? {
                return Some((Ok(Event::default().event("signed-out").data("{}")), false));
            }
        }
    }
}
