//! Signing in and out, and who one is.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use patchwharf_db::accounts::{links, sessions};
use patchwharf_model::{
    AccountId, SessionId,
    api::{
        Code, LinkLook, LinkPurpose, Me, Page, PasswordChange, PasswordConfirm, Session, SetUp, SignIn, SignOutQuery,
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    ApiError, ApiResult, Path, Shared,
    extract::{self, Query},
    page,
};
use crate::{
    access::{self, Principal, same_site, sign_in},
    app::App,
};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(who, begin, end))
        .routes(routes!(look))
        .routes(routes!(set_up))
        .routes(routes!(password))
        .routes(routes!(confirm))
        .routes(routes!(list))
        .routes(routes!(end_one))
}

/// Who asks, and what they may do.
#[utoipa::path(get, path = "/session", tag = "session", responses((status = 200, body = Me)))]
async fn who(who: Principal) -> Json<Me> {
    Json(who.me())
}

/// Signs in: the answer sets the cookie of a new session. Only pages of this server may send it from a browser.
#[utoipa::path(post, path = "/session", tag = "session", security(()), request_body = SignIn,
    responses((status = 200, body = Me), (status = 401, description = "`sign-in-failed`, whatever was wrong"),
        (status = 429, description = "`too-many-attempts`: `Retry-After` says how long to wait")))]
async fn begin(
    State(app): Shared,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    extract::Json(wish): extract::Json<SignIn>,
) -> ApiResult<Response> {
    from_our_page(&app, &headers)?;
    let from = sign_in::From::of(&app, peer.ip(), &headers);
    Ok(answer(&app, sign_in::by_password(&app, wish, &from).await?))
}

/// What a link is for.
#[utoipa::path(post, path = "/session/link", tag = "session", security(()), request_body = LinkLook,
    responses((status = 200, body = LinkPurpose), (status = 404, description = "`link-dead`")))]
async fn look(
    State(app): Shared,
    headers: HeaderMap,
    extract::Json(wish): extract::Json<LinkLook>,
) -> ApiResult<Json<LinkPurpose>> {
    from_our_page(&app, &headers)?;
    let link = links::look(&app.db, access::digest(&wish.link), app.clock.now()).await?.ok_or_else(sign_in::dead)?;
    Ok(Json(LinkPurpose { name: link.name, expires_at: link.expires_at }))
}

/// Sets a password by a link, once, and signs in. The link of a first start makes the first administrator.
#[utoipa::path(post, path = "/session/set-up", tag = "session", security(()), request_body = SetUp,
    responses((status = 200, body = Me), (status = 404, description = "`link-dead`"),
        (status = 422, description = "`weak-password`: the link still works")))]
async fn set_up(
    State(app): Shared,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    extract::Json(wish): extract::Json<SetUp>,
) -> ApiResult<Response> {
    from_our_page(&app, &headers)?;
    let from = sign_in::From::of(&app, peer.ip(), &headers);
    Ok(answer(&app, sign_in::by_link(&app, wish, &from).await?))
}

/// Ends the own session, or all of the account.
#[utoipa::path(delete, path = "/session", tag = "session", params(SignOutQuery), responses((status = 204)))]
async fn end(State(app): Shared, who: Principal, Query(query): Query<SignOutQuery>) -> ApiResult<Response> {
    let account = own(&who)?;
    let mut write = who.write(&app).await?;
    match who.session() {
        Some(session) if !query.everywhere => {
            sessions::end(&mut write, account, session).await?;
        }
        _ => {
            sessions::end_all(&mut write, account).await?;
        }
    }
    write.commit().await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    put(&mut response, access::clear_session(&app));
    // What the browser has kept of the pages goes, too.
    put_named(&mut response, header::HeaderName::from_static("clear-site-data"), HeaderValue::from_static("\"cache\""));
    Ok(response)
}

/// Changes the own password. All sessions of the account end, the own one too, for somebody may have copied its cookie: the answer
/// sets the cookie of a new one.
#[utoipa::path(put, path = "/session/password", tag = "session", request_body = PasswordChange,
    responses((status = 204), (status = 401, description = "`sign-in-failed`: the current password is another one"),
        (status = 422, description = "`weak-password`")))]
