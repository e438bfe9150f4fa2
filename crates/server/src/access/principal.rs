//! Who a request comes from.

use std::time::Duration;

use axum::http::{HeaderMap, header};
use patchwharf_db::accounts::{
    sessions::{self, Lasts},
    tokens,
};
use patchwharf_model::{AccountId, Role, SessionId, Timestamp, api::Me};

use super::{Cookies, digest};
use crate::app::App;

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
}

/// What proved who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// The token of the data folder: whoever holds the folder is the administrator.
    Owner,
    /// A personal token.
    Token(AccountId),
    /// A session.
    Session(AccountId, SessionId),
}

impl Principal {
    /// The holder of the data folder.
    pub(crate) fn owner() -> Self {
        Self { name: "admin".to_owned(), role: Role::Administrator, via: Via::Owner }
    }

    /// The account, if it is one's.
    pub(crate) fn account(&self) -> Option<AccountId> {
        match self.via {
            Via::Owner => None,
            Via::Token(account) | Via::Session(account, _) => Some(account),
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

/// Who a request comes from; none: nobody who is known. A bearer token counts alone, a cookie only without one.
///
/// # Errors
/// The database failed.
pub(crate) async fn principal(app: &App, headers: &HeaderMap) -> patchwharf_db::Result<Option<Principal>> {
    if headers.contains_key(header::AUTHORIZATION) {
        return match bearer(headers) {
            Some(token) if app.admin_token.matches(token) => Ok(Some(Principal::owner())),
            Some(token) => by_token(app, token).await,
            None => Ok(None),
        };
    }
    match Cookies::of(headers).session(app) {
        Some(secret) => by_session(app, &secret).await,
        None => Ok(None),
    }
}

/// The one bearer token of the request. Two headers are no token; a token in the URL is never looked at.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn by_token(app: &App, token: &str) -> patchwharf_db::Result<Option<Principal>> {
    let now = app.clock.now();
    let Some(found) = tokens::find(&app.db, digest(token), now).await? else { return Ok(None) };
    if is_stale(found.used_at, now) {
        touch(app, async |w| tokens::touch(w, found.token_id).await).await;
    }
    let role = found.role.min(found.account_role);
    Ok(Some(Principal { name: found.name, role, via: Via::Token(found.account_id) }))
}

async fn by_session(app: &App, secret: &str) -> patchwharf_db::Result<Option<Principal>> {
    let now = app.clock.now();
    let Some(found) = sessions::find(&app.db, digest(secret), lasts(app), now).await? else { return Ok(None) };
    if is_stale(Some(found.seen_at), now) {
        touch(app, async |w| sessions::touch(w, found.session_id).await).await;
    }
    Ok(Some(Principal { name: found.name, role: found.role, via: Via::Session(found.account_id, found.session_id) }))
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
    fn only_one_bearer_token_counts() {
        assert_eq!(token(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(token(&["bearer  abc"]).as_deref(), Some("abc"));
        for refused in [&["abc"][..], &["Basic abc"], &["Bearer"], &[], &["Bearer abc", "Bearer abc"]] {
            assert_eq!(token(refused), None, "{refused:?}");
        }
    }
}
