//! Who a request comes from.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap, header},
};
use patchwharf_db::accounts::{
    sessions::{self, Lasts},
    tokens,
};
use patchwharf_model::{AccountId, Role, SessionId, Timestamp, TokenId, api::Me};

use super::{By, Cookies, client_address, digest};
use crate::app::App;

/// A page that looks again by itself says so with this header, whatever its value: nobody has done anything, so that it
/// keeps no session alive. Streams of events never do.
const POLL: &str = "x-patchwharf-poll";
/// How exact "last used" is.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Principal {
    /// The name on the audit trail.
    pub(crate) name: String,
    /// What they may do.
    pub(crate) role: Role,
    /// How they proved it.
    pub(crate) via: Via,
    /// Whence, on the audit trail: `api`, the client's address, and what proved who it is.
    pub(crate) source: String,
    /// Whether they have proved a moment ago that it is still they: a session by its password, the holder of the data
    /// folder by holding it.
    pub(crate) confirmed: bool,
}

/// What proved who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// The token of the data folder: whoever holds the folder is the administrator.
    Owner,
    /// A personal token.
    Token(AccountId, TokenId),
    /// A session.
    Session(AccountId, SessionId),
}

impl Principal {
    /// The holder of the data folder.
    pub(crate) fn owner(from: &str) -> Self {
        let source = format!("{from} data folder");
        Self { name: "admin".to_owned(), role: Role::Administrator, via: Via::Owner, source, confirmed: true }
    }

    /// One who has just signed in.
    pub(crate) fn signed_in(name: String, role: Role, account: AccountId, session: SessionId) -> Self {
        Self { name, role, via: Via::Session(account, session), source: "sign-in".to_owned(), confirmed: true }
    }

    /// Begins a transaction of theirs.
    ///
    /// # Errors
    /// As [`patchwharf_db::Db::write`].
    pub(crate) async fn write<'a>(&self, app: &'a App) -> patchwharf_db::Result<patchwharf_db::Write<'a>> {
        By::from(self).write(app).await
    }

    /// The account, if it is one's.
    pub(crate) fn account(&self) -> Option<AccountId> {
        match self.via {
            Via::Owner => None,
            Via::Token(account, _) | Via::Session(account, _) => Some(account),
        }
    }

    /// The session, if it is one.
    pub(crate) fn session(&self) -> Option<SessionId> {
        match self.via {
            Via::Session(_, session) => Some(session),
            _ => None,
        }
    }

    /// As clients see it.
    pub(crate) fn me(&self) -> Me {
        Me { name: self.name.clone(), role: self.role, account: self.account(), session: self.session() }
    }
}

/// Who a request comes from; none: nobody who is known. A bearer token counts alone, a cookie only without one. With
/// `note` the use is noted, unless it is a poll.
///
/// # Errors
/// The database failed.
pub(crate) async fn principal(
    app: &App,
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    note: bool,
) -> patchwharf_db::Result<Option<Principal>> {
    let from = peer.map_or_else(
        || "api".to_owned(),
        |peer| format!("api {}", client_address(&app.config.console.trusted_proxies, peer, headers)),
    );
    if headers.contains_key(header::AUTHORIZATION) {
        return match bearer(headers) {
            Some(token) if app.admin_token.matches(token) => Ok(Some(Principal::owner(&from))),
            Some(token) => by_token(app, token, &from, note).await,
            None => Ok(None),
        };
    }
    match Cookies::of(headers).session(app) {
        Some(secret) => by_session(app, &secret, &from, note && !is_poll(headers)).await,
        None => Ok(None),
    }
}

/// The address of who has connected.
pub(crate) fn peer_of(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip())
}

fn is_poll(headers: &HeaderMap) -> bool {
    let streams = |value: &str| value.split(',').any(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"));
    headers.contains_key(POLL)
        || headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).any(streams)
}

/// The one bearer token of the request. Two headers are no token; a token in the URL is never looked at.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn by_token(app: &App, token: &str, from: &str, note: bool) -> patchwharf_db::Result<Option<Principal>> {
    let now = app.clock.now();
    let Some(found) = tokens::find(&app.db, digest(token), now).await? else { return Ok(None) };
    if note && is_stale(found.used_at, now) {
        touch(app, async |w| tokens::touch(w, found.token_id).await).await;
    }
    let role = found.role.min(found.account_role);
    let (via, source) = (Via::Token(found.account_id, found.token_id), format!("{from} token {}", found.token_id));
    Ok(Some(Principal { name: found.name, role, via, source, confirmed: false }))
}

async fn by_session(app: &App, secret: &str, from: &str, note: bool) -> patchwharf_db::Result<Option<Principal>> {
    let now = app.clock.now();
    let Some(found) = sessions::find(&app.db, digest(secret), lasts(app), now).await? else { return Ok(None) };
    if note && is_stale(Some(found.seen_at), now) {
        touch(app, async |w| sessions::touch(w, found.session_id).await).await;
    }
    let sessions::Found { session_id, account_id, name, role, created_at, .. } = found;
    let confirmed = app.confirmed.is(session_id, created_at, (now, app.clock.instant()));
    let source = format!("{from} session {session_id}");
    Ok(Some(Principal { name, role, via: Via::Session(account_id, session_id), source, confirmed }))
}

/// How long sessions last here.
pub(crate) fn lasts(app: &App) -> Lasts {
    Lasts { idle: app.config.console.session_idle, whole: app.config.console.session_lasts }
}

fn is_stale(used: Option<Timestamp>, now: Timestamp) -> bool {
    used.is_none_or(|at| now.duration_since(at).unsigned_abs() >= TOUCH_EVERY)
}

/// Notes a use. Should that fail, the request goes on: it is allowed all the same.
async fn touch(app: &App, note: impl AsyncFnOnce(&mut patchwharf_db::Write<'_>) -> patchwharf_db::Result<()>) {
    let done = async {
        let mut write = app.db.write("server", "api", app.clock.now()).await?;
        note(&mut write).await?;
        write.commit().await
    };
    if let Err(error) = done.await {
        tracing::debug!(%error, "the use of a session or token was not noted");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn token(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn w_08_what_looks_again_by_itself_is_no_use() {
        let polls = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            is_poll(&headers)
        };
        assert!(polls(POLL, "1") && polls("accept", "text/event-stream"));
        assert!(!polls("accept", "text/html, */*") && !polls("hx-request", "true"));
    }

    #[test]
    fn only_one_bearer_token_counts() {
        assert_eq!(token(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(token(&["bearer  abc"]).as_deref(), Some("abc"));
        for refused in [&["abc"][..], &["Basic abc"], &["Bearer"], &[], &["Bearer abc", "Bearer abc"]] {
            assert_eq!(token(refused), None, "{refused:?}");
        }
    }
}