async fn password(
    State(app): Shared,
    who: Principal,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    extract::Json(wish): extract::Json<PasswordChange>,
) -> ApiResult<Response> {
    let account = own(&who)?;
    let session = session_of(&who)?;
    sign_in::own_password(&app, session, &who.name, wish.current).await?;
    let from = sign_in::From::of(&app, peer.ip(), &headers);
    let done = sign_in::with_new_password(&app, &who, account, wish.new, &from).await?;
    Ok(with_cookies(&app, StatusCode::NO_CONTENT.into_response(), &done))
}

/// Gives the own password once more. For five minutes this session may change who may do what: accounts, links, tokens. The
/// answer sets a new cookie of the session; a copy of the one before is dead.
#[utoipa::path(post, path = "/session/confirm", tag = "session", request_body = PasswordConfirm,
    responses((status = 204), (status = 401, description = "`sign-in-failed`: the password is another one"),
        (status = 429, description = "`too-many-attempts`")))]
async fn confirm(
    State(app): Shared,
    who: Principal,
    headers: HeaderMap,
    extract::Json(wish): extract::Json<PasswordConfirm>,
) -> ApiResult<Response> {
    let session = session_of(&who)?;
    sign_in::own_password(&app, session, &who.name, wish.password).await?;
    let cookie = sign_in::renewed(&app, session, &headers).await?;
    app.confirmed.note(session, app.clock.instant());
    let mut response = StatusCode::NO_CONTENT.into_response();
    put(&mut response, access::set_session(&app, &cookie));
    Ok(response)
}

/// The own sessions that go on.
#[utoipa::path(get, path = "/sessions", tag = "session", responses((status = 200, body = Page<Session>)))]
pub(crate) async fn list(State(app): Shared, who: Principal) -> ApiResult<Json<Page<Session>>> {
    let account = own(&who)?;
    let rows = sessions::list(&app.db, account, access::lasts(&app), app.clock.now()).await?;
    let view = |row: sessions::Session| Session {
        id: row.session_id,
        own: who.session() == Some(row.session_id),
        created_at: row.created_at,
        seen_at: row.seen_at,
        source: row.source,
        agent: row.agent,
    };
    Ok(Json(page::whole(rows.into_iter().map(view).collect())))
}

/// Ends one of the own sessions.
#[utoipa::path(delete, path = "/sessions/{session}", tag = "session", params(("session" = SessionId, Path)),
    responses((status = 204), (status = 404, description = "No session of this account")))]
async fn end_one(State(app): Shared, who: Principal, Path(session): Path<SessionId>) -> ApiResult<StatusCode> {
    let account = own(&who)?;
    let mut write = who.write(&app).await?;
    if !sessions::end(&mut write, account, session).await? {
        return Err(ApiError::new(Code::NotFound, "This account has no such session; it may be over."));
    }
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The account of who asks; the holder of the data folder has none.
pub(super) fn own(who: &Principal) -> ApiResult<AccountId> {
    who.account().ok_or_else(|| {
        ApiError::new(Code::Conflict, "The token of the data folder is no account: sign in, or use a personal token.")
    })
}

fn session_of(who: &Principal) -> ApiResult<SessionId> {
    who.session().ok_or_else(|| {
        ApiError::new(
            Code::Conflict,
            "This is about the password of a session, and a token has none: sign in on the console.",
        )
    })
}

/// Nobody is signed in yet who could be tricked, but a page of somebody else must not sign a browser in either.
fn from_our_page(app: &App, headers: &HeaderMap) -> ApiResult<()> {
    let from_a_browser = headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN);
    if from_a_browser && !same_site(app, headers) {
        if app.attempts.may_log(app.clock.instant()) {
            let site = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()).unwrap_or_default();
            let site: String = site.chars().take(200).collect();
            tracing::warn!(site, "a sign-in that another site asked for was refused");
        }
        return Err(ApiError::new(Code::CrossSite, "Signing in is done on a page of this server."));
    }
    Ok(())
}

fn answer(app: &App, done: sign_in::SignedIn) -> Response {
    with_cookies(app, Json(done.principal.me()).into_response(), &done)
}

fn with_cookies(app: &App, mut response: Response, done: &sign_in::SignedIn) -> Response {
    put(&mut response, access::set_session(app, &done.session));
    put(&mut response, access::set_device(app, &done.device));
    response
}

fn put(response: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

fn put_named(response: &mut Response, name: header::HeaderName, value: HeaderValue) {
    response.headers_mut().insert(name, value);
}
